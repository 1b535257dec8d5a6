/**
 * Memory for a new struct or array.
 *
 * @module
 */
import { GRANULE_BYTES } from "../layout/mod.ts";
import { type Allocator, badAlloc } from "../malloc/mod.ts";
import type { FieldType } from "./field_type.ts";
import { arraysOf, type SegmentArrays } from "./view_memory.ts";

/** Allocates zeros for a value of a type, and lets `fill` write it: a value refused is freed again. */
export function makeIn(
  allocator: Allocator,
  type: FieldType,
  fill: (arrays: SegmentArrays, address: number) => void,
): number {
  const arrays = arraysOf(allocator);
  const address = allocator.calloc(1, type.byteLength);
  if (address === 0) {
    throw badAlloc(allocator, type.byteLength, GRANULE_BYTES, type.name);
  }
  try {
    fill(arrays, address);
  } catch (error) {
    allocator.free(address);
    throw error;
  }
  return address;
}
