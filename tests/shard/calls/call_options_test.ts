import { Runtime, ServiceGroup, ShardCrashedError } from "@tidepool/core";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { busTasks } from "../bus/bus_tasks.ts";
import { optionTasks } from "./option_tasks.ts";

function start(shards = 2, ringSlots = 2048): Promise<Runtime> {
  return Runtime.start({ shards, memory: "16MiB", ringSlots });
}

Deno.test("a signal gives a call up at once, and its task sees its own signal abort", async () => {
  await using runtime = await start();
  const controller = new AbortController();
  const call = runtime.submitTo(
    1,
    optionTasks.untilAborted.with({ signal: controller.signal }),
    "a",
  );
  await runtime.submitTo(1, optionTasks.pass, "a"); // it has begun
  const reason = new RangeError("no longer wanted");
  controller.abort(reason);
  assertEquals(await call.catch((error: unknown) => error), reason);
  await runtime.submitTo(1, optionTasks.pass, "a ended");
  assertEquals(await runtime.submitTo(1, optionTasks.reasons), [
    "AbortError: RangeError: no longer wanted",
  ]);
});

Deno.test("a task learns the whole reason, however long it is, with memory for it and without", async () => {
  await using runtime = await start();
  const { allocator } = runtime["endpoint"];
  const taken: number[] = [];
  const reasons = ["short", "not of one byte each: …", "long ".repeat(1000)];
  for (const isFull of [false, true]) {
    if (isFull) {
      for (let bytes = 1 << 20; bytes >= 8; bytes >>= 1) {
        for (let at = allocator.malloc(bytes); at !== 0; at = allocator.malloc(bytes)) {
          taken.push(at);
        }
      }
    }
    for (const [index, reason] of reasons.entries()) {
      const controller = new AbortController();
      const { signal } = controller;
      const name = `reason ${index} ${isFull}`;
      const call = runtime.submitTo(1, optionTasks.untilAborted.with({ signal }), name);
      await runtime.submitTo(1, optionTasks.pass, name);
      controller.abort(reason);
      assertEquals(await call.catch((error: unknown) => error), reason);
      await runtime.submitTo(1, optionTasks.pass, `${name} ended`);
      assertEquals(await runtime.submitTo(1, optionTasks.reasons), [`AbortError: ${reason}`]);
    }
  }
  for (const address of taken) allocator.free(address);
});

Deno.test("a signal that has aborted already sends nothing", async () => {
  await using runtime = await start();
  const sent = runtime.busStatistics(2).callsSent;
  await assertRejects(
    () => runtime.submitTo(1, optionTasks.count.with({ signal: AbortSignal.abort() })),
    DOMException,
    "aborted",
  );
  assertEquals(runtime.busStatistics(2).callsSent, sent);
});

Deno.test("one signal ends many calls, also those that wait to be sent", async () => {
  await using runtime = await start(1, 2); // one call under way at a time
  const controller = new AbortController();
  const first = runtime.submitTo(0, optionTasks.pass, "gate");
  const task = optionTasks.count.with({ signal: controller.signal });
  const calls = Array.from({ length: 50 }, () => runtime.submitTo(0, task));
  controller.abort();
  for (const { status } of await Promise.allSettled(calls)) assertEquals(status, "rejected");
  // The gate cannot be opened while the only credit is taken: another signal frees it.
  first.catch(() => {});
  await runtime.stop({ deadlineMs: 0 });
});

Deno.test("timeoutMs gives a call up, from the host and from a shard", async () => {
  await using runtime = await start();
  const error = await assertRejects(
    () => runtime.submitTo(0, optionTasks.untilAborted.with({ timeoutMs: 10 }), "t"),
    DOMException,
  );
  assertEquals(error.name, "TimeoutError");
  await runtime.submitTo(0, optionTasks.pass, "t ended");
  assertEquals(await runtime.submitTo(0, optionTasks.reasons), [
    "AbortError: TimeoutError: The call took too long",
  ]);
  assertEquals(
    await runtime.submitTo(0, optionTasks.askWithTimeout, 1, "u", 5),
    "TimeoutError on 0",
  );
  assertEquals(
    await runtime.submitTo(0, optionTasks.askWithTimeout, 0, "own shard", 5),
    "TimeoutError on 0",
  );
});

Deno.test("a call that is answered in time is like any other, and its signal never aborts", async () => {
  await using runtime = await start();
  const { signal } = new AbortController();
  const add = busTasks.add.with({ signal, timeoutMs: 60_000 });
  const sums = await Promise.all(
    Array.from({ length: 3000 }, (_, n) => runtime.submitTo(1, add, n, 1)),
  );
  assertEquals(sums, Array.from({ length: 3000 }, (_, n) => n + 1));
  assertEquals(await runtime.submitTo(1, optionTasks.neverAborts), true);
  assertEquals(await runtime.submitTo(1, optionTasks.neverAborts.with({ timeoutMs: 1000 })), true);
});

