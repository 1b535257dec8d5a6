// deno-lint-ignore-file no-console -- a command-line program
/**
 * Log analytics on two plain Workers: buffers move there filled, and back to be filled again.
 *
 * @module
 */
import { LogCounts, type LogSummary } from "../../examples/log_analytics/log_counts.ts";
import { answerOf, Streaming } from "./log_analytics_answer.ts";
import type { AnalysedBlock } from "./log_analytics_transfer_worker.ts";
import { BLOCK_BYTES, BLOCKS_OF_A_THREAD, LineBlocks, THREADS } from "../peers/log_lines.ts";
import { PlainWorker } from "../peers/plain_worker.ts";

const url = new URL("./log_analytics_transfer_worker.ts", import.meta.url);
const workers = await Promise.all(Array.from({ length: THREADS }, () => PlainWorker.start(url)));
using file = await Deno.open(Deno.args[0]!);
const blocks = new LineBlocks(file);
const streaming = new Streaming();
let bytes = 0;
await Promise.all(workers.flatMap((worker) => {
  return Array.from({ length: BLOCKS_OF_A_THREAD }, () => runLane(worker));
}));
const sum = new LogCounts();
for (const worker of workers) sum.addSummary(await worker.call<LogSummary>("summary", []));
await Promise.all(workers.map((worker) => worker.close()));
console.log(await answerOf(sum.summary(), streaming));

/** Fills a buffer and has it counted, until there are no more lines. */
async function runLane(worker: PlainWorker): Promise<void> {
  let buffer = new ArrayBuffer(BLOCK_BYTES);
  for (;;) {
    const byteLength = await blocks.fill(new Uint8Array(buffer));
    if (byteLength === 0) return;
    const counted = await worker.call<AnalysedBlock>("count", [buffer, byteLength], [buffer]);
    buffer = counted.buffer;
    streaming.progress(bytes += counted.bytes);
  }
}
