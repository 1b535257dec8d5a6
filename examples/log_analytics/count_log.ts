/**
 * The host's part: reads the log ahead into blocks that the shards lend, and adds up what they have counted.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { chunks, type ChunkSource } from "@tidepool/core/foreign";
import { LogCounts, type LogSummary } from "./log_counts.ts";
import { logTasks } from "./log_tasks.ts";

/** Of a log that is being counted. */
export interface CountOptions {
  readonly shards: number;
  /** The most bytes that a shard counts at a time; no line may be longer. */
  readonly chunkBytes?: number;
  /** Told how many bytes are counted. */
  readonly onProgress?: (bytes: number) => void;
}

/** Counts a log on several shards at once. */
export async function countLog(
  log: ChunkSource,
  { shards, chunkBytes = 2 ** 20, onProgress = () => {} }: CountOptions,
): Promise<LogSummary> {
  await using runtime = await Runtime.start({
    shards,
    memory: shards * (2 ** 22 + 4 * chunkBytes),
  });
  const lines = chunks(runtime, log, { chunkBytes, separator: "\n" });
  const counted = runtime.pipeline((chunk) => chunk.ownerShard, lines, logTasks.count, {
    ordered: false,
  });
  let bytes = 0;
  for await (const more of counted) onProgress(bytes += more);
  const sum = new LogCounts();
  for (const summary of await runtime.map(logTasks.summary)) sum.addSummary(summary);
  return sum.summary();
}
