// deno-lint-ignore-file no-console -- a command-line program
/**
 * Counts a log file on two plain Workers: buffers move there filled, and back to be filled again.
 *
 * @module
 */
import {
  answerOf,
  BLOCK_BYTES,
  BLOCKS_OF_A_THREAD,
  countFile,
  type LineBlocks,
  THREADS,
} from "./log_lines.ts";
import type { CountedBlock } from "./log_transfer_worker.ts";
import { PlainWorker } from "./plain_worker.ts";

const url = new URL("./log_transfer_worker.ts", import.meta.url);
const workers = await Promise.all(Array.from({ length: THREADS }, () => PlainWorker.start(url)));
const lanes = workers.flatMap((worker) => {
  return Array.from({ length: BLOCKS_OF_A_THREAD }, () => openLane(worker));
});
console.log(answerOf(await countFile(Deno.args[0]!, lanes)));
await Promise.all(workers.map((worker) => worker.close()));

/** A buffer that is filled here and counted there. */
function openLane(worker: PlainWorker) {
  let buffer = new ArrayBuffer(BLOCK_BYTES);
  return async (blocks: LineBlocks) => {
    const byteLength = await blocks.fill(new Uint8Array(buffer));
    if (byteLength === 0) return null;
    const counted = await worker.call<CountedBlock>("count", [buffer, byteLength], [buffer]);
    buffer = counted.buffer;
    return counted.totals;
  };
}
