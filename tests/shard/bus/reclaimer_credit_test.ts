/** A reclaimer that runs while a call that waited is being sent, and takes the credit for messages of its own. */
import { defineTasks, type Task } from "@tidepool/core";
import { assert, assertEquals } from "@std/assert";
import { RingProducer } from "../../../shard/ring/spsc_ring.ts";
import { Endpoint } from "../../../shard/calls/endpoint.ts";
import { shapeFor } from "../../../shard/host/runtime_options.ts";
import { SegmentLayout } from "../../../shard/calls/segment_layout.ts";
import { findTask } from "../../../shard/calls/task.ts";
import { wireTypeNames } from "../../../shard/calls/wire_type_registry.ts";

const SLOTS = 16;

const tasks: { readonly take: Task<[string], number> } = defineTasks(import.meta.url, {
  take: (text: string) => text.length,
});

Deno.test("a call that waited for memory is not sent on credit that a reclaimer has taken meanwhile", async () => {
  await findTask(import.meta.url, "take"); // polls alone do not wait for the module
  const shape = shapeFor({ shards: 2, memory: "1MiB", ringSlots: SLOTS });
  const layout = new SegmentLayout(shape);
  const buffer = new SharedArrayBuffer(layout.byteLength);
  const setup = { buffer, shape, spinMicroseconds: 0, debug: false, debugHeap: false };
  const [caller, callee] = [0, 1].map((endpoint) =>
    new Endpoint({ ...setup, wireTypes: wireTypeNames(), endpoint }, () => {})
  ) as [Endpoint, Endpoint];
  const { commit } = RingProducer.prototype;
  let most = 0;
  RingProducer.prototype.commit = function () {
    commit.call(this);
    most = Math.max(most, [...this.unread()].length);
  };
  try {
    const met = caller.submitTo(1, tasks.take, ["x"]);
    await turn(caller, callee);
    await met;
    const { allocator } = caller;
    const taken: number[] = [];
    for (const byteLength of [4096, 64]) {
      for (let at = allocator.malloc(byteLength); at !== 0; at = allocator.malloc(byteLength)) {
        taken.push(at);
      }
    }
    most = 0;
    const aborts = Array.from({ length: SLOTS / 2 - 2 }, () => new AbortController());
    const calls = aborts.map(({ signal }) =>
      caller.submitTo(1, tasks.take.with({ signal }), ["y"]).then(
        () => "answered",
        () => "given up",
      )
    );
    const waits = caller.submitTo(1, tasks.take, ["z".repeat(3_000)]);
    let asked = 0;
    allocator.reclaimers.add(({ scope }) => {
      if (scope === "async") return;
      asked++;
      while (taken.length > 0) allocator.free(taken.pop()!);
      for (const abort of aborts.slice(0, 2)) abort.abort();
    }, { scope: "sync" });
    let length = 0;
    waits.then((answer) => length = answer as number);
    for (let round = 0; round < 50 && length === 0; round++) await turn(caller, callee);
    assertEquals([asked > 0, length], [true, 3_000]);
    assert(most <= SLOTS / 2, `${most} calls under way, of ${SLOTS / 2} that may be`);
    assertEquals((await Promise.all(calls)).filter((end) => end === "given up").length, 2);
  } finally {
    RingProducer.prototype.commit = commit;
    for (const endpoint of [caller, callee]) endpoint.bus.close(new Error("the end"));
  }
});

/** What both have written is read, and what that sets in motion is done. */
async function turn(caller: Endpoint, callee: Endpoint): Promise<void> {
  for (let i = 0; i < 8; i++) await undefined;
  callee.bus.poll();
  await undefined;
  caller.bus.poll();
  for (let i = 0; i < 8; i++) await undefined;
}
