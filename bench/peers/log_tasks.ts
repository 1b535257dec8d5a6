/**
 * The tasks of `log_tidepool.ts`, in a module that the shards can import.
 *
 * @module
 */
import { defineTasks, type ForeignPtr, type Task } from "@tidepool/core";
import type { LentBytes } from "@tidepool/core/foreign";
import { countLines, type LogTotals } from "./log_lines.ts";

interface LogTasks {
  readonly count: Task<[ForeignPtr<LentBytes>], LogTotals>;
}

/** What a shard is asked. */
export const logTasks: LogTasks = defineTasks(import.meta.url, {
  count(lines: ForeignPtr<LentBytes>): LogTotals {
    using own = lines;
    const bytes = own.bytes();
    return countLines(bytes, bytes.length);
  },
});
