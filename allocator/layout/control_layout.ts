/**
 * Descriptor of the control words at the start of a slice. Indices are Int32 words from the slice's
 * first byte.
 *
 * ```text
 *  word     name              content                                    writer         reader
 *  -------  ----------------  -----------------------------------------  -------------  -------------------
 *   0       MAGIC             that the slice is formatted                owner          any
 *   1       FIRST_LEVEL       first-level bitmap                         owner          any
 *   2       USED_GRANULES     granules in use                            owner          any
 *   3       PEAK_GRANULES     most granules in use so far                owner          any
 *   4..5    MALLOCS           counter: blocks handed out                 owner          any
 *   6..7    FREES             counter: blocks of this slice freed        owner          any
 *   8..9    REMOTE_SENT       counter: blocks of others freed here       owner          any
 *  10..11   REMOTE_RECEIVED   counter: blocks that others freed          owner          any
 *  12..13   REMOTE_REJECTED   counter: of these, what was refused        owner          any
 *  14..15   FAILED            counter: requests that got no memory       owner          any
 *  16       START_MAP         debug heap: the block with the map of      owner, once    any
 *                             starts, 0 without one
 *  17       FALLOW            the fallow: FALLOW_NONE, _KEPT, _GIVEN     owner          any
 *  18..19   REQUESTED_BYTES   counter: bytes asked for                   owner          any
 *  20..21   LARGE_MALLOCS     counter: requests that were large          owner          any
 *  22..23   RECLAIMS          counter: calls of reclaimers               owner          any
 *  24..25   REMOTE_DROPPED    counter: blocks of owners that are gone    owner          any
 *  26..27   OVERSIZED         counter: requests for more than the slice  owner          any
 *  28       LOOSE_BLOCK       the free block that is on no list yet,     owner          any
 *                             0 if every one is on its list
 *  29       LOOSE_CLASS       its class                                  owner          any
 *  30       TOUCHED           end of the highest block that was ever     owner          its successor
 *                             given to a free list: see former_life.ts
 *  31       TOUCHED_CHECK     the same with all bits turned over         owner          its successor
 *  32..57   SECOND_LEVEL      second-level bitmaps, one word a level     owner          any
 *  80       REMOTE_FREE_HEAD  head of the list of remote frees           any (atomic)   owner
 *  81       SHORTAGE          1 while the owner is short of memory, as   owner (atomic) any (atomic)
 *                             far as it had looked before it slept
 * 112..     LIST_HEADS        heads of the free lists, 32 a level        owner          any
 *   …       FIRST_BLOCK       its header, one word further on, at an     owner          any
 *                             odd word
 *   …       SENTINEL          the last word: header of a used block of   owner          any
 *                             no size, whose PREVIOUS_FREE bit is kept
 * ```
 *
 * Others than the owner read what is plain for statistics, reports and checks.
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

/** Words of a counter: see above. */
const COUNTER_WORDS = 2;
/** Words of a cache line. */
const LINE_WORDS = 16;

// Each word begins where the one before ends.
export const MAGIC_WORD = 0;
export const FIRST_LEVEL_WORD: number = MAGIC_WORD + 1;
export const USED_GRANULES_WORD: number = FIRST_LEVEL_WORD + 1;
export const PEAK_GRANULES_WORD: number = USED_GRANULES_WORD + 1;
export const MALLOCS_WORD: number = PEAK_GRANULES_WORD + 1;
export const FREES_WORD: number = MALLOCS_WORD + COUNTER_WORDS;
export const REMOTE_SENT_WORD: number = FREES_WORD + COUNTER_WORDS;
export const REMOTE_RECEIVED_WORD: number = REMOTE_SENT_WORD + COUNTER_WORDS;
export const REMOTE_REJECTED_WORD: number = REMOTE_RECEIVED_WORD + COUNTER_WORDS;
export const FAILED_WORD: number = REMOTE_REJECTED_WORD + COUNTER_WORDS;
export const START_MAP_WORD: number = FAILED_WORD + COUNTER_WORDS;
export const FALLOW_WORD: number = START_MAP_WORD + 1;
export const REQUESTED_BYTES_WORD: number = FALLOW_WORD + 1;
export const LARGE_MALLOCS_WORD: number = REQUESTED_BYTES_WORD + COUNTER_WORDS;
export const RECLAIMS_WORD: number = LARGE_MALLOCS_WORD + COUNTER_WORDS;
export const REMOTE_DROPPED_WORD: number = RECLAIMS_WORD + COUNTER_WORDS;
export const OVERSIZED_WORD: number = REMOTE_DROPPED_WORD + COUNTER_WORDS;
export const LOOSE_BLOCK_WORD: number = OVERSIZED_WORD + COUNTER_WORDS;
export const LOOSE_CLASS_WORD: number = LOOSE_BLOCK_WORD + 1;
export const TOUCHED_WORD: number = LOOSE_CLASS_WORD + 1;
export const TOUCHED_CHECK_WORD: number = TOUCHED_WORD + 1;
export const SECOND_LEVEL_WORD: number = TOUCHED_CHECK_WORD + 1;
/** On a line that begins one line behind the last of the words before. */
export const REMOTE_FREE_HEAD_WORD: number =
  (Math.ceil((SECOND_LEVEL_WORD + LEVELS) / LINE_WORDS) + 1) * LINE_WORDS;
export const SHORTAGE_WORD: number = REMOTE_FREE_HEAD_WORD + 1;
/** Behind that line and another. */
export const LIST_HEADS_WORD: number = REMOTE_FREE_HEAD_WORD + 2 * LINE_WORDS;

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

/** Most that can be added to a counter at once: bit 31 of its low word then shows each carry. */
export const MOST_IN_A_STEP = 0x7fffffff;

/** Adds one to a counter. Only the owner writes counters, so a plain access is exact here. */
export function count(words: Int32Array, word: number): void {
  const low = (words[word]! + 1) | 0;
  words[word] = low;
  if ((low & MOST_IN_A_STEP) === 0) words[word + 1] = words[word + 1]! + 1;
}

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
