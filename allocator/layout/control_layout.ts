/**
 * Descriptor of the control words at the start of a slice. Indices are Int32 words from the slice's
 * first byte.
 *
 * ```text
 *  word     content                                    writer            reader
 *  -------  -----------------------------------------  ----------------  ------------------------
 *  0        magic: the slice is formatted              owner             any
 *  1        first-level bitmap                         owner             owner; any: statistics
 *  2        granules in use                            owner             any: statistics
 *  3        most granules in use so far                owner             any: statistics
 *  4..15    counters, two words each (see below)       owner             any: statistics
 *  16       debug heap: the block with the map of      owner, once       any
 *           starts, 0 if it is none
 *  17       the fallow: FALLOW_NONE, _KEPT, _GIVEN     owner             owner; any: heap_check.ts
 *  18..27   more counters                              owner             any: statistics
 *  28       the free block that is on no list yet,     owner             any: statistics
 *           0 if there is none
 *  29       its class                                  owner             owner
 *  30       end of the highest block that was ever     owner             the owner's successor
 *           given to a free list: see former_life.ts
 *  31       the same with all bits turned over         owner             the owner's successor
 *  32..57   second-level bitmaps, one word a level     owner             owner; any: statistics
 *  58..79   padding
 *  80       head of the list of remote frees           any (atomic)      owner
 *  81       1 while the owner is short of memory, as   owner (atomic)    any (atomic)
 *           far as it had looked before it slept
 *  82..111  padding
 *  112..    heads of the free lists, 32 a level        owner             owner; any: statistics
 *  then one word of padding and the first block's header, at an odd word
 *  last     sentinel: header of a used block of no size, whose PREVIOUS_FREE bit is kept
 * ```
 *
 * The head of remote frees, and the word that is read after each push, have a 128-byte line for
 * themselves (two 64-byte lines are fetched as a pair on current processors): 64 bytes of padding lie
 * on either side of their 64-byte line, as slices are aligned to 64 bytes only.
 *
 * A counter is its low word and, in the next word, the count divided by 2^31. Bit 31 of the low
 * word equals bit 0 of the next, which lets a reader on another thread see when it looked between
 * the owner's two writes.
 *
 * @module
 */
import { LEVELS, LISTS_PER_LEVEL, searchClassOf } from "./size_class.ts";

/** "TIDE", and the version of this layout in the last byte. */
export const MAGIC = 0x54494401;

export const MAGIC_WORD = 0;
export const FIRST_LEVEL_WORD = 1;
export const USED_GRANULES_WORD = 2;
export const PEAK_GRANULES_WORD = 3;
export const MALLOCS_WORD = 4;
export const FREES_WORD = 6;
export const REMOTE_SENT_WORD = 8;
export const REMOTE_RECEIVED_WORD = 10;
export const REMOTE_REJECTED_WORD = 12;
export const FAILED_WORD = 14;
export const START_MAP_WORD = 16;
export const FALLOW_WORD = 17;
export const REQUESTED_BYTES_WORD = 18;
export const LARGE_MALLOCS_WORD = 20;
export const RECLAIMS_WORD = 22;
export const REMOTE_DROPPED_WORD = 24;
export const OVERSIZED_WORD = 26;
export const LOOSE_BLOCK_WORD = 28;
export const LOOSE_CLASS_WORD = 29;
export const TOUCHED_WORD = 30;
export const TOUCHED_CHECK_WORD = 31;
export const SECOND_LEVEL_WORD = 32;
export const REMOTE_FREE_HEAD_WORD = 80;
export const SHORTAGE_WORD = 81;
export const LIST_HEADS_WORD = 112;

/** The heap begins with the first block: see former_life.ts. */
export const FALLOW_NONE = 0;
/** The first block is kept as long as there is other memory. */
export const FALLOW_KEPT = 1;
/** It was, and is memory like any other now. */
export const FALLOW_GIVEN = 2;

/** A slice begins at a multiple of this many bytes, and its length is one too. */
export const SLICE_ALIGNMENT_BYTES = 64;
/**
 * The largest slice, 4 GiB. Word indices of a larger one would not fit in 30 bits, nor its sizes in a
 * header.
 */
export const MAX_SLICE_BYTES = 0x1_0000_0000;
/** The smallest slice. Its control words take up to 960 bytes; seven granules are left. */
export const MIN_SLICE_BYTES = 1024;

/** First levels that a slice of `wordLength` words keeps lists for: no more than it can use. */
export function levelsOf(wordLength: number): number {
  return Math.min(LEVELS, (searchClassOf(wordLength >>> 1) >>> 5) + 1);
}

/** The header of the first block. */
export function firstBlockOf(wordLength: number): number {
  return LIST_HEADS_WORD + levelsOf(wordLength) * LISTS_PER_LEVEL + 1;
}

/** The sentinel that ends the heap. */
export function sentinelOf(wordLength: number): number {
  return wordLength - 1;
}

/** Granules of the whole heap. */
export function heapGranulesOf(wordLength: number): number {
  return (sentinelOf(wordLength) - firstBlockOf(wordLength)) >>> 1;
}

/** Adds one to a counter. Only the owner writes counters, so a plain access is exact here. */
export function count(words: Int32Array, word: number): void {
  const low = (words[word]! + 1) | 0;
  words[word] = low;
  if ((low & 0x7fffffff) === 0) words[word + 1] = words[word + 1]! + 1;
}

const MOST_IN_A_STEP = 0x7fffffff;

/** Adds up to 2^32 - 1 to a counter. `Allocator.malloc()` has the same written out. */
export function add(words: Int32Array, word: number, amount: number): void {
  // In steps: bit 31 stays as it was when two multiples of 2^31 are passed at once.
  for (let rest = amount; rest > 0; rest -= MOST_IN_A_STEP) {
    const before = words[word]!;
    const low = (before + Math.min(rest, MOST_IN_A_STEP)) | 0;
    words[word] = low;
    if ((low ^ before) < 0) words[word + 1] = words[word + 1]! + 1;
  }
}

/**
 * Reads a counter from any thread. `count()` writes the low word, then the next; a reader that sees
 * the two disagree looks again. The bound covers an owner that was terminated between its writes.
 */
export function readCount(words: Int32Array, word: number): number {
  let low = 0;
  let high = 0;
  for (let attempt = 0; attempt < 1000; attempt++) {
    low = Atomics.load(words, word);
    high = Atomics.load(words, word + 1);
    if (((low >>> 31) ^ (high & 1)) === 0) break;
  }
  return (high >>> 0) * 0x8000_0000 + (low & 0x7fffffff);
}
