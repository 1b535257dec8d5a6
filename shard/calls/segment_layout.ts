/**
 * Where everything lies in the segment, computed from a handful of numbers, so that the host and
 * every shard arrive at the same offsets.
 *
 * ```
 * byte    0..3    CHANGES        host: how often a shard has died or come back
 *       128..131  SERVICES       any: sharded services started so far
 *      4096..     control pages  8,192 bytes an endpoint: shards 0 … n-1, then the host
 *         …       rings          one for each ordered pair of endpoints, (n+1) × n of them
 *         …       given away     4 MiB a shard: who holds the pointers to its objects (foreign/)
 *         …       readings       128 bytes for each ordered pair of endpoints: who reads what (structures/)
 *         …       host slice     memory for the host's messages, outside the division
 *         …       shard slices   parts of `memory`, equal unless weighted
 * ```
 *
 * What lies in a control page is in ring/control_page.ts, in a ring in ring/ring_layout.ts, in what is
 * given away in given_away_region.ts, and in a line of readings in structures/readers/readings_layout.ts.
 *
 * @module
 */

import type { SliceSpan } from "../../allocator/mod.ts";
import { CONTROL_PAGE_BYTES, ringBytes } from "../ring/mod.ts";
import { GivenAwayRegion, REGION_BYTES } from "./given_away_region.ts";

/** Slices and rings begin on such a boundary: what most machines hand out memory in. */
export const PAGE_BYTES = 4096;

/** Processors fetch lines of 64 bytes in pairs. */
const LINE_BYTES = 128;

/** Bytes from the segment's start to CHANGES. */
export const CHANGES_BYTES = 0;
/** Bytes from the segment's start to SERVICES, on a line of its own: CHANGES is looked at all the time. */
export const SERVICES_BYTES: number = CHANGES_BYTES + LINE_BYTES;
/** Bytes from the segment's start to the control page of shard 0. */
export const CONTROL_PAGES_BYTES: number = PAGE_BYTES;

/** The numbers that the whole layout follows from. */
export interface SegmentShape {
  /** Shards of the runtime; the host is the endpoint after the last. */
  readonly shardCount: number;
  /** Slots of each ring, a power of two. */
  readonly ringSlots: number;
  /** Bytes of the slice of each shard, by shard. */
  readonly sliceBytes: readonly number[];
  /** Bytes of the host's slice. */
  readonly hostSliceBytes: number;
}

/** Offsets of a segment of a given shape. */
export class SegmentLayout {
  /** The numbers it was computed from. */
  readonly shape: SegmentShape;
  /** Shards and host. */
  readonly endpointCount: number;
  /** The host's endpoint number. */
  readonly host: number;
  /** Bytes of the whole segment. */
  readonly byteLength: number;
  /** Bytes from the start that hold everything but the slices. */
  readonly controlByteLength: number;
  /** Slices by endpoint number: the shards' and, last, the host's. */
  readonly slices: readonly SliceSpan[];
  readonly #ringsByteOffset: number;
  readonly #givenAwayByteOffset: number;
  readonly #readingsByteOffset: number;
  readonly #ringByteLength: number;

  constructor(shape: SegmentShape) {
    this.shape = shape;
    this.host = shape.shardCount;
    this.endpointCount = shape.shardCount + 1;
    this.#ringsByteOffset = CONTROL_PAGES_BYTES + this.endpointCount * CONTROL_PAGE_BYTES;
    this.#ringByteLength = ringBytes(shape.ringSlots);
    const rings = this.endpointCount * (this.endpointCount - 1);
    this.#givenAwayByteOffset = alignToPage(this.#ringsByteOffset + rings * this.#ringByteLength);
    this.#readingsByteOffset = this.#givenAwayByteOffset + shape.shardCount * REGION_BYTES;
    const readingLines = this.endpointCount ** 2;
    this.controlByteLength = this.#readingsByteOffset + alignToPage(readingLines * LINE_BYTES);
    const slices: SliceSpan[] = [];
    let end = this.controlByteLength + shape.hostSliceBytes;
    for (const byteLength of shape.sliceBytes) {
      slices.push({ byteOffset: end, byteLength });
      end += byteLength;
    }
    slices.push({ byteOffset: this.controlByteLength, byteLength: shape.hostSliceBytes });
    this.slices = slices;
    this.byteLength = end;
  }

  /**
   * Memory for a segment, all of it 0, which begins on a page: a buffer that may grow is mapped by itself,
   * others lie 16 bytes behind a page's start, so that each line of this layout would span two of the
   * processor's. It never grows.
   *
   * @throws {RangeError} If the machine does not give so much.
   */
  makeSegment(): SharedArrayBuffer {
    try {
      return new SharedArrayBuffer(this.byteLength, { maxByteLength: this.byteLength });
    } catch (cause) {
      throw new RangeError(
        `Cannot start ${this.shape.shardCount} shards: a segment of ${this.byteLength} bytes is more than this machine gives`,
        { cause },
      );
    }
  }

  /** Byte offset of an endpoint's control page. */
  controlPage(endpoint: number): number {
    return CONTROL_PAGES_BYTES + endpoint * CONTROL_PAGE_BYTES;
  }

  /** Where the words about the pointers lie that a shard has given away. */
  givenAway(shard: number): GivenAwayRegion {
    return new GivenAwayRegion(this.#givenAwayByteOffset + shard * REGION_BYTES, REGION_BYTES);
  }

  /** Byte offset of the line about what endpoint `reader` reads of what `owner` has; they may be the same. */
  readings(owner: number, reader: number): number {
    return this.#readingsByteOffset + (owner * this.endpointCount + reader) * LINE_BYTES;
  }

  /** Byte offset of the ring from one endpoint to another. */
  ring(from: number, to: number): number {
    const column = to < from ? to : to - 1; // no ring leads from an endpoint to itself
    return this.#ringsByteOffset +
      (from * (this.endpointCount - 1) + column) * this.#ringByteLength;
  }
}

/** The next multiple of the page size. */
export function alignToPage(byteLength: number): number {
  return Math.ceil(byteLength / PAGE_BYTES) * PAGE_BYTES;
}
