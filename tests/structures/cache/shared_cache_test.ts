/** A shared cache on its owner, and read from other endpoints of a runtime. */
import { Runtime, type RuntimeOptions, ShardCrashedError } from "@tidepool/core";
import { f64, i32, struct, text } from "@tidepool/core/allocator";
import { type EvictReason, sharedCache, StaleStructureError } from "@tidepool/core/structures";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { cacheTasks, definitions, json } from "./cache_definitions.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 2, memory: "16MiB", ...options });
}

Deno.test("a cache keeps values of every type, and a reader gets them", async () => {
  await using runtime = await start({ debugHeap: true });
  using points = definitions.points.make(runtime);
  points.set(7, { x: 1, y: 2, label: "naïve" });
  const pointReader = definitions.points.reader(runtime, points.address);
  assertEquals(pointReader.get(7), { x: 1, y: 2, label: "naïve" });
  assertEquals(pointReader.read(7, ({ x, y }) => x + y), 3);
  assertEquals(points.read(7, ({ label }) => label), "naïve");
  assertEquals([points.read(8, () => 1), pointReader.read(8, () => 1)], [undefined, undefined]);
  using blobs = definitions.blobs.make(runtime);
  blobs.set(new Uint8Array([1, 2]), new Uint8Array(1000).fill(7));
  const blobReader = definitions.blobs.reader(runtime, blobs.address);
  assertEquals(blobReader.get(new Uint8Array([1, 2])), new Uint8Array(1000).fill(7));
  using documents = definitions.documents.make(runtime);
  documents.set("a", { b: [1, "two", null] });
  const documentReader = definitions.documents.reader(runtime, documents.address);
  assertEquals(documentReader.get("a"), { b: [1, "two", null] });
  assertEquals([...documentReader.keys()], ["a"]);
  assertEquals([...documents.values()], [{ b: [1, "two", null] }]);
});

Deno.test("a value whose getters use its own cache leaves that whole", async () => {
  await using runtime = await start({ debugHeap: true });
  const Points = sharedCache("Points", { key: text(), value: struct("Point", { x: f64 }) });
  using points = Points.make(runtime);
  for (let i = 0; i < 50; i++) points.set(`key ${i}`, { x: i });
  const uses = [
    () => points.get("key 3")!.x,
    () => points.delete("key 4") ? 4 : 5,
    () => points.set("key 6", { x: -6 }).size,
    () => [...points].length,
  ];
  for (const use of uses) {
    for (const key of ["key 6", "key 4", "another"]) {
      const value = {
        get x() {
          return use();
        },
      };
      points.set(key, value);
      const entries = [...points];
      assertEquals(new Set(entries.map(([each]) => each)).size, points.size);
      for (const [each, { x }] of entries) assertEquals(points.get(each), { x });
    }
  }
  assertEquals(points.size, 51); // none is lost, and the new one is there
});

Deno.test("another shard reads what the owner sets, without a message, and that counts as used", async () => {
  await using runtime = await start();
  const address = await runtime.submitTo(0, cacheTasks.open, 1000);
  const reader = definitions.prices.reader(runtime, address);
  assertEquals([reader.size, reader.owner, reader.address], [1000, 0, address]);
  assertEquals(reader.get("product 0"), 0);
  assertEquals(await runtime.submitTo(1, cacheTasks.get, address, "product 1"), 1);
  // The two oldest go, but for those that were read.
  await runtime.submitTo(0, cacheTasks.set, "new", -1);
  await runtime.submitTo(0, cacheTasks.set, "newer", -2);
  const { hits, misses, evictions, entries } = reader.statistics();
  assertEquals({ hits, misses, evictions, entries }, {
    hits: 2,
    misses: 0,
    evictions: 2,
    entries: 1000,
  });
  const kept = ["0", "1", "2", "3", "4"].map((n) => reader.peek(`product ${n}`));
  assertEquals(kept, [0, 1, undefined, undefined, 4]);
  assertEquals([reader.get("new"), reader.get("newer"), reader.get("old")], [-1, -2, undefined]);
  assertEquals(reader.statistics().misses, 1);
  await runtime.submitTo(0, cacheTasks.close);
});

