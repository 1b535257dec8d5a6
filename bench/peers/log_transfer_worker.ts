/**
 * The other end of `log_transfer.ts`.
 *
 * @module
 */
import { countLines, type LogTotals } from "./log_lines.ts";
import { serve } from "./plain_worker_end.ts";

/** A block that goes back, and what was in it. */
export interface CountedBlock {
  readonly buffer: ArrayBuffer;
  readonly totals: LogTotals;
}

serve({
  count: (buffer: ArrayBuffer, byteLength: number): CountedBlock => {
    return { buffer, totals: countLines(new Uint8Array(buffer), byteLength) };
  },
}, (counted) => [(counted as CountedBlock).buffer]);
