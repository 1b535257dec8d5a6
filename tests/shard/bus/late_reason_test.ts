/** A reason that has no memory comes beside the ring, some time after the cancellation itself. */
import { defineTasks, type Task } from "@tidepool/core";
import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { Endpoint } from "../../../shard/calls/endpoint.ts";
import { shapeFor } from "../../../shard/host/runtime_options.ts";
import { SegmentLayout } from "../../../shard/calls/segment_layout.ts";
import { findTask } from "../../../shard/calls/task.ts";

const REASON = "no longer wanted, ".repeat(100);

let callee: Endpoint;
const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
/** By number: the signal of the call that waits at the gate. */
const signals: AbortSignal[] = [];

const tasks: { readonly wait: Task<[number], void> } = defineTasks(import.meta.url, {
  wait: (number: number) => {
    signals[number] = callee.bus.currentCall!.signal;
    return gates[number]!.promise;
  },
});

Deno.test("a cancellation whose reason comes late is of no call that has the number by then", async () => {
  await findTask(import.meta.url, "wait"); // polls alone do not wait for the module
  const shape = shapeFor({ shards: 2, memory: "1MiB" });
  const layout = new SegmentLayout(shape);
  const buffer = new SharedArrayBuffer(layout.byteLength);
  const setup = { buffer, shape, spinMicroseconds: 0, debug: false, debugHeap: false };
  const connected: number[] = [];
  const make = (endpoint: number) =>
    new Endpoint({ ...setup, wireTypes: [], endpoint }, (to) => void connected.push(to));
  const caller = make(0);
  callee = make(1);
  const aborts = gates.map(() => new AbortController());
  const wait = (number: number) =>
    caller.submitTo(1, tasks.wait.with({ signal: aborts[number]!.signal }), [number]);
  const turn = async () => {
    for (const { bus } of [caller, callee, caller]) {
      for (let i = 0; i < 8; i++) await undefined;
      bus.poll();
    }
    for (let i = 0; i < 8; i++) await undefined;
  };
  gates[0]!.resolve();
  const met = wait(0);
  await turn();
  await met;
  for (let bytes = 1 << 18; bytes >= 8; bytes >>= 1) {
    while (caller.allocator.malloc(bytes) !== 0) continue;
  }

  const givenUp = wait(1);
  await turn();
  aborts[1]!.abort(REASON);
  assertEquals(await givenUp.catch((reason: unknown) => reason), REASON);
  await turn();
  assertEquals(connected, [1]);
  assertFalse(signals[1]!.aborted);
  assert(caller.bus.underWay > 1, "the cancellation is under way until all of it is there");
  gates[1]!.resolve();
  await turn();
  const next = wait(2); // the only number that is free
  await turn();

  const told = new Promise((resolve) => {
    for (const signal of signals) signal.addEventListener("abort", resolve);
  });
  const { port1, port2 } = new MessageChannel();
  caller.attachChannel(1, port1, 0);
  callee.attachChannel(0, port2, 0);
  await told;
  assertEquals(signals.map(({ aborted }) => aborted), [false, true, false]);
  const { name, message } = signals[1]!.reason;
  assertEquals([name, message], ["AbortError", REASON]);
  await turn();
  assertEquals(caller.bus.underWay, 1);
  for (const endpoint of [caller, callee]) endpoint.bus.close(new Error("the end"));
  await assertRejects(() => next, Error, "the end");
});