Deno.test("an entry that has ended is given by nobody, and gone when the owner comes by", async () => {
  await using runtime = await start();
  const address = await runtime.submitTo(0, cacheTasks.open, 0);
  const reader = definitions.prices.reader(runtime, address);
  const begin = performance.now();
  await runtime.submitTo(0, cacheTasks.set, "tea", 1, 40);
  await runtime.submitTo(0, cacheTasks.set, "coffee", 2);
  const seen = reader.get("tea");
  if (performance.now() - begin < 35) assertEquals(seen, 1);
  while (reader.has("tea")) assert(performance.now() - begin < 10_000);
  assert(performance.now() - begin >= 35);
  assertEquals([reader.get("tea"), reader.peek("tea"), reader.get("coffee")], [
    undefined,
    undefined,
    2,
  ]);
  assertEquals([...reader.keys()], ["coffee"]);
  assertEquals(reader.size, 2);
  while (await runtime.submitTo(0, cacheTasks.has, "tea")); // two milliseconds at most
  await runtime.submitTo(0, cacheTasks.set, "water", 3);
  assertEquals(reader.size, 2);
  assertEquals(reader.statistics().expirations, 1);
  await runtime.submitTo(0, cacheTasks.close);
});

Deno.test("a set with another end replaces the value as a whole, and keepTtl keeps the end", async () => {
  await using runtime = await start();
  using prices = sharedCache("Prices", { key: text(), value: f64, ttlMs: 3_600_000 }).make(runtime);
  prices.set("tea", 1).set("tea", 2, { ttlMs: Infinity }).set("tea", 3, { keepTtl: true });
  assertEquals(prices.get("tea"), 3);
  prices.set("tea", 4, { ttlMs: 1 });
  while (prices.get("tea") !== undefined);
  // There is no end to be kept any more.
  prices.set("tea", 5, { keepTtl: true });
  assertEquals(prices.get("tea"), 5);
});

Deno.test("onEvict is told of each entry that has gone, and why, when no reader sees it", async () => {
  await using runtime = await start({ debugHeap: true });
  const gone: [number, number, EvictReason][] = [];
  const Numbers = sharedCache("Numbers", {
    key: i32,
    value: f64,
    maxEntries: 2,
    onEvict: (key, value, why) => gone.push([key, value, why]),
  });
  const before = runtime["endpoint"].allocator.liveBlocks;
  const numbers = Numbers.make(runtime);
  numbers.set(1, 10).set(1, 11).set(2, 20).set(3, 30);
  numbers.delete(2);
  numbers.set(4, 40, { ttlMs: 1 });
  while (numbers.has(4));
  numbers.purgeStale();
  assertEquals(gone, []); // in batches
  numbers[Symbol.dispose]();
  assertEquals(gone, [
    [1, 10, "set"],
    [1, 11, "evict"],
    [2, 20, "delete"],
    [4, 40, "expire"],
    [3, 30, "delete"],
  ]);
  assertEquals(runtime["endpoint"].allocator.liveBlocks, before);
  assertThrows(() => numbers.get(1), StaleStructureError, "Cannot use Numbers: it was disposed of");
  assertThrows(() => numbers.set(1, 1), StaleStructureError, "it was disposed of");
  assertThrows(() => numbers.statistics(), StaleStructureError, "it was disposed of");
});

