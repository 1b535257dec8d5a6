/**
 * What an allocator counts, after `seastar::memory::statistics`, with fragmentation beside it. The
 * counters live in the control words of the slice, so any thread can read them without a message.
 *
 * @module
 */
import { FREE, granulesOf } from "./block_layout.ts";
import {
  FAILED_WORD,
  FIRST_LEVEL_WORD,
  firstBlockOf,
  FREES_WORD,
  heapGranulesOf,
  LARGE_MALLOCS_WORD,
  LIST_HEADS_WORD,
  LOOSE_BLOCK_WORD,
  MALLOCS_WORD,
  OVERSIZED_WORD,
  PEAK_GRANULES_WORD,
  readCount,
  RECLAIMS_WORD,
  REMOTE_DROPPED_WORD,
  REMOTE_RECEIVED_WORD,
  REMOTE_REJECTED_WORD,
  REMOTE_SENT_WORD,
  REQUESTED_BYTES_WORD,
  SECOND_LEVEL_WORD,
  sentinelOf,
  USED_GRANULES_WORD,
} from "./control_layout.ts";
import { GRANULE_BYTES, sizeClassOf, smallestOfClass } from "./size_class.ts";
import { openSlice, type SliceSpan } from "./slice_table.ts";

/** Counters and sizes of one slice. Bytes count whole blocks, headers and rounding included. */
export interface MemoryStatistics {
  /** Blocks handed out: by `malloc`, `calloc`, `memalign`, and by a `realloc` that made a new one. */
  readonly mallocs: number;
  /** Blocks of this slice freed, by its owner or, once drained, by others. */
  readonly frees: number;
  /** Blocks of other slices that this owner freed. */
  readonly remoteFreesSent: number;
  /**
   * Blocks of other slices that this owner freed after their own owner was gone, or had gathered and
   * not published by then. All but the latter are not in `remoteFreesSent`.
   */
  readonly remoteFreesDropped: number;
  /** Blocks of this slice that others freed and the owner has drained; part of `frees`. */
  readonly remoteFreesReceived: number;
  /** Blocks that others freed and the owner refused: freed twice, or with an overwritten header. */
  readonly remoteFreesRejected: number;
  /** Requests that got 0 for want of memory, or by failure injection. */
  readonly failedMallocs: number;
  /** Those of `failedMallocs` that the slice could not serve if all of it were free. */
  readonly oversizedMallocs: number;
  /** Requests that reached the threshold of a {@linkcode LargeAllocationWarning}. */
  readonly largeMallocs: number;
  /** Bytes asked for by all `mallocs` together, as asked: it only grows. */
  readonly requestedBytes: number;
  /** How often reclaimers were asked to give memory back. */
  readonly reclaims: number;
  /** `mallocs - frees`: blocks not freed yet, or freed by another slice and not drained yet. */
  readonly liveBlocks: number;
  /** Bytes of the live blocks. */
  readonly usedBytes: number;
  /** The largest `usedBytes` so far. */
  readonly peakUsedBytes: number;
  /** Bytes of the free blocks, those in small classes included: `totalBytes - usedBytes`. */
  readonly freeBytes: number;
  /** Bytes of the heap: the slice less its control words. */
  readonly totalBytes: number;
  /**
   * Bytes of the largest free block in a row, to within 1/32: it is the first block of the highest
   * list that has one, and blocks of one list differ by no more.
   */
  readonly largestFreeBytes: number;
  /** `1 - largestFreeBytes / freeBytes`: 0 when all that is free is one block, or nothing is. */
  readonly fragmentation: number;
}

/**
 * Reads the statistics of a slice from any thread, without a message. Each figure is one that was
 * true at some moment; while the owner works, they need not all be of the same moment.
 *
 * @param buffer the segment
 * @param slice where the slice lies in it
 * @returns the figures at this moment
 * @throws {RangeError} if the span is no slice of the buffer, or is not formatted
 *
 * @example
 * ```ts
 * import { Allocator, readMemoryStatistics } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(65536);
 * const slice = { byteOffset: 0, byteLength: 65536 };
 * Allocator.create(segment, [slice], 0).malloc(100);
 * assertEquals(readMemoryStatistics(segment, slice).liveBlocks, 1);
 * ```
 */
export function readMemoryStatistics(
  buffer: SharedArrayBuffer,
  slice: SliceSpan,
): MemoryStatistics {
  const words = openSlice(buffer, slice);
  const totalGranules = heapGranulesOf(words.length);
  const usedGranules = Atomics.load(words, USED_GRANULES_WORD);
  const freeGranules = totalGranules - usedGranules;
  const largestGranules = Math.min(largestFreeGranules(words), freeGranules);
  // Frees are read first: a block freed in between may look live, and none is freed before it lives.
  const frees = readCount(words, FREES_WORD);
  const mallocs = readCount(words, MALLOCS_WORD);
  return {
    mallocs,
    frees,
    remoteFreesSent: readCount(words, REMOTE_SENT_WORD),
    remoteFreesDropped: readCount(words, REMOTE_DROPPED_WORD),
    remoteFreesReceived: readCount(words, REMOTE_RECEIVED_WORD),
    remoteFreesRejected: readCount(words, REMOTE_REJECTED_WORD),
    failedMallocs: readCount(words, FAILED_WORD),
    oversizedMallocs: readCount(words, OVERSIZED_WORD),
    largeMallocs: readCount(words, LARGE_MALLOCS_WORD),
    requestedBytes: readCount(words, REQUESTED_BYTES_WORD),
    reclaims: readCount(words, RECLAIMS_WORD),
    liveBlocks: mallocs - frees,
    usedBytes: usedGranules * GRANULE_BYTES,
    peakUsedBytes: Math.max(usedGranules, Atomics.load(words, PEAK_GRANULES_WORD)) * GRANULE_BYTES,
    freeBytes: freeGranules * GRANULE_BYTES,
    totalBytes: totalGranules * GRANULE_BYTES,
    largestFreeBytes: largestGranules * GRANULE_BYTES,
    fragmentation: freeGranules === 0 ? 0 : 1 - largestGranules / freeGranules,
  };
}

/** Granules of the largest free block, to within 1/32. Any thread: no loop over blocks. */
export function largestFreeGranules(words: Int32Array): number {
  const loose = freeGranulesAt(words, Atomics.load(words, LOOSE_BLOCK_WORD));
  return Math.max(loose, largestListedGranules(words));
}

/** The size of the first block on the highest list, from the bitmaps: no loop over blocks. */
function largestListedGranules(words: Int32Array): number {
  const levels = Atomics.load(words, FIRST_LEVEL_WORD);
  if (levels === 0) return 0;
  const level = 31 - Math.clz32(levels);
  const lists = Atomics.load(words, SECOND_LEVEL_WORD + level);
  // Seen between two writes of the owner: the level just became empty, or is about to be marked so.
  if (lists === 0) return 0;
  const sizeClass = level * 32 + 31 - Math.clz32(lists);
  const granules = freeGranulesAt(words, Atomics.load(words, LIST_HEADS_WORD + sizeClass));
  return sizeClassOf(granules) === sizeClass ? granules : smallestOfClass(sizeClass);
}

/** The size of a free block; 0 if it is none: the owner may have taken it since, or there is none. */
function freeGranulesAt(words: Int32Array, block: number): number {
  if (block < firstBlockOf(words.length) || block >= sentinelOf(words.length)) return 0;
  const header = Atomics.load(words, block);
  return (header & FREE) === 0 ? 0 : granulesOf(header);
}
