import {
  defineTasks,
  MessageMemoryError,
  Runtime,
  ShardCrashedError,
  ShardStartError,
  StoppedError,
  submitTo,
  thisShard,
} from "@tidepool/core";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { busTasks } from "../bus/bus_tasks.ts";

const SMALL = { shards: 2, memory: "16MiB" } as const;

Deno.test("Runtime.submitTo() returns what the task returns (smp_test: test_smp_call)", async () => {
  await using runtime = await Runtime.start(SMALL);
  assertEquals(await runtime.submitTo(1, busTasks.add, 3, 4), 7);
  assertEquals(await runtime.submitTo(0, busTasks.id), 0);
  assertEquals(await runtime.submitTo(1, busTasks.id), 1);
});

Deno.test("Runtime.submitTo() rejects with the class that was thrown (smp_test: test_smp_exception)", async () => {
  await using runtime = await Runtime.start(SMALL);
  const error = await assertRejects(
    () => runtime.submitTo(1, busTasks.fail, "too low"),
    RangeError,
    "too low",
  );
  assertStringIncludes(error.stack!, "bus_tasks.ts");
  const outer = await assertRejects(
    () => runtime.submitTo(1, busTasks.failWith, "cause"),
    TypeError,
  );
  assertInstanceOf(outer.cause, SyntaxError);
  const text = await runtime.submitTo(1, busTasks.failWith, "text").catch((e: unknown) => e);
  assertEquals(text, "text");
  await assertRejects(
    () => runtime.submitTo(1, busTasks.failWith, "function"),
    Error,
    "unsendable",
  );
});

Deno.test("submitTo() carries values inside the record, in a block, and back", async () => {
  await using runtime = await Runtime.start(SMALL);
  const values = [
    undefined,
    null,
    true,
    false,
    0,
    -0,
    NaN,
    2 ** 53,
    5n,
    -(2n ** 63n),
    2n ** 63n,
    "",
    "tide",
    "x".repeat(44),
    "x".repeat(45),
    "höhe ŵ",
    { a: [1, { b: "c" }] },
    new Map([[1, new Set(["a"])]]),
    new Float64Array([1.5, -0]),
    "long ".repeat(10_000),
  ];
  for (const value of values) {
    const back = await runtime.submitTo(1, busTasks.echo, value);
    assertEquals(back, value);
    if (typeof value === "number") assert(Object.is(back, value));
  }
  for (const count of [0, 1, 6, 7, 8, 9, 300]) {
    const args = Array.from({ length: count }, (_, i) => i);
    assertEquals(await runtime.submitTo(0, busTasks.count, ...args), count);
    const flags = args.map((i) => i % 2 === 0);
    assertEquals(await runtime.submitTo(0, busTasks.count, ...flags), count);
  }
});

Deno.test("submitTo() refuses a function at once, naming its path", async () => {
  await using runtime = await Runtime.start(SMALL);
  await assertRejects(
    () => runtime.submitTo(1, busTasks.echo, { deep: [() => 1] }),
    TypeError,
    "arguments[0].deep[0]",
  );
  assertEquals(await runtime.submitTo(1, busTasks.add, 1, 1), 2);
});

Deno.test("submitTo() refuses a shard that is none", async () => {
  await using runtime = await Runtime.start(SMALL);
  for (const shard of [-1, 2, 0.5, NaN]) {
    await assertRejects(
      () => runtime.submitTo(shard, busTasks.id),
      RangeError,
      `Cannot submit to shard ${shard}: the runtime has shards 0 to 1`,
    );
  }
});

Deno.test("submitTo() refuses what is not a task", async () => {
  await using runtime = await Runtime.start(SMALL);
  for (const [task, kind] of [[() => 1, "function"], [undefined, "undefined"], [null, "null"]]) {
    await assertRejects(
      () => runtime.submitTo(1, task as unknown as typeof busTasks.id),
      TypeError,
      `expected a task from defineTasks(), received ${kind}`,
    );
  }
});

