/**
 * What most programs do without an allocator: a new `Uint8Array` for each block, left to the
 * garbage collector. Every block is zeroed, because that is what the language promises.
 *
 * @module
 */
import type { ReplayAllocator } from "../replay/replay.ts";

/** Blocks as arrays; a freed one is simply no longer referenced. */
export const gcArrays: ReplayAllocator<Uint8Array> = {
  malloc: (byteLength) => new Uint8Array(byteLength),
  calloc: (byteLength) => new Uint8Array(byteLength),
  memalign: (_alignment, byteLength) => new Uint8Array(byteLength),
  realloc: (array, byteLength) => {
    const moved = new Uint8Array(byteLength);
    moved.set(byteLength < array.length ? array.subarray(0, byteLength) : array);
    return moved;
  },
  free: () => {},
};
