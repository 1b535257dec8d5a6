// deno-lint-ignore-file no-console -- a command-line program
/**
 * Counts a log file on two shards: the host reads it into blocks that they lend.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { chunks } from "@tidepool/core/foreign";
import {
  answerOf,
  BLOCK_BYTES,
  BLOCKS_OF_A_THREAD,
  noTotals,
  sumOf,
  THREADS,
} from "./log_lines.ts";
import { logTasks } from "./log_tasks.ts";

await using runtime = await Runtime.start({
  shards: THREADS,
  memory: THREADS * (BLOCKS_OF_A_THREAD + 1) * BLOCK_BYTES,
});
using file = await Deno.open(Deno.args[0]!);
const lines = chunks(runtime, file, {
  chunkBytes: BLOCK_BYTES,
  ahead: BLOCKS_OF_A_THREAD,
  separator: "\n",
});
let sum = noTotals();
for await (
  const more of runtime.pipeline((chunk) => chunk.ownerShard, lines, logTasks.count, {
    ordered: false,
  })
) sum = sumOf(sum, more);
console.log(answerOf(sum));
