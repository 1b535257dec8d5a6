/**
 * The other end of `log_analytics_transfer.ts`.
 *
 * @module
 */
import { LogCounts, type LogSummary } from "../../examples/log_analytics/log_counts.ts";
import { serve } from "../peers/plain_worker_end.ts";

/** A block that goes back, and how much of it was counted. */
export interface AnalysedBlock {
  readonly buffer: ArrayBuffer;
  readonly bytes: number;
}

const counts = new LogCounts();

serve({
  count: (buffer: ArrayBuffer, byteLength: number): AnalysedBlock => {
    return { buffer, bytes: counts.add(new Uint8Array(buffer, 0, byteLength)) };
  },
  summary: (): LogSummary => counts.summary(),
}, (value) => "buffer" in (value as object) ? [(value as AnalysedBlock).buffer] : []);
