/** A map over all shards: read anywhere, changed by the shard of the key. */
import {
  BadAllocError,
  NoShardedInstanceError,
  Runtime,
  type RuntimeOptions,
  ServiceGroup,
} from "@tidepool/core";
import { text, u32 } from "@tidepool/core/allocator";
import {
  type PartitionedMap,
  partitionedMap,
  StaleStructureError,
} from "@tidepool/core/structures";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  accounts,
  blobs,
  type Counts,
  counts,
  disposed,
  Note,
  notes,
  partitionedTasks,
  rates,
} from "./partitioned_definitions.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "16MiB", ...options });
}

/** A key of a shard. */
function keyOf(runtime: Runtime, shard: number): string {
  for (let i = 0;; i++) if (runtime.shardOf(`key ${i}`) === shard) return `key ${i}`;
}

Deno.test("every endpoint reads what any of them has set", async () => {
  const warnings: Error[] = [];
  {
    await using runtime = await start({
      debugHeap: true,
      onWarning: (warning) => void warnings.push(warning),
    });
    await using map = await counts.start(runtime);
    for (let i = 0; i < 300; i++) await map.set(`key ${i}`, i);
    assertEquals([map.size, map.get("key 7"), map.get("none")], [300, 7, undefined]);
    assertEquals([map.has("key 299"), map.has("key 300")], [true, false]);
    assertEquals(map.getMany(["key 1", "none", "key 2"]), [1, undefined, 2]);
    assertEquals(map.read("key 3", (value) => value + 1), 4);
    for (const shard of [0, 1, 2]) {
      assertEquals(await runtime.submitTo(shard, partitionedTasks.size, map), 300 + shard);
      await runtime.submitTo(shard, partitionedTasks.set, map, `of ${shard}`, shard);
      assertEquals(map.get(`of ${shard}`), shard);
      for (const key of ["key 0", "key 1", "key 2"]) {
        assertEquals(await runtime.submitTo(shard, partitionedTasks.get, map, key), +key.slice(4));
      }
    }
    assertEquals([await map.delete("of 1"), await map.delete("of 1")], [true, false]);
    assertEquals(new Map(map).size, 302);
    const byShard = [0, 1, 2].map((shard) => [...map.keys(shard)]);
    assertEquals(byShard.flat().sort(), [...map.keys()].sort());
    for (const [shard, keys] of byShard.entries()) {
      assert(keys.length > 0 && keys.every((key) => runtime.shardOf(key) === shard));
    }
    assertEquals([...map.values()].sort().length, 302);
    await map.clear();
    assertEquals([map.size, [...map]], [0, []]);
  }
  assertEquals(warnings, []); // no block is left
});

Deno.test("setMany() sets what there is for each shard by one call", async () => {
  await using runtime = await start();
  await using map = await counts.start(runtime);
  const before = runtime.busStatistics(3).callsSent;
  await map.setMany(Array.from({ length: 100 }, (_, i) => [`key ${i % 60}`, i] as const));
  assertEquals(runtime.busStatistics(3).callsSent - before, 3);
  assertEquals([map.size, map.get("key 59"), map.get("key 39")], [60, 59, 99]);
  const [first, other] = [keyOf(runtime, 0), keyOf(runtime, 1)];
  const wrong: unknown[] = [[first, 1], [first, "two"], [first, 3], [other, 4]];
  await assertRejects(() => map.setMany(wrong as [string, number][]), TypeError, "a number");
  assertEquals(map.getMany([first, other]), [1, 4]); // up to the one that failed; and the others
});

