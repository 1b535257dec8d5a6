/**
 * The error of those that cannot answer 0.
 *
 * @module
 */

import { BadAllocError } from "../layout/mod.ts";
import type { BlockSource } from "./arena.ts";

/**
 * The error for a request that has just failed; `what` says what the memory is for. O(1).
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function badAlloc(
  source: BlockSource,
  byteLength: number,
  alignment: number,
  what?: string,
): BadAllocError {
  const allocator = "allocator" in source ? source.allocator : source;
  const { freeBytes, largestFreeBytes, totalBytes } = allocator.statistics();
  const oversized = !allocator.canHold(byteLength, alignment);
  const details = { byteLength, alignment, freeBytes, largestFreeBytes, totalBytes, oversized };
  return new BadAllocError(details, what);
}
