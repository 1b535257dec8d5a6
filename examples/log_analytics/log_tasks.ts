/**
 * What a shard does: counts the chunks of a log that lie in its slice, and says at the end what it has counted.
 *
 * @module
 */
import { defineTasks, type ForeignPtr, type Task } from "@tidepool/core";
import type { LentBytes } from "@tidepool/core/foreign";
import { LogCounts, type LogSummary } from "./log_counts.ts";

interface LogTasks {
  readonly count: Task<[ForeignPtr<LentBytes>], number>;
  readonly summary: Task<[], LogSummary>;
}

/** One on every shard. */
const counts = new LogCounts();

export const logTasks: LogTasks = defineTasks(import.meta.url, {
  count(lines: ForeignPtr<LentBytes>): number {
    using own = lines; // goes back at the end, to be filled again
    return counts.add(own.bytes());
  },
  summary: (): LogSummary => counts.summary(),
});
