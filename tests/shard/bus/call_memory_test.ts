import { assert, assertGreater } from "@std/assert";
import { Endpoint } from "../../../shard/calls/endpoint.ts";
import { shapeFor } from "../../../shard/host/runtime_options.ts";
import { SegmentLayout } from "../../../shard/calls/segment_layout.ts";
import { findTask } from "../../../shard/calls/task.ts";
import { busTasks } from "./bus_tasks.ts";

const CALLS = 1_000;
const ROUNDS = 9;
/**
 * Both ends, their polls and the loop below together, before the compiler has come to them: 1,114
 * bytes. A call that has both of its promise's functions made takes 1,360.
 */
const MOST_BYTES = 1_250;

Deno.test("a call allocates a promise and little else", async () => {
  const shape = shapeFor({ shards: 1, memory: "16MiB" });
  const layout = new SegmentLayout(shape);
  const buffer = new SharedArrayBuffer(layout.byteLength);
  const setup = { buffer, shape, spinMicroseconds: 0, wireTypes: [], debug: false };
  const caller = new Endpoint({ ...setup, endpoint: layout.host, debugHeap: false }, () => {});
  const callee = new Endpoint({ ...setup, endpoint: 0, debugHeap: false }, () => {});
  const round = async (): Promise<number> => {
    const before = Deno.memoryUsage().heapUsed;
    for (let call = 0; call < CALLS; call++) {
      const sum = caller.submitTo(0, busTasks.add, [call, 1]);
      await undefined; // behind the flush
      callee.bus.poll();
      caller.bus.poll();
      await sum;
    }
    return (Deno.memoryUsage().heapUsed - before) / CALLS;
  };
  await findTask(busTasks.add.module, busTasks.add.key); // polls alone do not wait for the module
  await round(); // the first call loads code
  const rounds: number[] = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push(await round());
  // A garbage collection makes the figure of its round too small, and there is one in three or four.
  const median = rounds.toSorted((a, b) => a - b)[ROUNDS >> 1]!;
  assertGreater(median, 500, "or nothing was measured");
  assert(median <= MOST_BYTES, `${median} bytes a call`);
});
