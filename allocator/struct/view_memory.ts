/**
 * What a view of a struct is to the code that reads it, and which memory it can be of.
 *
 * @module
 */
import type { BlockSource } from "../malloc/mod.ts";
import { arraysOver, type SegmentArrays } from "../memory/mod.ts";
import type { AtomicPlace } from "./atomic.ts";
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

/** Own property of views with atomic fields: where those are, once one of them has been read. */
export const ATOMICS: unique symbol = Symbol("atomics");

/** A method of every view: frees a struct or array of its type, and what that owns. */
export const FREE: unique symbol = Symbol("free");

/** Whether `value` is a view of a struct, a union or an array in shared memory. O(1). */
export function isStructView(value: object): value is AnyView {
  return FREE in value;
}

/**
 * What stands in for the address of a view that has none yet, so that no access has to ask: whatever
 * takes it for a number throws.
 */
export function unplaced(typeName: string): number {
  const standIn = {
    [Symbol.toPrimitive](): never {
      throw new TypeError(
        `Cannot use this view of ${typeName}: it has no block yet, move it by at(address) first`,
      );
    },
  };
  return standIn as unknown as number;
}

/** A view of a struct or of an array, as accessors see it. */
export interface ViewState {
  [ARRAYS]: SegmentArrays;
  [ADDRESS]: number;
  [ATOMICS]?: AtomicPlace | undefined;
  [FREE](source: BlockSource, address: number): void;
}

/** The arrays over the segment of `source`. */
export function arraysOf(source: MemorySource): SegmentArrays {
  if (typeof source === "object" && source !== null) {
    if (ARRAYS in source) return (source as unknown as ViewState)[ARRAYS];
    const buffer = source instanceof SharedArrayBuffer
      ? source
      : (source as { readonly buffer?: unknown }).buffer;
    if (buffer instanceof SharedArrayBuffer) return arraysOver(buffer);
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
