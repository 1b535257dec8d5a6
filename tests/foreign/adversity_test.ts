/** Messages made to do harm: whatever they try, each object is destroyed once, where it lives. */
import {
  type ForeignPtr,
  MessageMemoryError,
  Runtime,
  type RuntimeOptions,
  ShardCrashedError,
  StaleForeignPtrError,
} from "@tidepool/core";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { adversityTasks, type Carrier } from "./adversity_tasks.ts";
import { outcomeTasks, type Piece } from "./outcome_tasks.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "12MiB", onCrash: "keep", ...options });
}

/** What was destroyed on `shard`, once everything under way has arrived everywhere. */
async function destroyedOn(runtime: Runtime, shard: number): Promise<string[]> {
  for (let round = 0; round < 3; round++) {
    for (let each = 0; each < runtime.shardCount; each++) {
      await runtime.submitTo(each, outcomeTasks.tick).catch((error) => {
        assertInstanceOf(error, ShardCrashedError);
      });
    }
  }
  return (await runtime.submitTo(shard, outcomeTasks.destroyed)).sort();
}

function outstanding(runtime: Runtime, shard: number): number {
  return runtime.foreignStatistics(shard).outstanding.reduce((sum, count) => sum + count, 0);
}

Deno.test("pointers move wherever a value can hold them", async () => {
  await using runtime = await start();
  const names = ["a", "b", "c", "d", "e", "f", "g"];
  const opened: ForeignPtr<Piece>[] = [];
  for (const name of names) opened.push(await runtime.submitTo(0, outcomeTasks.open, name));
  const [a, b, c, d, e, f, g] = opened as [ForeignPtr<Piece>, ...ForeignPtr<Piece>[]];
  const value = {
    map: new Map<unknown, unknown>([[a, [[b]]], ["key", new Set([c])]]),
    error: new Error("outer", { cause: new AggregateError([d], "inner", { cause: e }) }),
    sparse: Object.assign([], { 7: f }),
    sealed: Object.freeze(Object.assign(Object.create(null), { g })),
  };
  assertEquals(await runtime.submitTo(1, adversityTasks.dropEach, value), names.length);
  assert(opened.every(({ isNull }) => isNull));
  assertEquals(await destroyedOn(runtime, 0), names);
  assertEquals(outstanding(runtime, 0), 0);
});

Deno.test("the same pointer twice in a message is one pointer there", async () => {
  await using runtime = await start();
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "twice");
  const again = { again: pointer };
  assert(await runtime.submitTo(1, adversityTasks.areSame, pointer, again));
  assert(pointer.isNull);
  assertEquals(await destroyedOn(runtime, 0), ["twice"]);
});

Deno.test("a getter that throws behind a pointer leaves it with its sender", async () => {
  await using runtime = await start();
  await using pointer = await runtime.submitTo(0, outcomeTasks.open, "stays");
  const value = {
    pointer,
    get bad(): never {
      throw new RangeError("from the getter");
    },
  };
  await assertRejects(
    () => runtime.submitTo(1, adversityTasks.dropEach, value),
    RangeError,
    "from the getter",
  );
  assertEquals(await pointer.invoke("nameHere"), "stays on 0");
});

Deno.test("a getter that destroys a pointer which the message carries already", async () => {
  await using runtime = await start();
  for (const to of [0, 1]) { // its home, and another shard
    const pointer = await runtime.submitTo(0, outcomeTasks.open, "once");
    let destroying: Promise<void> | undefined;
    const value = {
      pointer,
      get later(): number {
        destroying = pointer.destroy();
        return 1;
      },
    };
    const dropped = runtime.submitTo(to, adversityTasks.dropEach, value);
    // Who comes first destroys it; the other is told that it is gone, or finds it null.
    for (const outcome of await Promise.allSettled([dropped, destroying])) {
      if (outcome.status === "rejected") assertInstanceOf(outcome.reason, StaleForeignPtrError);
    }
    assertEquals(await destroyedOn(runtime, 0), ["once"]);
    assertEquals(outstanding(runtime, 0), 0);
  }
});

Deno.test("a getter that sends a pointer elsewhere which the message carries already", async () => {
  await using runtime = await start();
  for (const [first, second] of [[1, 2], [0, 1], [1, 0], [1, 1]] as const) {
    const pointer = await runtime.submitTo(0, outcomeTasks.open, "once");
    let other: Promise<unknown> | undefined;
    const value = {
      pointer,
      get later(): number {
        other = runtime.submitTo(second, adversityTasks.dropEach, [pointer]);
        return 1;
      },
    };
    const one = runtime.submitTo(first, adversityTasks.dropEach, value);
    const outcomes = await Promise.allSettled([one, other]);
    const failed = outcomes.filter((outcome) => outcome.status === "rejected");
    assertEquals(failed.length, 1); // a pointer arrives once
    assertInstanceOf(failed[0]!.reason, TypeError);
    assertStringIncludes(
      failed[0]!.reason.message,
      `it was moved to endpoint ${second} (arguments[0])`,
    );
    assertEquals(await destroyedOn(runtime, 0), ["once"]);
    assertEquals(outstanding(runtime, 0), 0);
  }
});

