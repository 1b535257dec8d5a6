/** SeqCell with real threads: a torn-read detector, with the debug heap on. */
import { Runtime } from "@tidepool/core";
import { assertEquals, assertGreater } from "@std/assert";
import { cellTasks } from "./cell_tasks.ts";

const WRITES = 1_000_000;
/** More than there are cores, so that each is stopped anywhere. */
const READERS = [1, 2, 3];

Deno.test("no read of a SeqCell is torn while its owner writes as fast as it can", async () => {
  await using runtime = await Runtime.start({ shards: 4, memory: "32MiB", debugHeap: true });
  const address = await runtime.submitTo(0, cellTasks.open);
  const reading = READERS.map((shard) => {
    return runtime.submitTo(shard, cellTasks.readUntil, address, WRITES);
  });
  await runtime.submitTo(0, cellTasks.write, 1, WRITES);
  const seen = await Promise.all(reading);
  assertEquals(seen.map(({ torn, wentBack }) => torn + wentBack), READERS.map(() => 0));
  assertGreater(seen.reduce((sum, { values }) => sum + values, 0), 1_000);
  assertGreater(seen.reduce((sum, { reads }) => sum + reads, 0), 10_000);
  await runtime.submitTo(0, cellTasks.close);
  runtime.checkHeap(0);
});
