/**
 * A segment as typed arrays of every element size, made once a thread and segment.
 *
 * Whole-segment arrays are what makes moving a view cheap: a field is at index `address / size`, a
 * division by a power of two, which is exact for every address and which V8 keeps in integers while
 * addresses are below 2 GiB. Shifts would be no faster and would cut addresses off at 2^32.
 *
 * @module
 */

/** So many views of places in a segment are kept, one for each remainder of an address. */
export const PLACES = 64;

/**
 * Typed arrays over a whole segment.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export class SegmentArrays {
  /** The segment. */
  readonly buffer: SharedArrayBuffer;
  /** Its bytes. */
  readonly byteLength: number;
  /** By byte. */
  readonly u8: Uint8Array<SharedArrayBuffer>;
  /** By element of type i8. */
  readonly i8: Int8Array<SharedArrayBuffer>;
  /** By element of type u16. */
  readonly u16: Uint16Array<SharedArrayBuffer>;
  /** By element of type i16. */
  readonly i16: Int16Array<SharedArrayBuffer>;
  /** By element of type u32. */
  readonly u32: Uint32Array<SharedArrayBuffer>;
  /** By element of type i32. */
  readonly i32: Int32Array<SharedArrayBuffer>;
  /** By element of type f32. */
  readonly f32: Float32Array<SharedArrayBuffer>;
  /** By element of type f64. */
  readonly f64: Float64Array<SharedArrayBuffer>;
  /** By element of type u64. */
  readonly u64: BigUint64Array<SharedArrayBuffer>;
  /** By element of type i64. */
  readonly i64: BigInt64Array<SharedArrayBuffer>;
  /** Views of places that text was written to lately: for who writes text. */
  readonly places: Uint8Array<SharedArrayBuffer>[];

  /** Over all of `buffer`. */
  constructor(buffer: SharedArrayBuffer) {
    // An array of wider elements needs a whole number of them; a struct never uses a tail that is
    // shorter than its alignment. Each is given its length: over a buffer that may grow, as a segment
    // is, an array without one asks for the length at every access.
    const count = (elementBytes: number) => Math.floor(buffer.byteLength / elementBytes);
    this.buffer = buffer;
    this.byteLength = buffer.byteLength;
    this.u8 = new Uint8Array(buffer, 0, buffer.byteLength);
    this.i8 = new Int8Array(buffer, 0, buffer.byteLength);
    this.u16 = new Uint16Array(buffer, 0, count(2));
    this.i16 = new Int16Array(buffer, 0, count(2));
    this.u32 = new Uint32Array(buffer, 0, count(4));
    this.i32 = new Int32Array(buffer, 0, count(4));
    this.f32 = new Float32Array(buffer, 0, count(4));
    this.f64 = new Float64Array(buffer, 0, count(8));
    this.u64 = new BigUint64Array(buffer, 0, count(8));
    this.i64 = new BigInt64Array(buffer, 0, count(8));
    this.places = Array.from({ length: PLACES }, () => this.u8);
  }
}

/** By segment. Weak, so that a runtime that has stopped does not keep its memory. */
const arraysBySegment = new WeakMap<SharedArrayBuffer, SegmentArrays>();

/**
 * The arrays over a segment: the same ones each time on a thread. O(1).
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function arraysOver(buffer: SharedArrayBuffer): SegmentArrays {
  let arrays = arraysBySegment.get(buffer);
  if (arrays === undefined) {
    arrays = new SegmentArrays(buffer);
    arraysBySegment.set(buffer, arrays);
  }
  return arrays;
}
