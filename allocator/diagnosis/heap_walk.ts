/**
 * The blocks of a slice in address order.
 *
 * @module
 */
import {
  addressOf,
  firstBlockOf,
  GRANULE_BYTES,
  granulesOf,
  HeapCheckError,
  isFreed,
  nextBlock,
  openSlice,
  sentinelOf,
  type SliceSpan,
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
  const words = openSlice(buffer, slice);
  const sentinel = sentinelOf(words.length);
  let block = firstBlockOf(words.length);
  while (block < sentinel) {
    const header = words[block]!;
    const byteLength = granulesOf(header) * GRANULE_BYTES;
    const address = addressOf(words, block);
    const next = nextBlock(words, block);
    if (next === 0) {
      throw new HeapCheckError(
        "blocks follow one another to the end of the heap",
        address,
        `its header gives ${byteLength} bytes`,
      );
    }
    yield { address, byteLength, free: isFreed(header) };
    block = next;
  }
}
