/**
 * The allocators of this thread by segment: who may hand out blocks for a struct that lies in a slice.
 *
 * @module
 */
import type { Allocator } from "./allocator.ts";

/** Weak, as a runtime that has stopped must not keep its memory. A shard has one in each list. */
const allocatorsBySegment = new WeakMap<SharedArrayBuffer, Allocator[]>();

/** Makes a new allocator the one of its slice on this thread. */
export function registerOwner(allocator: Allocator): void {
  const allocators = allocatorsBySegment.get(allocator.buffer);
  if (allocators === undefined) {
    allocatorsBySegment.set(allocator.buffer, [allocator]);
    return;
  }
  const { byteOffset } = allocator.slice;
  const former = allocators.findIndex(({ slice }) => slice.byteOffset === byteOffset);
  if (former < 0) allocators.push(allocator);
  else allocators[former] = allocator;
}

/** The allocator of the slice that holds the address, if it is this thread's. */
export function ownerOf(buffer: SharedArrayBuffer, address: number): Allocator | undefined {
  const allocators = allocatorsBySegment.get(buffer);
  if (allocators === undefined) return undefined;
  for (const allocator of allocators) {
    const offset = address - allocator.slice.byteOffset;
    if (offset >= 0 && offset < allocator.slice.byteLength) return allocator;
  }
  return undefined;
}