Deno.test("onEvict may use the cache, and what it throws is a warning", async () => {
  const warnings: string[] = [];
  await using runtime = await start({ onWarning: ({ message }) => warnings.push(message) });
  let calls = 0;
  const Numbers = sharedCache("Numbers", {
    key: i32,
    value: f64,
    maxEntries: 100,
    onEvict(key, value, why): void {
      // What goes comes back under another key, but not for ever.
      if (why === "evict" && ++calls % 3 === 0) numbers.set(key + 1_000_000, value);
      if (calls === 5) throw new Error("no more");
    },
  });
  const numbers = Numbers.make(runtime);
  for (let i = 0; i < 5000; i++) numbers.set(i, i);
  assertEquals(numbers.size, 100);
  assertEquals([...numbers].length, 100);
  assertEquals(numbers.get(4999), 4999);
  const { evictions, entries } = numbers.statistics();
  assertEquals(entries, 100);
  assert(evictions > 6000, `${evictions}`);
  assertEquals(warnings.filter((text) => /The onEvict function of Numbers has thrown/.test(text)), [
    "The onEvict function of Numbers has thrown: Error: no more",
  ]);
  numbers[Symbol.dispose]();
  runtime["endpoint"].allocator.checkHeap();
});

Deno.test("resize() bounds by entries and by bytes, and clear() empties", async () => {
  await using runtime = await start();
  using pages = definitions.pages.make(runtime);
  for (let i = 0; i < 200; i++) pages.set(`page ${i % 150}`, "x".repeat(100));
  assertEquals(pages.size, 150);
  pages.resize({ maxEntries: 100 });
  assertEquals(pages.size, 100);
  pages.resize({ maxBytes: 10_000 });
  assert(pages.statistics().bytes <= 10_000 && pages.size >= 60);
  pages.set("large", "x".repeat(9000));
  assert(pages.statistics().bytes <= 10_000 && pages.has("large"));
  assertThrows(
    () => pages.set("large", "x".repeat(10_000)),
    RangeError,
    "Cannot keep an entry of 10048 bytes in Pages: expected at most 10000, its maxBytes",
  );
  assertEquals(pages.get("large")?.length, 9000);
  pages.resize({});
  for (let i = 0; i < 1000; i++) pages.set(`page ${i}`, "x".repeat(100));
  assert(pages.size > 1000);
  pages.clear();
  assertEquals([pages.size, [...pages], pages.statistics().bytes], [0, [], 0]);
  pages.set("again", "x");
  assertEquals(pages.get("again"), "x");
});

Deno.test("what is wrong leaves the cache as it was, and says what was expected", async () => {
  await using runtime = await start({ debugHeap: true });
  using prices = definitions.prices.make(runtime);
  prices.set("tea", 1);
  const before = runtime["endpoint"].allocator.liveBlocks;
  // deno-lint-ignore no-explicit-any -- what a caller without types passes
  const any = prices as any;
  assertThrows(() => any.set(1, 1), TypeError, "Cannot use a key of Prices (text)");
  assertThrows(() => any.set("tea", "x"), TypeError);
  assertThrows(() => any.set("milk", "x"), TypeError);
  assertThrows(
    () => any.set("tea", 2, { ttlMs: 0 }),
    RangeError,
    "Cannot keep an entry of Prices for 0 ms: expected more than 0, or Infinity for no end",
  );
  assertThrows(() => any.set("tea", 2, { ttlMs: NaN }), RangeError, "for NaN ms");
  assertThrows(
    () => any.set("tea", 2, { ttlMs: "1" }),
    TypeError,
    "Cannot keep an entry of Prices for ttlMs of type string: expected a number",
  );
  assertThrows(
    () => prices.resize({ maxEntries: 0 }),
    RangeError,
    "Cannot bound Prices by maxEntries 0: expected a whole number above 0, or Infinity",
  );
  assertThrows(
    () => any.resize({ maxEntries: 1, maxBytes: "1" }),
    TypeError,
    "Cannot bound Prices by maxBytes of type string: expected a number",
  );
  assertThrows(() => prices.read("tea", () => Promise.resolve()), TypeError, "returns a promise");
  prices.set("coffee", 2); // not bounded by 1 entry
  assertEquals([...prices].sort(), [["coffee", 2], ["tea", 1]]);
  using documents = sharedCache("Documents", { key: text(), value: json }).make(runtime);
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  documents.set("a", 1);
  assertThrows(() => documents.set("a", circular), TypeError, "circular");
  assertEquals([...documents], [["a", 1]]);
  documents[Symbol.dispose]();
  prices.delete("coffee");
  assert(runtime["endpoint"].allocator.liveBlocks >= before);
  for (
    const [options, message] of [
      [{ key: f64, value: f64, onEvict: 1 }, "Cannot define the onEvict function of X as 1"],
      [{ key: text, value: f64 }, "Cannot define the keys of X"],
      [{ key: f64, value: 5 }, "Cannot define the values of X"],
      [undefined, "Cannot define the keys of X"],
    ] as const
  ) {
    // deno-lint-ignore no-explicit-any -- what a caller without types passes
    assertThrows(() => sharedCache("X", options as any), TypeError, message);
  }
  assertThrows(
    () => sharedCache("", { key: f64, value: f64 }),
    TypeError,
    "Cannot define a shared cache named",
  );
  assertThrows(() => sharedCache("X", { key: f64, value: f64, maxBytes: 1.5 }), RangeError, "1.5");
});

