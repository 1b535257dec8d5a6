/**
 * The blocks of a slice in address order.
 *
 * @module
 */
import {
  addressOf,
  blockAfter,
  CACHED,
  checkFormatted,
  checkSliceSpan,
  firstBlockOf,
  FREE,
  GRANULE_BYTES,
  granulesOf,
  HeapCheckError,
  sentinelOf,
  type SliceSpan,
  SMALLEST_BLOCK_GRANULES,
  wordsOf,
} from "../layout/mod.ts";

/** A block of a heap, in use or free. */
export interface HeapBlock {
  /** Where its payload begins, in bytes from the start of the segment. */
  readonly address: number;
  /** Bytes of the whole block, the header of 4 included: they add up to the heap. */
  readonly byteLength: number;
  /** Whether it is free. A block that waits on the list of remote frees is not, yet. */
  readonly free: boolean;
}

/**
 * Walks every block of a slice in address order, for heap maps and reports. Any thread may walk; the
 * blocks make sense together only while the owner neither allocates nor frees.
 *
 * @param buffer the segment
 * @param slice where the slice lies in it
 * @returns the blocks, one at a time
 * @throws {RangeError} if the span is no slice of the buffer, or is not formatted
 * @throws {HeapCheckError} if a header leads nowhere
 *
 * @example
 * ```ts
 * import { Allocator } from "@tidepool/core/allocator";
 * import { walkHeap } from "@tidepool/core/diagnosis";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(65536);
 * const slice = { byteOffset: 0, byteLength: 65536 };
 * const address = Allocator.create(segment, [slice], 0).malloc(100);
 * const used = walkHeap(segment, slice).filter(({ free }) => !free).toArray();
 * assertEquals(used.map((block) => block.address), [address]);
 * ```
 */
export function* walkHeap(buffer: SharedArrayBuffer, slice: SliceSpan): Generator<HeapBlock> {
  checkSliceSpan(buffer, slice);
  const words = wordsOf(buffer, slice);
  checkFormatted(words);
  const sentinel = sentinelOf(words.length);
  let block = firstBlockOf(words.length);
  while (block < sentinel) {
    const header = words[block]!;
    const granules = granulesOf(header);
    const address = addressOf(words, block);
    const next = blockAfter(block, granules);
    if (granules < SMALLEST_BLOCK_GRANULES || next > sentinel) {
      throw new HeapCheckError(
        "blocks follow one another to the end of the heap",
        address,
        `its header gives ${granules * GRANULE_BYTES} bytes`,
      );
    }
    yield { address, byteLength: granules * GRANULE_BYTES, free: (header & (FREE | CACHED)) !== 0 };
    block = next;
  }
}
