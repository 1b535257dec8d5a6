/**
 * Tidepool's own allocator in the form that the comparison replays: the default allocator of one
 * slice, with its checks and statistics on, as a shard has it.
 *
 * @module
 */
import { Allocator } from "@tidepool/core/allocator";
import { OutOfMemoryError, type ReplayAllocator } from "../replay/replay.ts";

/** The address 0 means no memory, so the slice lies on the next page: slices of shards lie on pages too. */
const SLICE_OFFSET = 4096;

/** More than the control words of any slice take. */
const CONTROL_BYTES = 4096;

/** A segment in which allocators are made afresh, each over one slice. */
export class TidepoolSegment {
  readonly #segment: SharedArrayBuffer;

  constructor(largestSliceBytes: number) {
    this.#segment = makeSegment(SLICE_OFFSET + largestSliceBytes);
  }

  /** Formats a slice of that many bytes, a multiple of 64, and returns its allocator. */
  open(sliceBytes: number): ReplayAllocator<number> {
    return new TidepoolReplayAllocator(create(this.#segment, sliceBytes));
  }
}

/** A buffer of the kind that a runtime makes, which begins on a page: see `SegmentLayout.makeSegment()`. */
export function makeSegment(byteLength: number): SharedArrayBuffer {
  return new SharedArrayBuffer(byteLength, { maxByteLength: byteLength });
}

function create(segment: SharedArrayBuffer, sliceBytes: number): Allocator {
  // As a slice of a new segment: what was a slice before is cleared, and begins elsewhere.
  new Uint8Array(segment, SLICE_OFFSET, Math.min(sliceBytes, CONTROL_BYTES)).fill(0);
  try {
    return Allocator.create(segment, [{ byteOffset: SLICE_OFFSET, byteLength: sliceBytes }], 0);
  } catch (error) {
    // The search for the smallest slice may ask for one that cannot hold the control words.
    if (error instanceof RangeError) throw new OutOfMemoryError("the control words", 0, sliceBytes);
    throw error;
  }
}

/** An allocator that is there already, such as a shard's own. */
export function replayAllocator(allocator: Allocator): ReplayAllocator<number> {
  return new TidepoolReplayAllocator(allocator);
}

class TidepoolReplayAllocator implements ReplayAllocator<number> {
  readonly #allocator: Allocator;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  malloc(byteLength: number): number {
    return this.#allocator.malloc(byteLength);
  }

  calloc(byteLength: number): number {
    return this.#allocator.calloc(1, byteLength);
  }

  memalign(alignment: number, byteLength: number): number {
    return this.#allocator.memalign(alignment, byteLength);
  }

  realloc(address: number, byteLength: number): number {
    return this.#allocator.realloc(address, byteLength);
  }

  free(address: number): void {
    this.#allocator.free(address);
  }
}
