// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * `npm:@thi.ng/malloc`, the best-known allocator over an ArrayBuffer in JavaScript itself.
 *
 * It has no memalign of a single block, so an aligned request is a plain one. Its realloc is known
 * to leak the old block when it has to move, for which the pool is made large.
 *
 * @module
 */
import type { ReplayAllocator } from "../replay/replay.ts";

/** Makes a pool of `byteLength` bytes with default options. */
export async function openThingMalloc(byteLength: number): Promise<ReplayAllocator<number>> {
  const { MemPool } = await import("npm:@thi.ng/malloc@6.1.150");
  const pool = new MemPool({ size: byteLength });
  return {
    malloc: (byteLength) => pool.malloc(byteLength),
    calloc: (byteLength) => pool.calloc(byteLength),
    memalign: (_alignment, byteLength) => pool.malloc(byteLength),
    realloc: (address, byteLength) => pool.realloc(address, byteLength),
    free: (address) => {
      pool.free(address);
    },
  };
}
