/**
 * The map of block starts that a debug heap keeps: one bit for each granule of the heap, set where a
 * live block begins. It lies in a block of the slice, 1/64 of its size, so every thread that is about
 * to free an address can look it up, and no thread can free an address twice.
 *
 * The bits are set by the owner, before it gives the address away, and cleared by whoever frees the
 * block. Blocks that share a word are freed by several threads at once; hence the Atomics.
 *
 * @module
 */
import { addressOf, blockAfter, granulesOf, HEADER_BYTES, isFreed } from "./block_layout.ts";
import { nextBlock } from "./block_walk.ts";
import { firstBlockOf, heapGranulesOf, sentinelOf, START_MAP_WORD } from "./control_layout.ts";
import { granulesFor } from "./size_class.ts";

/** Granules of the block that holds the map of a slice of `wordLength` words. */
export function startMapGranules(wordLength: number): number {
  return granulesFor(Math.ceil(heapGranulesOf(wordLength) / 32) * Int32Array.BYTES_PER_ELEMENT);
}

/** Owner: makes the block the map of the slice, with no starts. */
export function formatStartMap(words: Int32Array, block: number): void {
  words.fill(0, block + 1, blockAfter(block, granulesOf(words[block]!)));
  words[START_MAP_WORD] = block;
}

/** Any thread: whether the slice has a map. The owner writes the word once, before all else. */
export function hasStartMap(words: Int32Array): boolean {
  return words[START_MAP_WORD] !== 0;
}

/** Any thread: whether a live block begins there. */
export function isStart(words: Int32Array, block: number): boolean {
  const bit = bitOf(words, block);
  return ((Atomics.load(words, wordOf(words, bit)) >>> (bit & 31)) & 1) === 1;
}

/** Owner: a live block begins there. */
export function setStart(words: Int32Array, block: number): void {
  const bit = bitOf(words, block);
  Atomics.or(words, wordOf(words, bit), 1 << (bit & 31));
}

/** Any thread, on freeing: no live block begins there any more. Whether one did: one thread gets true. */
export function clearStart(words: Int32Array, block: number): boolean {
  const bit = bitOf(words, block);
  const before = Atomics.and(words, wordOf(words, bit), ~(1 << (bit & 31)));
  return ((before >>> (bit & 31)) & 1) === 1;
}

/** Any thread: how many live blocks the map has. */
export function countStarts(words: Int32Array): number {
  const map = words[START_MAP_WORD]!;
  const end = blockAfter(map, granulesOf(words[map]!));
  let starts = 0;
  for (let word = map + 1; word < end; word++) {
    for (let bits = Atomics.load(words, word); bits !== 0; bits &= bits - 1) starts++;
  }
  return starts;
}

/**
 * Any thread: why no live block begins there, for an error. It walks the heap to the block, so the
 * answer is exact for the owner; for others, while the owner works, it is the best there is.
 *
 * @param freeAlready what to say if the memory is free
 */
export function startFault(words: Int32Array, block: number, freeAlready: string): string {
  const sentinel = sentinelOf(words.length);
  let found = firstBlockOf(words.length);
  while (found < sentinel) {
    const next = nextBlock(words, found);
    if (next === 0) break;
    if (block < next) {
      // A live block without the bit of its start waits for its owner to drain it.
      if (block === found || isFreed(words[found]!)) return freeAlready;
      const address = addressOf(words, found);
      const inside = addressOf(words, block) - address;
      return `it lies ${inside} bytes inside the block at ${address}`;
    }
    found = next;
  }
  return "no live block begins there";
}

function bitOf(words: Int32Array, block: number): number {
  return (block - firstBlockOf(words.length)) >>> 1;
}

function wordOf(words: Int32Array, bit: number): number {
  return words[START_MAP_WORD]! + HEADER_BYTES / Int32Array.BYTES_PER_ELEMENT + (bit >>> 5);
}
