// deno-lint-ignore-file no-console -- a command-line program
/**
 * Log analytics on one thread: a block is read, and counted.
 *
 * @module
 */
import { LogCounts } from "../../examples/log_analytics/log_counts.ts";
import { answerOf, Streaming } from "./log_analytics_answer.ts";
import { BLOCK_BYTES, LineBlocks } from "../peers/log_lines.ts";

const counts = new LogCounts();
const streaming = new Streaming();
using file = await Deno.open(Deno.args[0]!);
const blocks = new LineBlocks(file);
const block = new Uint8Array(BLOCK_BYTES);
let bytes = 0;
let countingMs = 0;
for (let length = await blocks.fill(block); length > 0; length = await blocks.fill(block)) {
  const begin = performance.now();
  bytes += counts.add(block.subarray(0, length));
  countingMs += performance.now() - begin;
  streaming.progress(bytes);
}
console.log(await answerOf(counts.summary(), streaming, countingMs));
