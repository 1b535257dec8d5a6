/** Each option on each way that takes one: it is honoured, or refused. */
import { Runtime, ServiceGroup, shardedParameter, type Task } from "@tidepool/core";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { giveUpAll, matrixTasks, runners } from "./option_matrix_tasks.ts";

/** One call under way between two endpoints; any further one waits. */
const TIGHT = { shards: 3, memory: "24MiB", ringSlots: 4 };

/** What a call that is given up comes to. */
function expected(state: string, end: string, isLocal: boolean): RegExp {
  const error = end.startsWith("timeoutMs")
    ? "TimeoutError The call took too long"
    : "Error enough";
  let runs = "[01]"; // it may have been sent by then, and is told
  if (end === "aborted before" || state.startsWith("waits")) runs = "0";
  else if (isLocal) runs = end === "aborted in the same turn" ? "0" : "1";
  return new RegExp(`^${error}, ran ${runs}$`);
}

function checkAll(outcomes: Record<string, string>, own: boolean): void {
  assert(Object.keys(outcomes).length > 0);
  for (const [cell, outcome] of Object.entries(outcomes)) {
    const at = cell.search(/, (aborted|timeoutMs)/);
    const state = cell.slice(0, at);
    const pattern = expected(state, cell.slice(at + 2), own && state === "to the own shard");
    assert(pattern.test(outcome), `${cell}: ${outcome}, expected ${pattern}`);
  }
}

Deno.test("a call is given up whatever it waits for, from the host", async () => {
  await using runtime = await Runtime.start(TIGHT);
  const submit = runtime.submitTo.bind(runtime) as Parameters<typeof giveUpAll>[0];
  checkAll(await giveUpAll(submit, 0), false);
});

Deno.test("a call is given up whatever it waits for, from a shard", async () => {
  await using runtime = await Runtime.start(TIGHT);
  checkAll(await runtime.submitTo(0, matrixTasks.giveUpAll), true);
});

Deno.test("the longest timeouts are as long as they say", async () => {
  await using runtime = await Runtime.start(TIGHT);
  for (const timeoutMs of [2 ** 31 - 2, 2 ** 31 - 1]) {
    const name = `${timeoutMs}`;
    const call = runtime.submitTo(1, matrixTasks.run.with({ timeoutMs }), name);
    await assertRejects(
      () => runtime.submitTo(0, matrixTasks.run.with({ timeoutMs: 20 }), name),
      DOMException,
    ); // later than a timer that overflows
    await runtime.submitTo(2, matrixTasks.openOn, 1, name);
    assertEquals(await call, name);
    await runtime.submitTo(2, matrixTasks.openOn, 0, name); // stop() waits for what has not ended
  }
});

Deno.test("what are not options of a call is refused", async () => {
  const refusals: [unknown, ErrorConstructor, string][] = [
    [{ timeoutMs: NaN }, RangeError, "Cannot call with a timeout of NaN ms"],
    [{ timeoutMs: Infinity }, RangeError, "Cannot call with a timeout of Infinity ms"],
    [{ timeoutMs: -1 }, RangeError, "Cannot call with a timeout of -1 ms"],
    [{ timeoutMs: 2 ** 31 }, RangeError, "expected 0 to 2147483647"],
    [{ timeoutMs: "5" }, TypeError, 'Cannot call with a timeoutMs that is the text "5"'],
    [
      { timeout: 5 },
      TypeError,
      'Cannot call with an option "timeout": expected signal, timeoutMs, group, noReply',
    ],
    [
      { noReply: true, group: new ServiceGroup({ maxInFlight: 1 }) },
      TypeError,
      "Cannot call with noReply and a group: a group counts a call until its reply",
    ],
  ];
  await using runtime = await Runtime.start(TIGHT);
  const service = await runtime.startSharded(runners);
  for (const [options, errorClass, text] of refusals) {
    assertThrows(() => matrixTasks.run.with(options as object), errorClass, text);
    assertThrows(() => service.with(options as object), errorClass, text);
  }
  assertThrows(
    () => service.with({ noReply: true } as object),
    TypeError,
    "Cannot call a service with noReply: its methods give results",
  );
  assertThrows(
    () => shardedParameter(matrixTasks.run.with({ timeoutMs: 5 }), "x"),
    TypeError,
    "Cannot make a sharded parameter of a task with options",
  );
  assertThrows(
    () => shardedParameter("run" as unknown as Task<[], string>),
    TypeError,
    'Cannot make a sharded parameter of what is the text "run": expected a task',
  );
  const value = await runtime.replicate("");
  await assertRejects(
    () => value.update(undefined as unknown as typeof matrixTasks.change, "x"),
    TypeError,
    "Cannot update a replicated value by what is undefined: expected a task from defineTasks()",
  );
});