Deno.test("submitTo() names a task that the module does not define", async () => {
  await using runtime = await Runtime.start(SMALL);
  const missing = defineTasks(new URL("./no_such_module.ts", import.meta.url).href, {
    gone: () => 1,
  });
  const error = await assertRejects(
    () => runtime.submitTo(1, missing.gone),
    Error,
    "does not load",
  );
  assertInstanceOf(error.cause, TypeError);
  const skewed = defineTasks(new URL("../bus/bus_tasks.ts", import.meta.url).href, {
    newer: () => 1,
  });
  assertEquals(await runtime.submitTo(1, busTasks.add, 1, 1), 2); // so that the module is there
  await assertRejects(() => runtime.submitTo(1, skewed.newer), RangeError, 'defines only "add"');
});

Deno.test("submitTo() starts calls in the order in which they were made, more than a ring of them", async () => {
  await using runtime = await Runtime.start({ ...SMALL, ringSlots: 8 });
  const calls = Array.from({ length: 5000 }, (_, n) => runtime.submitTo(1, busTasks.note, n));
  await Promise.all(calls);
  assertEquals(
    await runtime.submitTo(1, busTasks.notes),
    Array.from({ length: 5000 }, (_, n) => n),
  );
});

Deno.test("submitTo() keeps the order while the module of the first call loads", async () => {
  await using runtime = await Runtime.start(SMALL);
  const first = runtime.submitTo(1, busTasks.note, 1);
  const second = runtime.submitTo(1, busTasks.note, 2);
  await Promise.all([first, second]);
  assertEquals(await runtime.submitTo(1, busTasks.notes), [1, 2]);
});

Deno.test("shards call each other, and themselves", async () => {
  await using runtime = await Runtime.start({ shards: 3, memory: "16MiB" });
  assertEquals(await runtime.submitTo(0, busTasks.relay, 300, 0), 300);
});

Deno.test("shards that flood each other with rings of two slots finish", async () => {
  const shards = 4;
  const calls = 500;
  await using runtime = await Runtime.start({ shards, memory: "16MiB", ringSlots: 2 });
  const sums = await Promise.all(
    Array.from({ length: shards }, (_, shard) => runtime.submitTo(shard, busTasks.flood, calls)),
  );
  assertEquals(sums, Array(shards).fill(shards * (calls * (calls + 1)) / 2));
});

Deno.test("a message larger than the sender's slice is refused, one that has to wait is sent", async () => {
  await using runtime = await Runtime.start({ ...SMALL, hostMemory: "256KiB" });
  await assertRejects(
    () => runtime.submitTo(1, busTasks.echo, new Uint8Array(2 ** 20)),
    MessageMemoryError,
    "its sender's slice of",
  );
  const block = new Uint8Array(50_000).fill(7);
  const echoes = await Promise.all(
    Array.from({ length: 100 }, () => runtime.submitTo(1, busTasks.count, block)),
  );
  assertEquals(echoes, Array(100).fill(1));
});

Deno.test("messages give all their memory back", async () => {
  await using runtime = await Runtime.start(SMALL);
  await runtime.submitTo(0, busTasks.echo, "x".repeat(100_000));
  await runtime.submitTo(1, busTasks.echo, { some: "object" });
  await runtime.stop();
  for (const shard of [0, 1]) {
    // Results wait on the list of remote frees of a shard that had no reason to wake.
    const { liveBlocks } = runtime.memoryStatistics(shard);
    assert(liveBlocks <= 1, `${liveBlocks} blocks live on shard ${shard}`);
    runtime.checkHeap(shard);
  }
});

Deno.test("Runtime.stop() waits for calls under way and refuses new ones", async () => {
  const runtime = await Runtime.start(SMALL);
  const waiting = runtime.submitTo(0, busTasks.pass, "gate");
  const opening = runtime.submitTo(1, busTasks.relay, 10, 0);
  const opened = runtime.submitTo(0, busTasks.open, "gate");
  const stopped = runtime.stop();
  await assertRejects(() => runtime.submitTo(0, busTasks.id), StoppedError, "told to stop");
  await stopped;
  assertEquals(await opening, 10);
  await Promise.all([waiting, opened, runtime.closed]);
});

Deno.test("Runtime.stop() rejects calls that are still under way at its deadline", async () => {
  const runtime = await Runtime.start(SMALL);
  const never = runtime.submitTo(0, busTasks.never);
  never.catch(() => {});
  await runtime.stop({ deadlineMs: 20 });
  await assertRejects(() => never, StoppedError, "still under way 20 ms after");
});

