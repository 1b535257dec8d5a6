/**
 * The words in shared memory about the pointers that one shard has given away: who holds each of them,
 * and how many there were. Only where they lie; foreign/pointer_holders.ts reads and writes them.
 *
 * ```
 * byte    0..3    USED     owner           handles that were ever in use
 *         8..15   OPENED   owner, float64  handles opened
 *        16..23   LOST     owner, float64  pointers that came home by way of the garbage collector
 *        24..31   FAILED   owner, float64  destructors that threw
 *       128..     HOLDERS  whoever holds   an int32 a handle: bits 0-8 endpoint + 1, or 0 for nobody;
 *                                          bits 9-31 the generation of the handle
 * ```
 *
 * @module
 */

const INT32_BYTES = Int32Array.BYTES_PER_ELEMENT;
const FLOAT64_BYTES = Float64Array.BYTES_PER_ELEMENT;
/** HOLDERS begin a line of their own, as every endpoint writes them. */
const LINE_BYTES = 128;

/** Bytes from the region's start to USED. */
export const USED_BYTES = 0;
/** Bytes from the region's start to OPENED: USED has the place of a float64, so that this is aligned. */
export const OPENED_BYTES: number = USED_BYTES + FLOAT64_BYTES;
/** Bytes from the region's start to LOST. */
export const LOST_BYTES: number = OPENED_BYTES + FLOAT64_BYTES;
/** Bytes from the region's start to FAILED. */
export const FAILED_BYTES: number = LOST_BYTES + FLOAT64_BYTES;
/** Bytes from the region's start to the word of handle 0. */
export const HOLDERS_BYTES: number = Math.ceil((FAILED_BYTES + FLOAT64_BYTES) / LINE_BYTES) *
  LINE_BYTES;
/** Bytes of a region in a segment. Untouched pages cost nothing. */
export const REGION_BYTES: number = 2 ** 22;

const HOLDER_BITS = 9;
const HOLDER_MASK = 2 ** HOLDER_BITS - 1;

/**
 * Where the words about one shard's pointers lie in a segment.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export class GivenAwayRegion {
  /** The last generation: a handle that has reached it is not used again. */
  static readonly MAX_GENERATION: number = 2 ** (32 - HOLDER_BITS) - 1;

  /** Bytes from the segment's start. */
  readonly byteOffset: number;
  /** Bytes. */
  readonly byteLength: number;
  /** How many handles there is room for. */
  readonly capacity: number;
  /** Index of USED among the segment's int32. */
  readonly usedWord: number;
  /** Index of the word of handle 0 among the segment's int32. */
  readonly holdersWord: number;
  /** Index of OPENED among the segment's float64. */
  readonly openedFigure: number;
  /** Index of LOST among the segment's float64. */
  readonly lostFigure: number;
  /** Index of FAILED among the segment's float64. */
  readonly failedFigure: number;

  /** `byteOffset` is a multiple of 8. */
  constructor(byteOffset: number, byteLength: number) {
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
    this.capacity = (byteLength - HOLDERS_BYTES) / INT32_BYTES;
    this.usedWord = (byteOffset + USED_BYTES) / INT32_BYTES;
    this.holdersWord = (byteOffset + HOLDERS_BYTES) / INT32_BYTES;
    this.openedFigure = (byteOffset + OPENED_BYTES) / FLOAT64_BYTES;
    this.lostFigure = (byteOffset + LOST_BYTES) / FLOAT64_BYTES;
    this.failedFigure = (byteOffset + FAILED_BYTES) / FLOAT64_BYTES;
  }

  /** The word of a handle in its `generation`, held by `endpoint`, which may be -1 for nobody. */
  static wordOf(generation: number, endpoint: number): number {
    return (generation << HOLDER_BITS) | (endpoint + 1);
  }

  /** The endpoint in such a word; -1 for nobody. */
  static holderIn(word: number): number {
    return (word & HOLDER_MASK) - 1;
  }

  /** The generation in such a word. */
  static generationIn(word: number): number {
    return word >>> HOLDER_BITS;
  }
}
