// deno-lint-ignore-file no-console -- a command-line program
/**
 * Counts a log file on two shards: the host reads it into blocks that lie in their slices.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import {
  answerOf,
  BLOCK_BYTES,
  BLOCKS_OF_A_THREAD,
  countFile,
  type LineBlocks,
  THREADS,
} from "./log_lines.ts";
import { Block, logTasks } from "./log_tasks.ts";

await using runtime = await Runtime.start({
  shards: THREADS,
  memory: THREADS * (BLOCKS_OF_A_THREAD + 1) * BLOCK_BYTES,
});
await using pointers = new AsyncDisposableStack();
const lanes = await Promise.all(
  Array.from({ length: THREADS * BLOCKS_OF_A_THREAD }, (_, index) => openLane(index % THREADS)),
);
console.log(answerOf(await countFile(Deno.args[0]!, lanes)));

/** A block of that shard, filled here and counted there. */
async function openLane(shard: number) {
  const pointer = pointers.use(await runtime.submitTo(shard, logTasks.makeBlock));
  const bytes = pointer.view(Block).bytes.elements;
  return async (blocks: LineBlocks) => {
    const byteLength = await blocks.fill(bytes);
    if (byteLength === 0) return null;
    return await runtime.submitTo(shard, logTasks.count, pointer.get(), byteLength);
  };
}