Deno.test("a reader with another definition is told both, a map's too", async () => {
  await using runtime = await start();
  using prices = definitions.prices.make(runtime);
  const Other = sharedCache("Prices", { key: text(), value: text() });
  assertThrows(
    () => Other.reader(runtime, prices.address),
    TypeError,
    `Cannot read shared cache Prices of text to text at address ${prices.address}: ` +
      "what lies there is shared cache Prices of text to f64",
  );
});

Deno.test("an owner that dies leaves readers with its death", async () => {
  await using runtime = await start({ onCrash: "keep" });
  const address = await runtime.submitTo(0, cacheTasks.open, 100);
  const reader = definitions.prices.reader(runtime, address);
  assertEquals(reader.get("product 7"), 7);
  await assertRejects(() => runtime.submitTo(0, cacheTasks.crash), ShardCrashedError);
  for (const use of [() => reader.get("product 7"), () => reader.statistics(), () => [...reader]]) {
    assertThrows(use, ShardCrashedError, "Shard 0 crashed");
  }
  assertThrows(() => definitions.prices.reader(runtime, address), ShardCrashedError);
});

Deno.test("a reader of an owner's former life is told so, and one of a cache that was disposed of", async () => {
  await using runtime = await start({ onCrash: "restart" });
  const address = await runtime.submitTo(0, cacheTasks.open, 100);
  const reader = definitions.prices.reader(runtime, address);
  await assertRejects(() => runtime.submitTo(0, cacheTasks.crash), ShardCrashedError);
  // Waits until the shard is back.
  const again = await runtime.submitTo(0, cacheTasks.open, 10);
  assertThrows(() => reader.get("product 7"), StaleStructureError, "was started again since");
  const next = definitions.prices.reader(runtime, again);
  assertEquals([next.size, next.get("product 7")], [10, 7]);
  await runtime.submitTo(0, cacheTasks.close);
  assertThrows(() => next.get("product 7"), StaleStructureError, "has disposed of it");
});

Deno.test("a cache is sent by its address", async () => {
  await using runtime = await start();
  using prices = definitions.prices.make(runtime);
  const reader = definitions.prices.reader(runtime, prices.address);
  for (const [value, className] of [[prices, "SharedCache"], [reader, "SharedCacheReader"]]) {
    await assertRejects(
      // deno-lint-ignore no-explicit-any -- what the types do not let through
      () => runtime.submitTo(0, cacheTasks.echo, value as any),
      TypeError,
      `an object of class ${className} does not travel between shards: send its address`,
    );
  }
});
