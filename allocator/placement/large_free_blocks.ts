/**
 * The large free blocks of a heap, from its lists: most of the free memory in few steps.
 *
 * @module
 */
import {
  addressOf,
  blockAfter,
  firstBlockOf,
  granulesOf,
  hasFreeNeighbour,
  HeapCheckError,
  heapGranulesOf,
  levelsOf,
  LIST_HEADS_WORD,
  LISTS_PER_LEVEL,
  NEXT_LINK_WORD,
  PREVIOUS_FREE,
  sentinelOf,
  sizeClassOf,
} from "../layout/mod.ts";
import type { Tlsf } from "./tlsf.ts";

/**
 * Every free block of at least `granules`, a power of two from 32 up. O(such blocks), and a look at each
 * list. Whoever is about to do away with what they hold can rely on it, also where links of the lists were
 * overwritten: what is returned is free, as the block behind it says too.
 *
 * @throws {HeapCheckError} if a list leads to something else
 */
export function largeFreeBlocks(tlsf: Tlsf, granules: number): number[] {
  tlsf.settle();
  const { words } = tlsf;
  const most = heapGranulesOf(words.length) / granules;
  const lists = levelsOf(words.length) * LISTS_PER_LEVEL;
  const blocks: number[] = [];
  for (let sizeClass = sizeClassOf(granules); sizeClass < lists; sizeClass++) {
    let block = words[LIST_HEADS_WORD + sizeClass]!;
    for (; block !== 0; block = words[block + NEXT_LINK_WORD]!) {
      // More than can be there: the list goes in a circle.
      if (isFreeBlock(words, block, granules) && blocks.push(block) <= most) continue;
      throw new HeapCheckError(
        "a list has free blocks, each once",
        addressOf(words, block),
        `list ${sizeClass} leads here`,
      );
    }
  }
  return blocks;
}

function isFreeBlock(words: Int32Array, block: number, granules: number): boolean {
  const available = granulesOf(words[block]!);
  const end = blockAfter(block, available);
  return available >= granules && end <= sentinelOf(words.length) &&
    words[end - 1] === block && (words[end]! & PREVIOUS_FREE) !== 0 &&
    hasFreeNeighbour(words, end, firstBlockOf(words.length));
}