Deno.test("updates run on the shard of the key, and give what is kept", async () => {
  await using runtime = await start();
  await using map = await counts.start(runtime);
  for (const shard of [0, 1, 2]) {
    const key = keyOf(runtime, shard);
    assertEquals(map.shardOf(key), shard);
    assertEquals(await map.update(key, "addHere", 5), 5);
    assertEquals(await map.add(key, 2), 7);
    assertEquals(await runtime.submitTo(shard, partitionedTasks.ranOn), [shard]);
  }
  await map.set("few", 2);
  assertEquals(await map.update("few", "takeOne"), 1);
  assertEquals(await map.update("few", "takeOne"), undefined);
  assertEquals([map.has("few"), await map.update("none", "takeOne")], [false, undefined]);

  // The result is what is kept, also where that is not what was set.
  await map.set("few", 2 ** 32 - 1);
  assertEquals([await map.add("few", 3), map.get("few")], [2, 2]);
  assertEquals([await map.add("few", 0.5), await map.update("few", "addHere", -3)], [
    2,
    2 ** 32 - 1,
  ]);
  await map.delete("few");

  await using shares = await rates.start(runtime);
  assertEquals(await shares.add(0.5, 0.1), Math.fround(0.1)); // as it is kept
});

Deno.test("on the shard of the key, a change is done when the method returns, with the same promise", async () => {
  await using runtime = await start();
  await using map = await counts.start(runtime);
  assertEquals(
    await runtime.submitTo(1, partitionedTasks.setAndGet, map, keyOf(runtime, 1), 11),
    [11, true],
  );
});

