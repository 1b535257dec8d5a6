/**
 * The error of those that cannot answer 0.
 *
 * @module
 */

import { BadAllocError } from "../layout/mod.ts";
import type { Allocator } from "./allocator.ts";

/** The error for a request that the allocator has just failed. */
export function badAlloc(
  allocator: Allocator,
  byteLength: number,
  alignment: number,
  what?: string,
): BadAllocError {
  const { freeBytes, largestFreeBytes, totalBytes } = allocator.statistics();
  const oversized = !allocator.canHold(byteLength, alignment);
  const details = { byteLength, alignment, freeBytes, largestFreeBytes, totalBytes, oversized };
  return new BadAllocError(details, what);
}
