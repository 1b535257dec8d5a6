/**
 * Copies of what views show: their bytes in shared memory, or plain data.
 *
 * @module
 */
import type { SegmentArrays } from "../memory/mod.ts";
import type { ArrayView, FieldType } from "./field_type.ts";
import { ARRAYS, type ViewState } from "./view_memory.ts";

/** Copies bytes of a view's segment to an address, of the same segment or another. */
export function copyBytes(
  from: ViewState,
  start: number,
  arrays: SegmentArrays,
  address: number,
  byteLength: number,
): void {
  const bytes = from[ARRAYS].u8;
  if (bytes === arrays.u8) bytes.copyWithin(address, start, start + byteLength);
  else arrays.u8.set(bytes.subarray(start, start + byteLength), address);
}

/** Copies a field or an element of a view; of what owns a block, what that holds. */
export function copyValue(
  type: FieldType,
  from: ViewState,
  start: number,
  arrays: SegmentArrays,
  address: number,
  place: string,
): void {
  if (type.release === undefined) copyBytes(from, start, arrays, address, type.byteLength);
  else type.write(arrays, address, type.read(from[ARRAYS], start), place);
}

/** Plain data of a value: a copy of bytes, what its `toJSON()` gives if it is a view, else itself. */
export function plainOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  return typeof value === "object" ? (value as ArrayView<FieldType>).toJSON() : value;
}
