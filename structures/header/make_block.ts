/**
 * Memory for a structure, or for a part of one.
 *
 * @module
 */

import { BadAllocError } from "../../allocator/mod.ts";
import type { Endpoint } from "../../shard/unstable_layers.ts";
import { LINE_BYTES } from "./structure_header.ts";

/**
 * Allocates zeros in the slice of `endpoint`, on a line of their own.
 *
 * @throws {BadAllocError} If there is no room.
 */
export function makeBlock(endpoint: Endpoint, byteLength: number, what: string): number {
  const { allocator } = endpoint;
  const address = allocator.memalign(LINE_BYTES, byteLength);
  if (address !== 0) {
    allocator.bytes(address, byteLength).fill(0);
    return address;
  }
  const { freeBytes, largestFreeBytes, totalBytes } = allocator.statistics();
  const oversized = !allocator.canHold(byteLength);
  throw new BadAllocError(
    { byteLength, alignment: LINE_BYTES, freeBytes, largestFreeBytes, totalBytes, oversized },
    what,
  );
}