Deno.test("a result that comes after its caller has given up is destroyed at home", async () => {
  await using runtime = await start();
  const controller = new AbortController();
  const call = runtime.submitTo(
    1,
    optionTasks.lateObject.with({ signal: controller.signal }),
    "late",
  );
  controller.abort();
  await assertRejects(() => call, DOMException);
  assertEquals(await runtime.submitTo(1, optionTasks.destroyed), 0);
  await runtime.submitTo(1, optionTasks.open, "late");
  // The reply, its discard and the destruction follow each other on the same two rings.
  await runtime.submitTo(1, optionTasks.count);
  while (await runtime.submitTo(1, optionTasks.destroyed) === 0) continue;
  assertEquals(await runtime.submitTo(1, optionTasks.destroyed), 1);
});

Deno.test("Task.with() refuses a timeout that is not a valid time", () => {
  for (const timeoutMs of [-1, NaN, Infinity, 2 ** 31]) {
    assertThrows(
      () => optionTasks.count.with({ timeoutMs }),
      RangeError,
      `Cannot call with a timeout of ${timeoutMs} ms: expected 0 to 2147483647`,
    );
  }
});

Deno.test("calls without reply all run, in order with others, over a ring of two slots too", async () => {
  for (const ringSlots of [2, 2048]) {
    await using runtime = await start(1, ringSlots);
    const task = optionTasks.count.with({ noReply: true });
    const sends = Array.from({ length: 5000 }, () => runtime.submitTo(0, task));
    const counted = runtime.submitTo(0, optionTasks.counted);
    await Promise.all(sends);
    assertEquals(await counted, 5000);
    await runtime.flush();
    const { callsSent, repliesReceived } = runtime.busStatistics(1);
    assert(callsSent - repliesReceived >= 5000);
  }
});

Deno.test("flush() waits for calls without reply and throws what they threw", async () => {
  await using runtime = await start();
  const noReply = { noReply: true } as const;
  await runtime.submitTo(1, optionTasks.failWith.with(noReply), "one");
  await assertRejects(() => runtime.flush(), RangeError, "one");
  await runtime.submitTo(0, optionTasks.failAfter.with(noReply), "gate", "two");
  await runtime.submitTo(1, optionTasks.failWith.with(noReply), "three");
  const flushed = runtime.flush();
  await runtime.submitTo(0, optionTasks.open, "gate");
  const error = await assertRejects(() => flushed, AggregateError, "2 calls without reply");
  assertEquals(error.errors.map(String), ["RangeError: two", "RangeError: three"]);
  await runtime.flush(); // nothing is said twice
  assertEquals(await runtime.submitTo(0, optionTasks.sendAndFlush, 1, "x"), "RangeError: x");
  assertEquals(await runtime.submitTo(0, optionTasks.sendAndFlush, 0, "own"), "RangeError: own");
});

Deno.test("Runtime.stop() throws what calls without reply threw and nobody fetched", async () => {
  const runtime = await start();
  await runtime.submitTo(1, optionTasks.failWith.with({ noReply: true }), "unfetched");
  await assertRejects(() => runtime.stop(), RangeError, "unfetched");
  await runtime.closed;
});

Deno.test("flush() of calls to a shard that died rejects", async () => {
  await using runtime = await start();
  await runtime.submitTo(1, busTasks.crash.with({ noReply: true }), "throw");
  await assertRejects(() => runtime.flush(), ShardCrashedError, "thrown outside of a task");
});

Deno.test("an error's stack shows both sides", async () => {
  await using runtime = await start();
  async function callerOfTheTask() {
    return await runtime.submitTo(1, busTasks.fail, "seen from both sides");
  }
  const { stack } = await assertRejects(callerOfTheTask, RangeError);
  const lines = stack!.split("\n");
  const there = lines.findIndex((line) => line.includes("bus_tasks.ts"));
  const border = lines.findIndex((line) => line.includes('submitTo (shard 1, task "fail")'));
  const here = lines.findIndex((line) => line.includes("callerOfTheTask"));
  assert(0 < there && there < border && border < here, stack!);
});

Deno.test("a call's group bounds what is in flight, and its timeout covers the wait", async () => {
  await using runtime = await start();
  const group = new ServiceGroup({ maxInFlight: 1 });
  const first = runtime.submitTo(1, optionTasks.pass.with({ group }), "group");
  assertEquals(group.inFlight, 1);
  const error = await assertRejects(
    () => runtime.submitTo(0, optionTasks.count.with({ group, timeoutMs: 10 })),
    DOMException,
  );
  assertEquals(error.name, "TimeoutError");
  const next = runtime.submitTo(0, optionTasks.count.with({ group, timeoutMs: 60_000 }));
  assertEquals(group.waiting, 1);
  await runtime.submitTo(1, optionTasks.open, "group");
  await Promise.all([first, next]);
  assertEquals([group.inFlight, group.waiting], [0, 0]);
});
