// deno-lint-ignore-file no-console -- a command-line program
/**
 * Log analytics of examples/, on two shards.
 *
 * @module
 */
import { countLog } from "../../examples/log_analytics/count_log.ts";
import { answerOf, Streaming } from "./log_analytics_answer.ts";
import { BLOCK_BYTES, THREADS } from "../peers/log_lines.ts";

const streaming = new Streaming();
using file = await Deno.open(Deno.args[0]!);
const log = await countLog(file, {
  shards: THREADS,
  chunkBytes: BLOCK_BYTES,
  onProgress: (bytes) => streaming.progress(bytes),
});
console.log(await answerOf(log, streaming));
