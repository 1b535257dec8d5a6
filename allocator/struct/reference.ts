/**
 * Where text or bytes of any length lie: what their fields have in a struct.
 *
 * ```
 *   byte   0               8             12           16
 *          +---------------+-------------+------------+
 *          | address (f64) | byteLength  | not used   |
 *          |               | (u32)       |            |
 *          +---------------+-------------+------------+
 * ```
 *
 * Address 0 and length 0 are nothing: the field of a new struct. The two are written one after the
 * other, so a thread that reads meanwhile may see one of each: it gets other bytes of the segment, or
 * a RangeError, but never bytes outside of it.
 *
 * @module
 */
import { type BlockSource, ownerOf } from "../malloc/mod.ts";
import { isSpan, type SegmentArrays } from "../memory/mod.ts";
import { describe } from "./describe.ts";
import { kindError } from "./scalar.ts";

/** Bytes of such a field. */
export const REFERENCE_BYTES = 16;
/** Its addresses are multiples of this. */
export const REFERENCE_ALIGNMENT = 8;
const MOST_BYTES = 2 ** 32 - 1;

/** How a field refers to its bytes. */
export interface ReferenceOptions<IsOwned extends boolean> {
  /**
   * Whether the bytes are the struct's: assigning copies into a block of the field's own, which is
   * freed when it is replaced, and by `freeStruct()`. Default: true. Otherwise the field keeps where
   * the bytes lie that it is given, and frees nothing.
   */
  readonly owned?: IsOwned;
}

/** `owned` of the options given, checked. */
export function isOwned(typeName: string, options: ReferenceOptions<boolean>): boolean {
  const owned: unknown = typeof options === "object" && options !== null
    ? options.owned ?? true
    : options;
  if (typeof owned === "boolean") return owned;
  throw new TypeError(
    `Cannot define ${typeName} of ${describe(owned)}: expected { owned: true } or { owned: false }`,
  );
}

/** Reads what the field at `field` refers to, by its address and length. */
export function readReferred<Value>(
  arrays: SegmentArrays,
  field: number,
  read: (arrays: SegmentArrays, address: number, byteLength: number) => Value,
): Value {
  const address = arrays.f64[field / 8]!;
  const byteLength = arrays.u32[field / 4 + 2]!;
  if (isSpan(arrays, address, byteLength)) return read(arrays, address, byteLength);
  throw new RangeError(
    `Cannot read ${byteLength} bytes at address ${address}, as a field of a struct says: the ` +
      `segment has ${arrays.byteLength} bytes`,
  );
}

/** Has the field at `field` refer to other bytes. */
export function refer(
  arrays: SegmentArrays,
  field: number,
  address: number,
  byteLength: number,
): void {
  arrays.f64[field / 8] = address;
  arrays.u32[field / 4 + 2] = byteLength;
}

/** Has the field at `field` refer to the bytes of a view, where they lie. */
export function referTo(
  arrays: SegmentArrays,
  field: number,
  value: unknown,
  place: string,
  typeName: string,
): void {
  if (!(value instanceof Uint8Array) || value.buffer !== arrays.buffer) {
    throw kindError(value, place, typeName, "a Uint8Array over the segment of the struct");
  }
  checkByteLength(value.byteLength, place, typeName);
  refer(arrays, field, value.byteLength === 0 ? 0 : value.byteOffset, value.byteLength);
}

/** The allocator that hands out and frees blocks for a struct, which is that of its slice. */
export function allocatorFor(
  arrays: SegmentArrays,
  field: number,
  place: string,
  typeName: string,
): Exclude<BlockSource, { readonly allocator: unknown }> {
  const allocator = ownerOf(arrays.buffer, field);
  if (allocator !== undefined) return allocator;
  throw new RangeError(
    `Cannot store ${place} (${typeName}): the struct lies in a slice that is not this thread's`,
  );
}

/** Throws if a field cannot tell so many bytes. */
export function checkByteLength(byteLength: number, place: string, typeName: string): void {
  if (byteLength <= MOST_BYTES) return;
  throw new RangeError(
    `Cannot store ${byteLength} bytes in ${place} (${typeName}): expected ${MOST_BYTES} at most`,
  );
}

/** Puts a block in place of the field's former one, and frees that. */
export function replace(
  arrays: SegmentArrays,
  field: number,
  address: number,
  byteLength: number,
  source: BlockSource,
): void {
  const former = arrays.f64[field / 8]!;
  refer(arrays, field, address, byteLength);
  if (former !== 0) source.free(former);
}

/** Frees the block of a field, and leaves it empty. */
export function releaseReferred(
  arrays: SegmentArrays,
  field: number,
  source: BlockSource,
): void {
  replace(arrays, field, 0, 0, source);
}
