// deno-lint-ignore-file no-console -- what it is told is tested
/**
 * Code of the program that the library calls, when it throws, rejects, never ends or calls back: a test
 * for each row of the table in docs/failure.md that no other file has.
 */
import { Runtime, type RuntimeOptions, ShardCrashedError, StoppedError } from "@tidepool/core";
import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { codeTasks, stoppers } from "./program_code_tasks.ts";

const SMALL = { shards: 2, memory: "4MiB" };

/** What the console is told meanwhile. */
async function consoleOf(run: () => Promise<void>): Promise<unknown[]> {
  const { warn } = console;
  const told: unknown[] = [];
  console.warn = (...args: unknown[]) => void told.push(...args);
  try {
    await run();
  } finally {
    console.warn = warn;
  }
  return told;
}

Deno.test("a thenable of the program's: its getter, its function, twice, never", async () => {
  await using runtime = await Runtime.start(SMALL);
  const call = (how: string) => runtime.submitTo(1, codeTasks.thenable, how);
  await assertRejects(() => call("getter"), RangeError, "then getter");
  await assertRejects(() => call("throws"), RangeError, "then");
  assertEquals(await call("twice"), "first");
  const never = codeTasks.thenable.with({ timeoutMs: 20 });
  await assertRejects(() => runtime.submitTo(1, never, "never"), DOMException, "took too long");
  assertEquals(await runtime.submitTo(1, codeTasks.text, "goes on"), "goes on");
  runtime.abort(); // it would wait for what never ends
});

Deno.test("a listener of a task's signal may call back; what it throws is an event handler's fault", async () => {
  const runtime = await Runtime.start({ ...SMALL, onCrash: "keep" });
  const abort = new AbortController();
  const listen = codeTasks.listenAndThrow.with({ signal: abort.signal });
  const calls = [
    runtime.submitTo(1, listen, "calls back"),
    runtime.submitTo(0, listen, "throws"),
  ].map((call) => call.catch(String));
  await runtime.submitTo(1, codeTasks.text, "both have begun");
  await runtime.submitTo(0, codeTasks.text, "both have begun");
  abort.abort(new RangeError("enough"));
  assertEquals(await Promise.all(calls), ["RangeError: enough", "RangeError: enough"]);
  while ((await runtime.submitTo(1, codeTasks.notes)).length === 0) continue;
  const error = await assertRejects(async () => {
    for (;;) await runtime.submitTo(0, codeTasks.text, "until it has died");
  }, ShardCrashedError);
  assertStringIncludes(String(error.cause), "listener");
  runtime.abort();
});

Deno.test("a reclaimer inside a message: it calls, throws, gives the message's call up", async () => {
  await using runtime = await Runtime.start(SMALL);
  const reclaim = (how: string) => runtime.submitTo(1, codeTasks.reclaim, how, 0);
  const length = (await runtime.submitTo(0, codeTasks.long)).length;
  assertEquals(await reclaim("calls"), { outcome: length, reclaimed: "from the reclaimer" });
  assertEquals((await reclaim("throws")).outcome, "RangeError: reclaimer");
  assertEquals((await reclaim("gives up")).outcome, "RangeError: given up");
  assertEquals((await reclaim("frees")).outcome, length);
  runtime.checkHeap(1);
});

Deno.test("a reclaimer inside a reply sends a message of its own to the same endpoint", async () => {
  await using runtime = await Runtime.start(SMALL);
  await runtime.submitTo(1, codeTasks.text, "x");
  const length = (await runtime.submitTo(0, codeTasks.long)).length;
  assertEquals((await runtime.submitTo(1, codeTasks.reclaimForResult, 0)).length, length);
  await runtime.submitTo(1, codeTasks.freed);
  assertGreater((await runtime.submitTo(0, codeTasks.notes)).length, 0); // asked for more, maybe
  runtime.checkHeap(1);
});

