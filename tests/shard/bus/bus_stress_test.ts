/**
 * Real threads under load: random calls from every shard to every shard, blocks freed by others, few
 * slots, more threads than cores. Every answer is checked, and at the end every slice must be empty.
 */
import { Runtime } from "@tidepool/core";
import { busTasks } from "./bus_tasks.ts";
import { assert, assertEquals } from "@std/assert";
import { withRandom } from "../../harness/seeded_random.ts";
import { stormTasks } from "./storm_tasks.ts";

for (
  const [shards, ringSlots, spinMicroseconds, calls] of [
    [4, 4, 0, 5000],
    [2, 16, 50, 5000],
    [3, 2048, 0, 5000],
    [18, 8, 0, 500], // so many that a sender marks its line
  ] as const
) {
  Deno.test(`${shards} shards storm each other over rings of ${ringSlots} slots, spinning ${spinMicroseconds} µs`, async () => {
    await withRandom(async ({ seed }) => {
      await using runtime = await Runtime.start({
        shards,
        memory: shards * 16 * 2 ** 20,
        ringSlots,
        spinMicroseconds,
      });
      const ids = Array.from({ length: shards }, (_, shard) => shard);
      const right = await Promise.all(
        ids.map((shard) => runtime.submitTo(shard, stormTasks.storm, seed + shard, calls)),
      );
      assertEquals(right, ids.map(() => calls));
      // Results are freed by their receivers: one round brings the last of them home.
      for (const shard of ids) await runtime.submitTo(shard, stormTasks.settle);
      for (const shard of ids) {
        assertEquals(await runtime.submitTo(shard, stormTasks.settle), 0);
      }
      await runtime.stop();
      let freedElsewhere = 0;
      for (const shard of ids) {
        runtime.checkHeap(shard);
        const { mallocs, frees, remoteFreesReceived } = runtime.memoryStatistics(shard);
        assertEquals(mallocs, frees);
        freedElsewhere += remoteFreesReceived;
      }
      // A reply that lies in its request's block is freed at home with it.
      assert(freedElsewhere > calls / 4, `only ${freedElsewhere} remote frees`);
    });
  });
}

for (
  const [shards, ringSlots, calls, depth] of [
    [2, 2048, 3000, 0],
    [3, 2, 300, 3],
    [2, 8, 100, 20],
  ] as const
) {
  Deno.test(`${shards} shards call each other back, ${calls} calls ${depth} deep over rings of ${ringSlots} slots, and finish`, async () => {
    await using runtime = await Runtime.start({ shards, memory: shards * 16 * 2 ** 20, ringSlots });
    const ids = Array.from({ length: shards }, (_, shard) => shard);
    const right = await Promise.all(
      ids.map((shard) => runtime.submitTo(shard, busTasks.stormOfCallBacks, calls, depth)),
    );
    assertEquals(right, ids.map(() => calls * (shards - 1)));
    for (const shard of ids) {
      const { callsSent, repliesReceived } = runtime.busStatistics(shard);
      assertEquals(callsSent, repliesReceived);
    }
    await runtime.stop();
    for (const shard of ids) runtime.checkHeap(shard);
  });
}