Deno.test("pointers in what a task throws move to the caller", async () => {
  await using runtime = await start();
  const error = await assertRejects(
    () => runtime.submitTo(0, adversityTasks.throwWithPointers, "p"),
    RangeError,
    "with pointers",
  ) as Carrier;
  assertEquals(await error.cause.pointer.invoke("nameHere"), "p1 on 0");
  assertEquals(await error.list[0]!.invoke("nameHere"), "p2 on 0");
  error.cause.pointer[Symbol.dispose]();
  error.list[0]![Symbol.dispose]();
  assertEquals(await destroyedOn(runtime, 0), ["p1", "p2"]);
});

Deno.test("a pointer that was away, was emptied from inside and set again names the new object", async () => {
  await using runtime = await start();
  const away = await runtime.submitTo(0, outcomeTasks.open, "old");
  const again = await runtime.submitTo(0, adversityTasks.emptyAndReset, away, "new");
  assertEquals(await again.invoke("nameHere"), "new on 0");
  assertEquals(await destroyedOn(runtime, 0), ["old"]);
  await again.destroy();
  assertEquals(await destroyedOn(runtime, 0), ["new"]);
  assertEquals(outstanding(runtime, 0), 0);
});

Deno.test("a shared object that is emptied at home while copies are asked for: they fail, nothing is left", async () => {
  await using runtime = await start();
  for (let round = 0; round < 20; round++) {
    const pointer = await runtime.submitTo(0, outcomeTasks.openShared, "emptied");
    const copying = Promise.allSettled([pointer.copy(), pointer.copy(3)]);
    await runtime.submitTo(0, adversityTasks.emptyInside, pointer);
    for (const outcome of await copying) {
      if (outcome.status === "rejected") assertInstanceOf(outcome.reason, StaleForeignPtrError);
      else [outcome.value].flat().forEach((copy) => copy[Symbol.dispose]());
    }
    assertEquals(await destroyedOn(runtime, 0), ["emptied"]);
    assertEquals(outstanding(runtime, 0), 0);
  }
});

Deno.test("copies that the owner refuses do not keep the object when its pointers are gone", async () => {
  await using runtime = await start({ memory: "3MiB" });
  const pointer = await runtime.submitTo(0, outcomeTasks.openShared, "refused");
  await assertRejects(() => pointer.copy(500_000), MessageMemoryError, "2000000 bytes");
  const late = pointer.copy(500_000); // and one that the owner hears of after the pointer's end
  const gone = runtime.submitTo(1, adversityTasks.dropEach, pointer);
  await assertRejects(() => late, MessageMemoryError);
  assertEquals(await gone, 1);
  assertEquals(await destroyedOn(runtime, 0), ["refused"]);
  assertEquals(outstanding(runtime, 0), 0);
});

Deno.test("a million pointers are held and destroyed; more than the table holds are refused", async () => {
  await using runtime = await start({ memory: "96MiB", hostMemory: "32MiB" });
  const pointer = await runtime.submitTo(0, outcomeTasks.openShared, "shared");
  const capacity = 1_048_544;
  await assertRejects(
    () => pointer.copy(capacity),
    RangeError,
    `Cannot give ${capacity} more pointers away: shard 0 has given away 1, and ${capacity} are the most`,
  );
  const copies = await pointer.copy(capacity - 1);
  assertEquals(outstanding(runtime, 0), capacity);
  await assertRejects(() => pointer.copy(), RangeError, "Cannot give 1 more");
  await assertRejects(
    () => runtime.submitTo(0, outcomeTasks.open, "x"),
    RangeError,
    "Cannot give 1",
  );
  assertEquals(await destroyedOn(runtime, 0), ["x"]);
  for (const copy of copies) copy[Symbol.dispose]();
  await pointer.destroy();
  assertEquals(await destroyedOn(runtime, 0), ["shared"]);
  assertEquals(outstanding(runtime, 0), 0);
  await using again = await runtime.submitTo(0, outcomeTasks.open, "again");
  assertEquals(await again.invoke("nameHere"), "again on 0");
});

Deno.test("a destruction waits for memory, if it is the first and needs a block to say its name", async () => {
  await using runtime = await start();
  const dropped = await runtime.submitTo(0, outcomeTasks.open, "dropped");
  const awaited = await runtime.submitTo(1, outcomeTasks.open, "awaited");
  const { allocator } = runtime["endpoint"];
  const blocks: number[] = [];
  for (let size = 2 ** 20; size >= 16; size /= 2) {
    for (let at = allocator.malloc(size); at !== 0; at = allocator.malloc(size)) blocks.push(at);
  }
  dropped[Symbol.dispose]();
  let isDestroyed = false;
  const destroyed = awaited.destroy().then(() => isDestroyed = true);
  await runtime.submitTo(2, outcomeTasks.tick).catch((error) => {
    assertInstanceOf(error, MessageMemoryError); // it has to say its name as well
  });
  assert(!isDestroyed);
  for (const block of blocks) allocator.free(block);
  await runtime.submitTo(2, outcomeTasks.tick);
  await destroyed;
  assertEquals(await destroyedOn(runtime, 0), ["dropped"]);
  assertEquals(await destroyedOn(runtime, 1), ["awaited"]);
});