for (
  const [how, message] of [
    ["throw", "thrown outside of a task"],
    ["reject", "nobody catches this"],
    ["close", "closed itself"],
    ["exit", "closed itself"],
  ] as const
) {
  Deno.test(`a shard that dies by ${how} rejects its callers`, async () => {
    await using runtime = await Runtime.start(SMALL);
    const error = await assertRejects(
      () => runtime.submitTo(1, busTasks.crash, how),
      ShardCrashedError,
      message,
    );
    assertEquals(error.shard, 1);
    if (how === "throw" || how === "reject") assertInstanceOf(error.cause, RangeError);
    await assertRejects(() => runtime.submitTo(0, busTasks.id), ShardCrashedError, message);
    await assertRejects(() => runtime.closed, ShardCrashedError);
  });
}

Deno.test('a crash with onCrash "keep" rejects callers on other shards, which go on', async () => {
  await using runtime = await Runtime.start({ shards: 3, memory: "16MiB", onCrash: "keep" });
  const seen = runtime.submitTo(0, busTasks.callPeer, 1);
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  assertStringIncludes(await seen, "Shard 1 crashed: RangeError: thrown outside of a task");
  assertStringIncludes(await runtime.submitTo(2, busTasks.callPeer, 1), "Shard 1 crashed");
  assertEquals(await runtime.submitTo(2, busTasks.add, 1, 1), 2);
});

Deno.test("Runtime.stop() throws a crash that no call has told", async () => {
  const runtime = await Runtime.start(SMALL);
  await runtime.submitTo(1, busTasks.crashLater);
  await assertRejects(() => runtime.closed, ShardCrashedError, "after the reply");
  await assertRejects(() => runtime.stop(), ShardCrashedError, "after the reply");
});

Deno.test("Runtime.stop() does not throw a crash that a call made after it has told", async () => {
  const runtime = await Runtime.start({ ...SMALL, onCrash: "keep" });
  await runtime.submitTo(1, busTasks.crashLater);
  await assertRejects(() => runtime.closed, ShardCrashedError, "after the reply");
  await assertRejects(() => runtime.submitTo(1, busTasks.id), ShardCrashedError);
  await runtime.stop();
});

Deno.test("Runtime.start() names what is wrong with its options", async () => {
  const cases: [Parameters<typeof Runtime.start>[0], string][] = [
    [{ shards: 0, memory: 1 }, "Cannot start 0 shards: expected a whole number from 1 to 256"],
    [{ shards: 1.5, memory: 1 }, "Cannot start 1.5 shards"],
    [{ shards: 2, memory: "64KiB" }, "Cannot divide 65536 bytes of memory between 2 shards"],
    [{ shards: 2, memory: "lots" }, 'Cannot read memory size "lots"'],
    [{ ...SMALL, ringSlots: 3 }, "Cannot make rings of 3 slots: expected a power of two"],
    [{ ...SMALL, spinMicroseconds: -1 }, "Cannot spin for -1 microseconds: expected 0 to 10000"],
    [
      { ...SMALL, watchdogMs: 5 },
      "Cannot watch over shards every 5 ms: expected 100 to 2147483647",
    ],
    [
      { ...SMALL, trimAfterMs: 99 },
      "Cannot give memory back after 99 ms: expected 100 to 2147483647",
    ],
    [{ ...SMALL, trimAfterMs: NaN }, "Cannot give memory back after NaN ms: expected 100 to"],
    [{ ...SMALL, hostMemory: 1 }, "Cannot give the host 4096 bytes"],
  ];
  for (const [options, message] of cases) {
    await assertRejects(() => Runtime.start(options), RangeError, message);
  }
  assert(ShardStartError.prototype instanceof Error);
});

Deno.test("thisShard() and submitTo() on the host say that it is not a shard", () => {
  assertThrows(() => thisShard(), TypeError, "This thread is not a shard");
  assertThrows(() => submitTo(0, busTasks.id), TypeError, "This thread is not a shard");
});

Deno.test("defineTasks() refuses what is not a task", () => {
  assertThrows(() => defineTasks("here", {}), TypeError, "pass import.meta.url");
  const module = "file:///twice.ts";
  assertThrows(
    () => defineTasks(module, { x: 1 as unknown as () => void }),
    TypeError,
    "expected a function, received number",
  );
  defineTasks(module, { y: () => 1 });
  assertThrows(() => defineTasks(module, { y: () => 1 }), RangeError, "a second time");
});
