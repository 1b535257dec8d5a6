/**
 * Service groups, alone and around calls to a real shard. Names in brackets are the cases of
 * Seastar's distributed_test.cc that a test stands for.
 */
import { BusyError, Runtime, ServiceGroup } from "@tidepool/core";
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { countListeners } from "../../harness/counted_listeners.ts";
import { groupTasks } from "./group_tasks.ts";

/** A call that goes on until it is told to end, and says when it starts. */
class ManualCall {
  started = false;
  readonly #end: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly run = (): Promise<void> => {
    this.started = true;
    return this.#end.promise;
  };
  end(): void {
    this.#end.resolve();
  }
}

/** Lets everything go on that can: a place passes on in a few turns of the microtask queue. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await undefined;
}

Deno.test("ServiceGroup.run() admits as many as may, then the oldest first", async () => {
  const group = new ServiceGroup({ maxInFlight: 2 });
  const calls = Array.from({ length: 5 }, () => new ManualCall());
  const started = () => calls.map((call) => call.started);
  const results = calls.map((call) => group.run(call.run));
  await settle();
  assertEquals(started(), [true, true, false, false, false]);
  assertEquals([group.inFlight, group.waiting], [2, 3]);
  calls[1]!.end();
  await settle();
  assertEquals(started(), [true, true, true, false, false]);
  calls[0]!.end();
  calls[2]!.end();
  await settle();
  assertEquals(started(), [true, true, true, true, true]);
  for (const call of calls) call.end();
  await Promise.all(results);
  assertEquals([group.inFlight, group.waiting], [0, 0]);
});

Deno.test("ServiceGroup.run() gives results and errors on, and its place back in both cases", async () => {
  const group = new ServiceGroup({ maxInFlight: 1 });
  const value = group.run(() => "value");
  const late = group.run(() => Promise.reject(new RangeError("late")));
  const atOnce = group.run(() => {
    throw new TypeError("at once");
  });
  assertEquals(await value, "value");
  await assertRejects(() => late, RangeError, "late");
  await assertRejects(() => atOnce, TypeError, "at once");
  assertEquals(group.inFlight, 0);
});

Deno.test("ServiceGroup.run() refuses more waiting calls than may wait", async () => {
  const group = new ServiceGroup({ maxInFlight: 1, maxWaiting: 2, name: "reads" });
  const calls = Array.from({ length: 3 }, () => new ManualCall());
  const results = calls.map((call) => group.run(call.run));
  const refused = new ManualCall();
  const error = await assertRejects(
    () => group.run(refused.run),
    BusyError,
    'Cannot call through service group "reads": 2 calls already wait for their turn',
  );
  assertEquals([error.shard, error.waitingCalls], [undefined, 2]);
  for (const call of calls) call.end();
  await Promise.all(results);
  assertEquals(refused.started, false);
  assertEquals(await group.run(() => 1), 1);
});

Deno.test("ServiceGroup.run() gives up a waiting call when its signal aborts (test_smp_timeout)", async () => {
  const group = new ServiceGroup({ maxInFlight: 1 });
  const [holds, waits, timesOut, behind] = Array.from({ length: 4 }, () => new ManualCall());
  const timeout = new AbortController();
  const first = group.run(holds!.run);
  const second = group.run(waits!.run);
  const third = group.run(timesOut!.run, { signal: timeout.signal });
  const fourth = group.run(behind!.run);
  timeout.abort(new DOMException("too late", "TimeoutError"));
  const error = await assertRejects(() => third, DOMException, "too late");
  assertEquals(error.name, "TimeoutError");
  assertEquals([group.inFlight, group.waiting], [1, 2]);
  holds!.end();
  await settle();
  assertEquals([waits!.started, behind!.started], [true, false]);
  waits!.end();
  await settle();
  assertEquals(behind!.started, true);
  behind!.end();
  await Promise.all([first, second, fourth]);
  assertEquals(timesOut!.started, false);
  await assertRejects(
    () => group.run(timesOut!.run, { signal: timeout.signal }),
    DOMException,
    "too late",
  );
  assertEquals(timesOut!.started, false);
});

Deno.test("ServiceGroup.run() makes a call whose place came in the turn in which its signal aborts", async () => {
  const group = new ServiceGroup({ maxInFlight: 1 });
  const abort = new AbortController();
  await group.acquire();
  const admitted = group.run(() => "made", { signal: abort.signal });
  group.release();
  abort.abort();
  assertEquals(await admitted, "made");
  assertEquals([group.inFlight, group.waiting], [0, 0]);
});

Deno.test("ServiceGroup.run() leaves no listener on a signal that outlives its calls", async () => {
  const group = new ServiceGroup({ maxInFlight: 1 });
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const calls = Array.from({ length: 3 }, () => group.run(() => 1, { signal }));
  assertEquals(listeners(), 1); // one for the two that wait
  await Promise.all(calls);
  assertEquals(listeners(), 0);
});

Deno.test("ServiceGroup.tryAcquire() does not overtake calls that wait", async () => {
  const group = new ServiceGroup({ maxInFlight: 1 });
  assertEquals(group.tryAcquire(), true);
  const waiting = group.acquire();
  group.release(); // passes the place on
  assertEquals(group.tryAcquire(), false);
  await waiting;
  group.release();
  assertEquals(group.tryAcquire(), true);
});

Deno.test("ServiceGroup.release() without a place taken throws", () => {
  const group = new ServiceGroup({ maxInFlight: 3, name: "writes" });
  assertThrows(
    () => group.release(),
    RangeError,
    'Cannot release a place of service group "writes": none is taken',
  );
});

Deno.test("a ServiceGroup refuses bounds that are none", () => {
  for (const maxInFlight of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(
      () => new ServiceGroup({ maxInFlight }),
      RangeError,
      `Cannot make a service group of ${maxInFlight} calls in flight: expected a whole number from 1`,
    );
  }
  assertThrows(
    () => new ServiceGroup({ maxInFlight: 1, maxWaiting: -1 }),
    RangeError,
    "-1 waiting calls: expected a whole number from 0",
  );
});

Deno.test("groups of one name have nothing in common (test_smp_service_groups_re_construction)", async () => {
  for (let round = 0; round < 100; round++) {
    const group = new ServiceGroup({ maxInFlight: 1, name: "again" });
    assertEquals(group.tryAcquire(), true); // as full as the group of the round before
    assertEquals(group.tryAcquire(), false);
  }
  const group = new ServiceGroup({ maxInFlight: 1, name: "again" });
  assertEquals(await group.run(() => "free"), "free");
});

for (const cap of [1, 1000]) {
  Deno.test(`a service group of ${cap} lets exactly ${cap} calls run on another shard (test_smp_service_groups)`, async () => {
    await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
    assertEquals(await runtime.submitTo(0, groupTasks.callThroughGroup, cap, 2000), {
      runningAtFirst: cap,
      mostAtOnce: cap,
      served: 2000,
    });
  });
}

Deno.test("the bound of a service group is one pool for all callees, not a part for each", async () => {
  await using runtime = await Runtime.start({ shards: 3, memory: "16MiB" });
  // Seastar would give each of the two other shards half of it.
  const { mostAtOnce } = await runtime.submitTo(0, groupTasks.callThroughGroup, 10, 100);
  assertEquals(mostAtOnce, 10);
});

Deno.test("a BusyError of a group arrives on another thread as what it is", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  const error = await assertRejects(() => runtime.submitTo(0, groupTasks.overfill), BusyError);
  assertInstanceOf(error, BusyError);
  assertEquals(error.waitingCalls, 0);
});