Deno.test("a reclaimer between two turns that throws is a fault outside of any task", async () => {
  const runtime = await Runtime.start(SMALL);
  await runtime.submitTo(1, codeTasks.asyncReclaimer);
  runtime.submitTo(1, codeTasks.text, "another turn").catch(() => {});
  const error = await assertRejects(() => runtime.closed, ShardCrashedError);
  assertStringIncludes(String(error.cause), "async reclaimer");
  runtime.abort();
});

Deno.test("a report of a large allocation, and a getter of a struct's fields, lose no block", async () => {
  await using runtime = await Runtime.start(SMALL);
  assertEquals(await runtime.submitTo(1, codeTasks.warningThrows), ["RangeError: report", 0]);
  assertEquals(await runtime.submitTo(1, codeTasks.structInit), ["RangeError: init", 0]);
});

Deno.test("what a gate or a group runs gives its place back when it throws, and may use both", async () => {
  await using runtime = await Runtime.start(SMALL);
  assertEquals(await runtime.submitTo(1, codeTasks.inside), [
    "RangeError: inside",
    "RangeError: inside",
    0,
    0,
    0,
  ]);
});

Deno.test("a service's constructor, getter and stop(): they throw, call back, never end", async () => {
  const runtime = await Runtime.start(SMALL);
  await assertRejects(
    () => runtime.startSharded(stoppers, "constructor"),
    RangeError,
    "constructor",
  );
  const fails = await runtime.startSharded(stoppers, "stop");
  await assertRejects(() => fails.invokeOn(1, "odd"), RangeError, "method getter");
  await assertRejects(() => fails.stop(), RangeError, "stop");
  await (await runtime.startSharded(stoppers, "calls back")).stop();
  assertEquals(await runtime.submitTo(1, codeTasks.notes), ["back"]);
  await runtime.startSharded(stoppers, "endless stop");
  const error = await assertRejects(() => runtime.stop({ deadlineMs: 500 }), StoppedError);
  assertStringIncludes(error.message, "Stopper had not stopped");
});

Deno.test("a reducer, and an iterable of shards, that throw", async () => {
  await using runtime = await Runtime.start(SMALL);
  const fail = () => {
    throw new RangeError("reducer");
  };
  await assertRejects(
    () => runtime.mapReduce(codeTasks.text, ["x"], "", fail),
    RangeError,
    "reducer",
  );
  const service = await runtime.startSharded(stoppers, "");
  const shards = (function* () {
    yield 0;
    throw new RangeError("iterator");
  })();
  await assertRejects(() => service.invokeOnSome(shards, "stop"), RangeError, "iterator");
});

Deno.test("a destructor that never ends holds up its own destroy(), and stop() until its deadline", async () => {
  const runtime = await Runtime.start(SMALL);
  const back = await runtime.submitTo(1, codeTasks.openOdd, "calls back");
  await back.destroy();
  assertEquals(await runtime.submitTo(1, codeTasks.notes), ["destroyed"]);
  const endless = await runtime.submitTo(1, codeTasks.openOdd, "endless");
  const destroyed = endless.destroy().then(() => "destroyed", (error: Error) => error.name);
  assertEquals(await runtime.submitTo(1, codeTasks.text, "goes on"), "goes on");
  await runtime.stop({ deadlineMs: 20 }).catch(() => {});
  assertEquals(await destroyed, "StoppedError");
});

/** A runtime whose shard 1 has died, with what its `onRestart` does. */
async function restarted(
  onRestart: RuntimeOptions["onRestart"],
  options: RuntimeOptions = {},
): Promise<Runtime> {
  const restart = { onCrash: "restart", onRestart: onRestart! } as const;
  const runtime = await Runtime.start({ ...SMALL, ...restart, ...options });
  await runtime.submitTo(1, codeTasks.close).catch(() => {});
  return runtime;
}