Deno.test("keys and values are of any type that a shared map has", async () => {
  await using runtime = await start();
  await using shares = await rates.start(runtime);
  for (const key of [0, -0, 1.5, NaN, Infinity, 2 ** 60, -7]) await shares.set(key, 1);
  assertEquals([shares.size, shares.get(-0), shares.get(NaN), shares.get(2)], [6, 1, 1, undefined]);

  await using bank = await accounts.start(runtime);
  for (let i = -20n; i < 20n; i++) await bank.set(i, { balance: Number(i), owner: `n${i}` });
  await bank.set(2n ** 62n, { seen: 3 });
  assertEquals(bank.get(-20n), { balance: -20, owner: "n-20", seen: 0 });
  assertEquals(bank.read(2n ** 62n, ({ seen }) => seen), 3);
  assertEquals(await bank.update(5n, "deposit", 10), { balance: 15, owner: "n5", seen: 0 });
  // A view does not travel, but what it holds does.
  for (let i = 0n; i < 6n; i++) {
    let set: Promise<void> | undefined;
    bank.read(7n, (view) => void (set = bank.set(100n + i, view)));
    await set;
    assertEquals(bank.get(100n + i)?.owner, "n7");
  }

  await using files = await blobs.start(runtime);
  for (let i = 0; i < 9; i++) await files.set(new Uint8Array([i, 1]), new Uint8Array(50).fill(i));
  assertEquals(files.get(new Uint8Array([8, 1])), new Uint8Array(50).fill(8));
  assertEquals([...files.keys()].map((key) => key[0]).sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("values of a codec are encoded by the caller, and need not travel", async () => {
  await using runtime = await start();
  await using map = await notes.start(runtime);
  for (let i = 0; i < 9; i++) await map.set(i, new Note(["note", `${i}`]));
  for (let i = 0; i < 9; i++) {
    const note = await map.update(i, "write", "more");
    assertInstanceOf(note, Note);
    assertEquals(note.words, ["note", `${i}`, "more"]);
    assertEquals(map.get(i)?.words, note.words);
    assertEquals(map.read(i, ({ words }) => words.length), 3);
  }
  assertEquals([...map.values()].every((note) => note instanceof Note), true);
  await assertRejects(() => map.set(1, "no note" as unknown as Note), TypeError, "not a note");
  assertEquals(map.get(1)?.words.length, 3);
});

Deno.test("a map travels to shards and back, and one that a task has started comes to the host", async () => {
  await using runtime = await start();
  const map = await runtime.submitTo(2, partitionedTasks.start);
  await map.set("a", 1);
  const back = await runtime.submitTo(0, partitionedTasks.echo, map);
  assertEquals([back.get("a"), back.name, await back.add("a", 1), map.get("a")], [
    1,
    "counts",
    2,
    2,
  ]);
  assertEquals(await runtime.map(partitionedTasks.size, map), [1, 1, 1]); // to several at once
  await using other = await start({ shards: 1, memory: "8MiB" });
  await assertRejects(
    () => other.submitTo(0, partitionedTasks.size, map),
    TypeError,
    "Cannot send a PartitionedMap of another runtime",
  );
  await using second = await counts.start(runtime); // the same definition, another map
  assertEquals([second.size, map.size], [0, 1]);
  await runtime.submitTo(1, partitionedTasks.stop, map);
  assertEquals(second.size, 0);
});

Deno.test("a map that has stopped says so, to those who read and those who call", async () => {
  await using runtime = await start();
  const map = await counts.start(runtime);
  const keys = [0, 1, 2].map((shard) => keyOf(runtime, shard));
  for (const key of keys) await map.set(key, 1);
  await using twin = await runtime.submitTo(0, partitionedTasks.echo, map);
  assertEquals(twin.getMany([keys[0]!, keys[1]!]), [1, 1]); // not the third
  await map.stop();
  await map.stop();
  for (const key of keys) {
    for (const one of [map, twin]) {
      assertThrows(() => one.get(key), StaleStructureError);
      assertThrows(() => one.size, StaleStructureError);
      assertThrows(() => [...one], StaleStructureError);
      for (const change of [() => one.set(key, 1), () => one.delete(key), () => one.add(key, 1)]) {
        const error = await assertRejects(change, NoShardedInstanceError);
        assert(error.message.includes("has none of counts"));
      }
    }
    for (const shard of [0, 1, 2]) {
      const get = () => runtime.submitTo(shard, partitionedTasks.get, map, key);
      const error = await assertRejects(get, StaleStructureError);
      assertEquals(error.owner, runtime.shardOf(key));
      assertEquals(
        error.message,
        `Cannot read counts: shard ${error.owner} has no part of it, as it has stopped`,
      );
    }
  }
});

Deno.test("options of with() hold for calls: a group, a signal", async () => {
  await using runtime = await start();
  await using map = await counts.start(runtime);
  const group = new ServiceGroup({ maxInFlight: 1, maxWaiting: 1 });
  const bounded = map.with({ group });
  const outcomes = await Promise.allSettled([1, 2, 3].map((value) => bounded.set("a", value)));
  assertEquals(outcomes.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected"]);
  assertEquals(bounded.get("a"), 2);
  const aborted = AbortSignal.abort(new RangeError("no more"));
  await assertRejects(() => map.with({ signal: aborted }).set("a", 4), RangeError, "no more");
  assertEquals(map.get("a"), 2);
  assertThrows(() => map.with({ noReply: true } as object), TypeError, "noReply");
});

Deno.test("what fails changes nothing", async () => {
  await using runtime = await start();
  await using map = await counts.start(runtime);
  const loose = map as unknown as {
    get(key: unknown): unknown;
    set(key: unknown, value: unknown): Promise<void>;
    add(key: unknown, amount: unknown): Promise<unknown>;
    update(key: unknown, name: unknown, ...args: unknown[]): Promise<unknown>;
  };
  for (const shard of [0, 1, 2]) {
    const key = keyOf(runtime, shard);
    await map.set(key, 7);
    for (const value of ["1", null, undefined, 1n, {}, Symbol("a")]) {
      await assertRejects(() => loose.set(key, value), TypeError);
    }
    for (const amount of ["1", null, undefined, {}, 1n]) {
      await assertRejects(() => loose.add(key, amount), TypeError);
    }
    await assertRejects(() => map.update(key, "fail"), RangeError, "not today");
    await assertRejects(() => map.update(key, "wrong"), TypeError);
    await assertRejects(
      () => map.update(key, "later"),
      TypeError,
      'Cannot update counts by "later": it returned a promise, and another update could come ' +
        "before that is done; expected a value",
    );
    assertEquals(map.get(key), 7);
  }
  for (const key of [1, null, undefined, {}, [], Symbol("a"), 1n, new Uint8Array(1), () => {}]) {
    assertThrows(() => loose.get(key), TypeError, "Cannot use a key of counts (text) of type");
    await assertRejects(() => loose.set(key, 1), TypeError);
  }
  for (const name of ["none", "constructor", "__proto__", 1, undefined]) {
    await assertRejects(() => loose.update("a", name), TypeError, "Cannot update counts by ");
  }
  assertEquals(map.size, 3);
  await using bank = await accounts.start(runtime);
  for (let i = 0n; i < 6n; i++) {
    await assertRejects(() => bank.set(i, { owner: "a name that is too long" }), RangeError);
    await assertRejects(
      () => bank.set(2n ** 63n + i, {}),
      RangeError,
      "as a key of accounts (i64)",
    );
    assertThrows(() => bank.get(-(2n ** 63n) - 1n - i), RangeError, "as a key of accounts (i64)");
  }
  assertEquals(bank.size, 0);
  await using files = await blobs.start(runtime);
  const huge = new Uint8Array(2 ** 23);
  await assertRejects(() => files.set(new Uint8Array(1), huge), BadAllocError);
  assertThrows(
    () => [...map.entries(3)],
    RangeError,
    "Cannot read counts on shard 3",
  );
  assertEquals(files.size, 0);
});

Deno.test("a definition says what is wrong with it", () => {
  const define = partitionedMap as unknown as (...args: unknown[]) => unknown;
  const { url } = import.meta;
  const types = { key: text(), value: u32 };
  for (
    const [args, message] of [
      [["here", "a", types], "pass import.meta.url"],
      [[url, 5, types], "named 5: expected a name"],
      [[url, "b", undefined], "Cannot define the keys of b as undefined"],
      [[url, "b", { key: u32 }], "Cannot define the values of b as undefined"],
      [[url, "b", { ...types, dispose: 1 }], "Cannot define the dispose function of b as 1"],
      [
        [url, "b", { ...types, updates: 7 }],
        "Cannot define the updates of b as 7: expected an object of functions",
      ],
      [
        [url, "b", { ...types, updates: { add: 1 } }],
        'Cannot define update "add" of b as 1: expected a function',
      ],
    ] as const
  ) assertThrows(() => define(...args), TypeError, message);
  define(url, "c", types);
  assertThrows(() => define(url, "c", types), RangeError, "a second time");
});

Deno.test("values that are replaced are disposed of on their shard", async () => {
  await using runtime = await start({ shards: 1 });
  await using map = await disposed.start(runtime);
  await map.setMany([["a", 1], ["a", 2], ["b", 3]]);
  await map.delete("b");
  for (let i = 0; i < 200; i++) await map.set("c", 1000 + i);
  const gone = await runtime.submitTo(0, partitionedTasks.disposals);
  assertEquals(gone.slice(0, 3), [1, 3, 1000]);
});

/** What the compiler refuses: never called. */
export async function refused(map: Counts, names: PartitionedMap<string, string>): Promise<void> {
  const sum: number = await map.update("a", "addHere", 1);
  const one: number | undefined = await map.update("a", "takeOne");
  const none: string | undefined = names.get(`${sum}${one}`);
  // @ts-expect-error: a key is text
  map.get(1);
  // @ts-expect-error: a value is a number
  await map.set("a", none);
  // @ts-expect-error: there is no such update
  await map.update("a", "noSuch");
  // @ts-expect-error: it takes a number
  await map.update("a", "addHere", "1");
  // @ts-expect-error: it takes one
  await map.update("a", "addHere");
  // @ts-expect-error: text is not added
  await names.add("a", "b");
  // @ts-expect-error: it may be undefined
  const certain: number = await map.update("a", "takeOne");
  // @ts-expect-error: a bigint is not added to a number
  await map.add("a", BigInt(certain));
  // @ts-expect-error: there are no updates
  await names.update("a", "addHere");
}
