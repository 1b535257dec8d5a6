/**
 * From block to block, in address order. Headers alone lead the way, so a walk of another thread's heap
 * meets headers that are being written, and one of a damaged heap any number at all.
 *
 * @module
 */
import { blockAfter, granulesOf } from "./block_layout.ts";
import { sentinelOf } from "./control_layout.ts";
import { SMALLEST_BLOCK_GRANULES } from "./size_class.ts";

/** The block after one, the sentinel after the last; 0 if no block has the size in its header. */
export function nextBlock(words: Int32Array, block: number): number {
  const granules = granulesOf(words[block]!);
  const next = blockAfter(block, granules);
  return granules < SMALLEST_BLOCK_GRANULES || next > sentinelOf(words.length) ? 0 : next;
}