Deno.test("onRestart that throws or rejects fails the runtime with what says so", async () => {
  const failures: [() => void | Promise<void>, string][] = [
    [() => {
      throw new RangeError("thrown");
    }, "RangeError: thrown"],
    [() => Promise.reject(new RangeError("rejected")), "RangeError: rejected"],
    [() => Promise.reject("a text"), "a text"],
  ];
  for (const [onRestart, thrown] of failures) {
    const text =
      "Error: Cannot restore shard 1, which had died of Error: its thread closed itself, " +
      `by self.close() or Deno.exit(): onRestart threw ${thrown}`;
    const runtime = await restarted(onRestart);
    assertEquals(await runtime.closed.catch(String), text);
    assertEquals(await runtime.submitTo(0, codeTasks.text, "").catch(String), text);
    await runtime.stop();
  }
});

Deno.test("onRestart may call the shard; one that never ends is given up, and stop() waits until its deadline", async () => {
  const begun = Promise.withResolvers<string>();
  const never = async (shard: number) => {
    begun.resolve(await runtime.submitTo(shard, codeTasks.text, "put back"));
    await new Promise(() => {});
  };
  let runtime = await restarted(never);
  assertEquals(await begun.promise, "put back");
  const other = runtime.submitTo(1, codeTasks.text, "others wait").catch((error) => error.name);
  await runtime.stop({ deadlineMs: 100 });
  assertEquals(await other, "StoppedError");
  runtime = await restarted(never, { restartTimeoutMs: 100 });
  const text =
    "Error: Cannot restore shard 1, which had died of Error: its thread closed itself, " +
    "by self.close() or Deno.exit(): onRestart had not ended after 100 ms";
  assertEquals(await runtime.closed.catch(String), text);
  // Unless a call was under way, and has told.
  await runtime.stop().catch((error) => assertEquals(String(error), text));
});

Deno.test("onRestart may stop the runtime; what it fails with then is a warning", async () => {
  const warnings: string[] = [];
  const stopped = Promise.withResolvers<void>();
  const runtime = await Runtime.start({
    ...SMALL,
    onCrash: "restart",
    onRestart: async (shard) => {
      const ending = runtime.stop();
      ending.then(stopped.resolve, stopped.reject);
      await runtime.submitTo(shard, codeTasks.text, "too late");
    },
    onWarning: ({ message }) => void warnings.push(message),
  });
  await runtime.submitTo(1, codeTasks.close).catch(() => {});
  await stopped.promise;
  assertEquals(warnings.length, 1);
  assertMatch(
    warnings[0]!,
    /^Cannot restore shard 1, .*: onRestart threw StoppedError: Cannot make a call: the runtime has been told to stop$/,
  );
});

Deno.test("onWarning that throws or rejects: the console is told, of the warning and of that", async () => {
  const listeners: Record<string, () => void | Promise<void>> = {
    thrown: () => {
      throw new RangeError("thrown");
    },
    rejected: () => Promise.reject(new RangeError("rejected")),
  };
  for (const [how, onWarning] of Object.entries(listeners)) {
    const told = await consoleOf(async () => {
      await using runtime = await Runtime.start({ ...SMALL, onWarning });
      await runtime.submitTo(1, codeTasks.openOdd, ""); // still held at the end
    });
    assertEquals(told.length, 2);
    assert(told.every((warning) => warning instanceof Error));
    const [warning, failure] = told as [Error, Error];
    assertStringIncludes(warning.message, "Foreign pointers were still held");
    assertEquals(failure.message, `onWarning threw RangeError: ${how}`);
    assertEquals(String(failure.cause), `RangeError: ${how}`);
  }
});

Deno.test("onWarning may call back, and never end", async () => {
  const answers: Promise<unknown>[] = [];
  const runtime = await Runtime.start({
    ...SMALL,
    onWarning: () => {
      answers.push(runtime.submitTo(0, codeTasks.text, "from onWarning").catch(String));
      return new Promise(() => {});
    },
  });
  await runtime.submitTo(1, codeTasks.openOdd, "");
  await runtime.stop();
  assertEquals(await Promise.all(answers), [
    "StoppedError: Cannot make a call: the runtime has been told to stop",
  ]);
});
