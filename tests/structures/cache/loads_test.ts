/** getOrLoad(): one load for many callers, failures, and what happens to the key meanwhile. */
import { Runtime } from "@tidepool/core";
import { f64, text } from "@tidepool/core/allocator";
import { sharedCache } from "@tidepool/core/structures";
import { assertEquals, assertRejects } from "@std/assert";
import { definitions } from "./cache_definitions.ts";

function start(): Promise<Runtime> {
  return Runtime.start({ shards: 1, memory: "8MiB" });
}

Deno.test("however many ask for a key, it is loaded once", async () => {
  await using runtime = await start();
  using prices = definitions.prices.make(runtime);
  const asked: string[] = [];
  const gate = Promise.withResolvers<number>();
  const load = (key: string) => {
    asked.push(key);
    return gate.promise;
  };
  const all = Array.from({ length: 10 }, () => prices.getOrLoad("tea", load));
  const other = prices.getOrLoad("coffee", (key) => key.length);
  assertEquals(await other, 6);
  gate.resolve(3);
  assertEquals(new Set(await Promise.all(all)), new Set([3]));
  assertEquals(asked, ["tea"]);
  assertEquals(prices.peek("tea"), 3);
  assertEquals(await prices.getOrLoad("tea", load), 3);
  assertEquals(asked, ["tea"]);
  const { hits, misses } = prices.statistics();
  assertEquals({ hits, misses }, { hits: 1, misses: 11 });
});

Deno.test("a load that fails rejects all who wait, is not kept, and the next asks anew", async () => {
  await using runtime = await start();
  using prices = definitions.prices.make(runtime);
  const fail = () => Promise.reject(new Error("no connection"));
  const all = [1, 2, 3].map(() => prices.getOrLoad("tea", fail));
  for (const each of all) await assertRejects(() => each, Error, "no connection");
  const thrown = prices.getOrLoad("tea", () => {
    throw new Error("at once");
  });
  await assertRejects(() => thrown, Error, "at once");
  // deno-lint-ignore no-explicit-any -- a value of the wrong kind
  await assertRejects(() => prices.getOrLoad("tea", () => "x" as any), TypeError);
  assertEquals([prices.size, await prices.getOrLoad("tea", () => 4)], [0, 4]);
  // deno-lint-ignore no-explicit-any -- a key of the wrong kind
  await assertRejects(() => prices.getOrLoad(1 as any, () => 4), TypeError, "expected a string");
  await assertRejects(() => prices.getOrLoad("tea", () => 4, { ttlMs: -1 }), RangeError, "-1 ms");
});

Deno.test("what is set, deleted or cleared during its load is not overwritten by that", async () => {
  await using runtime = await start();
  using prices = definitions.prices.make(runtime);
  const changes: [string, () => void, number | undefined][] = [
    ["set", () => prices.set("set", 2), 2],
    ["delete", () => prices.delete("delete"), undefined],
    ["clear", () => prices.clear(), undefined],
  ];
  for (const [key, change, kept] of changes) {
    const gate = Promise.withResolvers<number>();
    const first = prices.getOrLoad(key, () => gate.promise);
    change();
    // Who asks from now on must not get what was there before.
    const second = kept === undefined ? prices.getOrLoad(key, () => 7) : undefined;
    gate.resolve(1);
    assertEquals(await first, 1);
    assertEquals(await second ?? kept, kept ?? 7);
    assertEquals(prices.peek(key), kept ?? 7);
  }
});

Deno.test("a cache that is disposed of during a load gives what was loaded, and keeps nothing", async () => {
  await using runtime = await start();
  const prices = definitions.prices.make(runtime);
  const gate = Promise.withResolvers<number>();
  const loading = prices.getOrLoad("tea", () => gate.promise);
  prices[Symbol.dispose]();
  gate.resolve(1);
  assertEquals(await loading, 1);
});

Deno.test("keys of bytes are told apart by their bytes, as they were when the load began", async () => {
  await using runtime = await start();
  using blobs = definitions.blobs.make(runtime);
  const key = new Uint8Array([1, 2]);
  let loads = 0;
  const load = async (key: Uint8Array) => {
    loads++;
    await null;
    return key;
  };
  const first = blobs.getOrLoad(key, load);
  const second = blobs.getOrLoad(new Uint8Array([1, 2]), load);
  key[0] = 9;
  assertEquals([await first, await second, loads], [
    new Uint8Array([1, 2]),
    new Uint8Array([1, 2]),
    1,
  ]);
  assertEquals([blobs.has(new Uint8Array([1, 2])), blobs.has(key)], [true, false]);
});

Deno.test("what was loaded lasts as long as the options say", async () => {
  await using runtime = await start();
  using prices = sharedCache("Prices", { key: text(), value: f64 }).make(runtime);
  await prices.getOrLoad("tea", () => 1, { ttlMs: 5 });
  while (prices.get("tea") !== undefined);
  assertEquals(await prices.getOrLoad("tea", () => 2), 2);
});