Deno.test("with() keeps the options that are there, and replaces those that it names", async () => {
  await using runtime = await Runtime.start(TIGHT);
  const { signal } = new AbortController();
  const group = new ServiceGroup({ maxInFlight: 1 });
  const { run } = matrixTasks;
  assertEquals(run.with({ timeoutMs: 20 }).with({ signal }).with({ timeoutMs: 10 }).options, {
    timeoutMs: 10,
    signal,
  });
  assertEquals(run.with({}).options, undefined);
  assertThrows(
    () => run.with({ noReply: true }).with({ group }),
    TypeError,
    "Cannot call with noReply and a group",
  );
  const service = await runtime.startSharded(runners);
  await assertRejects(
    () => service.with({ timeoutMs: 10 }).with({ signal }).invokeOn(1, "run", "kept"),
    DOMException,
    "took too long",
  );
});

Deno.test("a service and a replicated value can be stopped when their runtime has stopped", async () => {
  const runtime = await Runtime.start(TIGHT);
  {
    await using service = await runtime.startSharded(runners);
    await using value = await runtime.replicate("v");
    await runtime.stop();
    await service.stop();
    await value.stop();
  }
  await runtime.stop();
});

Deno.test("options are read once: what becomes of them later is nothing to the call", async () => {
  await using runtime = await Runtime.start(TIGHT);
  let reads = 0;
  const options = {
    get timeoutMs() {
      return ++reads === 1 ? 60_000 : NaN;
    },
  };
  assertEquals(await runtime.submitTo(1, matrixTasks.runs.with(options), "none"), 0);
  assertEquals(reads, 1);
});

Deno.test("options of a task hold for the change that it makes to a replicated value", async () => {
  await using runtime = await Runtime.start(TIGHT);
  const value = await runtime.replicate("v", { home: 1 });
  const { change } = matrixTasks;
  await assertRejects(
    () => value.update(change.with({ timeoutMs: 10 }), "a"),
    DOMException,
    "took too long",
  );
  const enough = new Error("enough");
  await assertRejects(
    () => value.update(change.with({ signal: AbortSignal.abort(enough) }), "b"),
    Error,
    "enough",
  );
  await runtime.submitTo(1, matrixTasks.open, "f");
  const group = new ServiceGroup({ maxInFlight: 1 });
  group.tryAcquire();
  const inGroup = value.update(change.with({ group }), "f");
  assertEquals(group.waiting, 1);
  group.release();
  await inGroup;
  assertEquals([await value.read(), group.inFlight], ["vf", 0]);

  await value.update(matrixTasks.fail.with({ noReply: true }) as unknown as typeof change, "late");
  await assertRejects(() => runtime.flush(), RangeError);
});

Deno.test("a change that hangs holds up those behind it until it is given up, and is not made", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  const value = await runtime.replicate("v", { home: 1 });
  const { change } = matrixTasks;
  const abort = new AbortController();
  const hangs = value.update(change.with({ signal: abort.signal }), "c");
  const behind = value.update(change, "d");
  await assertRejects(
    () => value.update(change.with({ timeoutMs: 10 }), "e"),
    DOMException,
    "took too long",
  );
  abort.abort(new Error("enough"));
  await assertRejects(() => hangs, Error, "enough");
  await runtime.submitTo(1, matrixTasks.open, "d");
  await behind;
  await value.set(await value.read() + "!");
  assertEquals(await value.read(), "vd!");
  assertEquals(await runtime.submitTo(1, matrixTasks.runs, "e"), 0);
});

Deno.test("options of a service hold for its methods", async () => {
  await using runtime = await Runtime.start({ shards: 3, memory: "24MiB" });
  const service = await runtime.startSharded(runners);
  await assertRejects(
    () => service.with({ timeoutMs: 10 }).invokeOn(1, "run", "g"),
    DOMException,
    "took too long",
  );
  await assertRejects(
    () => service.with({ signal: AbortSignal.abort(new Error("enough")) }).map("run", "h"),
    Error,
    "enough",
  );
  const group = new ServiceGroup({ maxInFlight: 2 });
  const all = service.with({ group }).map("run", "i");
  await Promise.resolve();
  assertEquals([group.inFlight, group.waiting], [2, 1]);
  for (const shard of [0, 1, 2]) {
    await runtime.submitTo((shard + 1) % 3, matrixTasks.openOn, shard, "i");
  }
  assertEquals(await all, ["i", "i", "i"]);
  assertEquals([group.inFlight, group.waiting], [0, 0]);
});

Deno.test("options of a task hold on every shard that it is run on", async () => {
  await using runtime = await Runtime.start(TIGHT);
  const { runs, run } = matrixTasks;
  await runtime.invokeOnAll(runs.with({ noReply: true }), "x");
  await runtime.flush();
  await assertRejects(
    () => runtime.mapReduce(run.with({ timeoutMs: 10 }), ["j"], "", (sum, text) => sum + text),
    DOMException,
    "took too long",
  );
  const group = new ServiceGroup({ maxInFlight: 1 });
  const sum = runtime.mapReduce(runs.with({ group }), ["j"], 0, (sum, n) => sum + n);
  await Promise.resolve();
  assertEquals([group.inFlight, group.waiting], [1, 2]);
  assertEquals(await sum, 3);
});
