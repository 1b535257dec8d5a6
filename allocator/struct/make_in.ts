/**
 * Memory for a new struct or array.
 *
 * @module
 */
import { GRANULE_BYTES } from "../layout/mod.ts";
import { badAlloc, type BlockSource } from "../malloc/mod.ts";
import type { FieldType } from "./field_type.ts";
import type { SegmentArrays } from "../memory/mod.ts";
import { arraysOf } from "./view_memory.ts";

/** Allocates zeros for a value of a type, and lets `fill` write it: a value refused is freed again. */
export function makeIn(
  source: BlockSource,
  type: FieldType,
  fill: (arrays: SegmentArrays, address: number) => void,
): number {
  const arrays = arraysOf(source);
  const address = source.calloc(1, type.byteLength);
  if (address === 0) {
    throw badAlloc(source, type.byteLength, GRANULE_BYTES, type.name);
  }
  try {
    fill(arrays, address);
  } catch (error) {
    source.free(address);
    throw error;
  }
  return address;
}
