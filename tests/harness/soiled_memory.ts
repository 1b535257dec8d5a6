/**
 * Memory as it is after years of use: what is free holds bytes that look like nothing in particular,
 * so that code which relies on zeroed memory shows.
 *
 * @module
 */
import type { SliceSpan } from "../../allocator/mod.ts";
import { walkHeap } from "../../allocator/diagnosis/mod.ts";

/** Header and links of a free block in front, in bytes from its payload, and its index at the end. */
const LINK_BYTES = 8;
const INDEX_BYTES = 4;
const HEADER_BYTES = 4;

/** Sets every byte of free memory that the heap of a slice does not use itself to 0xff. */
export function soilFreeMemory(segment: SharedArrayBuffer, slice: SliceSpan): void {
  const bytes = new Uint8Array(segment);
  for (const { address, byteLength, free } of walkHeap(segment, slice)) {
    if (!free) continue;
    bytes.fill(0xff, address + LINK_BYTES, address + byteLength - HEADER_BYTES - INDEX_BYTES);
  }
}
