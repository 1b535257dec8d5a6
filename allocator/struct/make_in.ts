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

/**
 * Allocates zeros for a value of a type, and lets `fill` write it: a value refused is freed again.
 *
 * @throws {TypeError} if the type owns blocks and the source is an arena, whose end would free the one
 * and not the others
 */
export function makeIn(
  source: BlockSource,
  type: FieldType,
  fill: (arrays: SegmentArrays, address: number) => void,
): number {
  const arrays = arraysOf(source);
  if (type.release !== undefined && "allocator" in source) {
    throw new TypeError(
      `Cannot make ${type.name} in an arena: it owns text or bytes in blocks of their own`,
    );
  }
  const address = source.calloc(1, type.byteLength);
  if (address === 0) {
    throw badAlloc(source, type.byteLength, GRANULE_BYTES, type.name);
  }
  try {
    fill(arrays, address);
  } catch (error) {
    type.release?.(arrays, address, source);
    source.free(address);
    throw error;
  }
  return address;
}
