/**
 * The memory that struct views read and write: typed arrays of every element size over one whole
 * segment, made once a thread and segment.
 *
 * Whole-segment arrays are what makes moving a view cheap: a field is at index `address / size`, a
 * division by a power of two, which is exact for every address and which V8 keeps in integers while
 * addresses are below 2 GiB. Shifts would be no faster and would cut addresses off at 2^32.
 *
 * @module
 */
import { describe } from "./describe.ts";

/** A segment, or anything over one: an allocator, a typed array, a view of a struct. */
export type MemorySource = SharedArrayBuffer | { readonly buffer: SharedArrayBuffer } | AnyView;

/** A view of any struct or array. */
export interface AnyView {
  /** Where it is: bytes from the start of the segment. */
  readonly address: number;
  /** Moves it. */
  at(address: number): AnyView;
}

/** Own property of every view: the arrays it reads. A symbol, as any name may be a field's. */
export const ARRAYS: unique symbol = Symbol("arrays");
/** Own property of every view: the address it is at. */
export const ADDRESS: unique symbol = Symbol("address");

/** Whether `value` is a view of a struct or of an array in shared memory. O(1). */
export function isStructView(value: object): value is AnyView {
  return ADDRESS in value;
}

/** A view of a struct or of an array, as accessors see it. */
export interface ViewState {
  [ARRAYS]: SegmentArrays;
  [ADDRESS]: number;
}

/** Typed arrays over a whole segment. */
export class SegmentArrays {
  readonly buffer: SharedArrayBuffer;
  readonly byteLength: number;
  readonly u8: Uint8Array<SharedArrayBuffer>;
  readonly i8: Int8Array<SharedArrayBuffer>;
  readonly u16: Uint16Array<SharedArrayBuffer>;
  readonly i16: Int16Array<SharedArrayBuffer>;
  readonly u32: Uint32Array<SharedArrayBuffer>;
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly f32: Float32Array<SharedArrayBuffer>;
  readonly f64: Float64Array<SharedArrayBuffer>;
  readonly u64: BigUint64Array<SharedArrayBuffer>;
  readonly i64: BigInt64Array<SharedArrayBuffer>;

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
  }
}

/** By segment. Weak, so that a runtime that has stopped does not keep its memory. */
const arraysBySegment = new WeakMap<SharedArrayBuffer, SegmentArrays>();

/** The arrays over the segment of `source`. */
export function arraysOf(source: MemorySource): SegmentArrays {
  if (typeof source === "object" && source !== null) {
    if (ARRAYS in source) return (source as unknown as ViewState)[ARRAYS];
    const buffer = source instanceof SharedArrayBuffer
      ? source
      : (source as { readonly buffer?: unknown }).buffer;
    if (buffer instanceof SharedArrayBuffer) {
      let arrays = arraysBySegment.get(buffer);
      if (arrays === undefined) {
        arrays = new SegmentArrays(buffer);
        arraysBySegment.set(buffer, arrays);
      }
      return arrays;
    }
  }
  throw new TypeError(
    "Cannot view memory: expected a SharedArrayBuffer, something over one such as an allocator, " +
      `or another view, received ${describe(source)}`,
  );
}

/** The segment that a view looks into. */
export function segmentOf(view: AnyView): SharedArrayBuffer {
  return arraysOf(view).buffer;
}

/**
 * Throws unless `byteLength` bytes can lie at the address. Comparisons are such that NaN fails them,
 * and a fraction is caught with what is misaligned.
 */
export function checkAddress(
  arrays: SegmentArrays,
  address: number,
  typeName: string,
  byteLength: number,
  alignment: number,
): void {
  if (typeof address === "number") {
    const index = address / alignment;
    const last = arrays.byteLength - byteLength;
    if (address > 0 && address <= last && Math.floor(index) === index) return;
  }
  throw addressError(arrays, address, typeName, byteLength, alignment);
}

function addressError(
  arrays: SegmentArrays,
  address: number,
  typeName: string,
  byteLength: number,
  alignment: number,
): Error {
  if (typeof address !== "number") {
    return new TypeError(
      `Cannot view ${typeName} at ${describe(address)}: expected an address, a number of bytes`,
    );
  }
  const start = `Cannot view ${typeName} at address ${address}`;
  if (address === 0) return new RangeError(`${start}: it is null`);
  if (!Number.isSafeInteger(address) || address < 0) {
    return new RangeError(`${start}: an address is a whole number of bytes, above 0`);
  }
  if (address % alignment !== 0) {
    return new RangeError(`${start}: expected a multiple of its alignment, ${alignment}`);
  }
  return new RangeError(
    `${start}: its ${byteLength} bytes end past the segment's ${arrays.byteLength}`,
  );
}
