/**
 * The host's part: reads the log ahead into blocks that the shards lend, and adds up what they have counted.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { chunks, type ChunkSource } from "@tidepool/core/foreign";
import { type LogSummary, sumOf } from "./log_counts.ts";
import { logTasks } from "./log_tasks.ts";

/**
 * Counts a log on `shards` shards at once.
 *
 * @param log A file, a connection or a stream.
 * @param shards How many shards.
 * @param chunkBytes The most bytes that a shard counts at a time; no line may be longer.
 */
export async function countLog(
  log: ChunkSource,
  shards: number,
  chunkBytes: number = 2 ** 20,
): Promise<LogSummary> {
  await using runtime = await Runtime.start({
    shards,
    memory: shards * (2 ** 22 + 4 * chunkBytes),
  });
  const lines = chunks(runtime, log, { chunkBytes, separator: "\n" });
  const counted = runtime.pipeline((chunk) => chunk.ownerShard, lines, logTasks.count, {
    ordered: false,
  });
  let sum = 0;
  for await (const count of counted) sum += count;
  const summaries = await runtime.map(logTasks.summary);
  const summary = summaries.reduce(sumOf);
  if (summary.lines !== sum) throw new Error(`${sum} lines were counted, not ${summary.lines}`);
  return summary;
}
