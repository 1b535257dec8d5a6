/**
 * What a hostile or careless program can do: each gives a clear error or works, and afterwards the
 * shard still answers.
 */
import { type CallOptions, Runtime, type RuntimeOptions, ShardCrashedError } from "@tidepool/core";
import type { StopOptions } from "@tidepool/core/shard";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { workerThreads } from "../../harness/worker_threads.ts";
import { hostileTasks } from "./hostile_tasks.ts";

const SMALL = { shards: 2, memory: "16MiB", onCrash: "keep" } as const;
const SLICE_BYTES = 8 * 2 ** 20;

/** What a call settles with, in words. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    return `ok ${JSON.stringify(await call)}`;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : `threw ${String(error)}`;
  }
}

Deno.test("results and errors that break every rule reject their own call, and nothing else", async () => {
  await using runtime = await Runtime.start(SMALL);
  const call = (task: keyof typeof hostileTasks, ...args: unknown[]) =>
    runtime.submitTo(1, hostileTasks[task] as typeof hostileTasks.echo, ...args as [unknown]);
  const cases: [ReturnType<typeof outcomeOf>, string][] = [
    [outcomeOf(call("settlesTwice")), "ok 1"],
    [outcomeOf(call("settlesAndThrows")), "ok 1"],
    [outcomeOf(call("thenThrows")), "RangeError: the getter of then"],
    [outcomeOf(call("throwsWithoutText")), "Error: something thrown that has no text"],
    [outcomeOf(call("throwsBadText")), "Error: something thrown that has no text"],
    [outcomeOf(call("throwsProxy")), "Error: something thrown that has no text"],
    [outcomeOf(call("throwsUndefined")), "threw undefined"],
    [outcomeOf(call("throwsLarge", 2 * SLICE_BYTES)), "RangeError: too large"],
    [outcomeOf(call("getterThrows")), "RangeError: the getter of x"],
    [
      outcomeOf(call("large", 2 * SLICE_BYTES)),
      "MessageMemoryError: Cannot send a message of 167772",
    ],
    [outcomeOf(call("large", 1.9e9)), "MessageMemoryError: Cannot send a message of 1900000"],
    [outcomeOf(call("deep", 100_000)), "RangeError: Cannot send the result.value.value"],
    [outcomeOf(call("add", 1, 2)), "ok 3"],
  ];
  for (const [settled, expected] of cases) {
    const outcome = await settled;
    assert(outcome.startsWith(expected), `${outcome}, expected ${expected}`);
  }
});

Deno.test("calls without reply that fail so are told, each", async () => {
  await using runtime = await Runtime.start(SMALL);
  for (const task of [hostileTasks.throwsProxy, hostileTasks.throwsWithoutText]) {
    await runtime.submitTo(1, task.with({ noReply: true }));
  }
  const { errors } = await assertRejects(() => runtime.flush(), AggregateError);
  assertEquals(errors.map(String), Array(2).fill("Error: something thrown that has no text"));
});

Deno.test("arguments that cannot be read, or hardly, reject at the call", async () => {
  await using runtime = await Runtime.start(SMALL);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  let deep: unknown = 0;
  for (let i = 0; i < 100_000; i++) deep = [deep];
  const cases: [unknown, string][] = [
    [{
      get x() {
        throw new SyntaxError("mine");
      },
    }, "SyntaxError: mine"],
    [new Proxy({ a: 1 }, {}), 'ok {"a":1}'],
    [proxy, "TypeError: Cannot perform 'getPrototypeOf' on a proxy that has been revoked"],
    [deep, "RangeError: Cannot send arguments[0][0]"],
    [Object.freeze({ a: Object.freeze([1]) }), 'ok {"a":[1]}'],
    [
      new URL("https://example.net"),
      "TypeError: Cannot send arguments[0] as an object of class URL",
    ],
    [
      new SharedArrayBuffer(8),
      "TypeError: Cannot send arguments[0] as a SharedArrayBuffer does not",
    ],
  ];
  for (const [value, expected] of cases) {
    const outcome = await outcomeOf(runtime.submitTo(1, hostileTasks.echo, value));
    assert(outcome.startsWith(expected), `${outcome}, expected ${expected}`);
  }
  const many = Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`key ${i}`, true]));
  assertEquals(await runtime.submitTo(1, hostileTasks.countKeys, many), 300_000);
});

Deno.test("a shard that dies of something odd is told with what can be said of it", async () => {
  for (
    const [what, message] of [
      ["text", "Shard 1 crashed: [object Object]"],
      ["symbol", "Shard 1 crashed: Error: Symbol(odd)"],
      ["undefined", "Shard 1 crashed: undefined"],
      ["large", "Shard 1 crashed: TypeError: xxx"],
    ] as const
  ) {
    await using runtime = await Runtime.start(SMALL);
    await assertRejects(
      () => runtime.submitTo(1, hostileTasks.rejects, what),
      ShardCrashedError,
      message,
    );
    assertEquals(await runtime.submitTo(0, hostileTasks.add, 1, 2), 3);
  }
});

Deno.test("a shard id that is not a number is a TypeError, one that is none a RangeError", async () => {
  await using runtime = await Runtime.start(SMALL);
  const bad: [unknown, string][] = [
    ["1", 'a shard that is the text "1": expected a number from 0 to 1'],
    [null, "a shard that is null"],
    [undefined, "a shard that is undefined"],
    [1n, "a shard that is of type bigint"],
    [{}, "a shard that is of type object"],
    [-1, "shard -1: the runtime has shards 0 to 1"],
    [0.5, "shard 0.5: the runtime has shards 0 to 1"],
    [Infinity, "shard Infinity: the runtime has shards 0 to 1"],
    [3, "shard 3: the runtime has shards 0 to 1"],
  ];
  for (const [id, message] of bad) {
    const shard = id as number;
    const errorClass = typeof id === "number" ? RangeError : TypeError;
    await assertRejects(
      () => runtime.submitTo(shard, hostileTasks.add, 1, 2),
      errorClass,
      `Cannot submit to ${message}`,
    );
    await assertRejects(
      () => runtime.invokeOnOthers(shard, hostileTasks.add, 1, 2),
      errorClass,
      `Cannot leave out ${message}`,
    );
    assertThrows(() => runtime.memoryStatistics(shard), errorClass, `Cannot look at ${message}`);
  }
});

Deno.test("options of the wrong kind are TypeErrors that say what was expected", async () => {
  const start: [unknown, string][] = [
    [null, "with options that are null: expected an object"],
    [{ shards: "2" }, 'with shards that is the text "2": expected number'],
    [{ onCrash: "explode" }, 'with onCrash that is the text "explode": expected "fail", "keep"'],
    [{ onRestart: 5 }, "with onRestart that is of type number: expected function"],
    [{ onWarning: {} }, "with onWarning that is of type object: expected function"],
    [{ debugHeap: null }, "with debugHeap that is null: expected boolean or object"],
  ];
  for (const [options, message] of start) {
    await assertRejects(
      () => Runtime.start(options as RuntimeOptions),
      TypeError,
      `Cannot start a runtime ${message}`,
    );
  }
  const call: [unknown, string][] = [
    [null, "with options that are null: expected an object"],
    [{ timeoutMs: "5" }, 'with a timeoutMs that is the text "5": expected a number'],
    [{ signal: {} }, "with a signal that is of type object: expected an AbortSignal"],
    [{ group: {} }, "with a group that is of type object: expected a ServiceGroup"],
    [{ noReply: "yes" }, 'with a noReply that is the text "yes": expected a boolean'],
  ];
  for (const [options, message] of call) {
    assertThrows(
      () => hostileTasks.add.with(options as CallOptions),
      TypeError,
      `Cannot call ${message}`,
    );
  }
  await using runtime = await Runtime.start(SMALL);
  const stop: [unknown, string][] = [
    [null, "Cannot stop a runtime with options that are null: expected an object"],
    [{ deadlineMs: "1" }, 'Cannot stop with a deadline that is the text "1": expected a number'],
    [{ deadlineMs: NaN }, "Cannot stop within NaN ms: expected 0 to 2147483647, or Infinity"],
    [{ deadlineMs: -1 }, "Cannot stop within -1 ms"],
    [{ deadlineMs: 2 ** 31 }, "Cannot stop within 2147483648 ms"],
  ];
  for (const [options, message] of stop) {
    const error = await assertRejects(() => runtime.stop(options as StopOptions), Error, message);
    assert(error instanceof TypeError || error instanceof RangeError);
  }
  assertEquals(await runtime.submitTo(1, hostileTasks.add, 1, 2), 3); // it was not stopped
  await runtime.stop({ deadlineMs: Infinity });
});

Deno.test("ends may come in any order, and as often as one likes", async () => {
  const runtime = await Runtime.start(SMALL);
  await Promise.all([runtime.stop(), runtime.stop()]);
  await runtime.stop();
  runtime.abort();
  await runtime.closed;
  await assertRejects(() => runtime.flush(), Error, "the runtime has stopped");
  assertEquals(runtime.busStatistics(0).callsWaiting, 0);
});

Deno.test("64 shards answer, two runtimes do not meet, and 20 one after another leave no thread", async () => {
  const before = workerThreads.canBeCounted ? workerThreads.count() : 0;
  {
    await using many = await Runtime.start({ shards: 64, memory: "64MiB", ringSlots: 2 });
    await using other = await Runtime.start({ ...SMALL, ringSlots: 2 ** 14 });
    const sums = await Promise.all([
      ...Array.from({ length: 64 }, (_, n) => many.submitTo(n, hostileTasks.add, n, 1)),
      other.submitTo(1, hostileTasks.add, 1, 2),
    ]);
    assertEquals(sums, [...Array.from({ length: 64 }, (_, n) => n + 1), 3]);
  }
  for (let round = 0; round < 20; round++) {
    await using runtime = await Runtime.start({ shards: 1, memory: "1MiB" });
    assertEquals(await runtime.submitTo(0, hostileTasks.add, round, 1), round + 1);
  }
  await workerThreads.ended(before);
});

Deno.test("what peers lose of an error arrives: class, name, code, cause, errors", async () => {
  await using runtime = await Runtime.start(SMALL);
  const inner = new RangeError("inner", { cause: new SyntaxError("innermost") });
  const sent = Object.assign(new TypeError("outer", { cause: inner }), {
    name: "MyError",
    code: "E_X",
    details: { at: [1, 2] },
  });
  const error = await runtime.submitTo(1, hostileTasks.echo, sent);
  assertInstanceOf(error, TypeError); // structured clone gives an Error for a subclass with a name
  assertInstanceOf(error.cause, RangeError);
  assertInstanceOf(error.cause.cause, SyntaxError);
  const { name, message, code, details } = error as typeof sent;
  assertEquals([name, message, code, details], ["MyError", "outer", "E_X", { at: [1, 2] }]);
  const aggregate = new AggregateError(
    [new URIError("a"), new DOMException("b", "DataError")],
    "c",
  );
  const several = await runtime.submitTo(1, hostileTasks.echo, aggregate);
  assertInstanceOf(several, AggregateError);
  assertInstanceOf(several.errors[0], URIError);
  assertInstanceOf(several.errors[1], DOMException);
  assertEquals(several.errors[1].name, "DataError");
});
