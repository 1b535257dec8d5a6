/**
 * The hash of keys: FNV-1a over the bytes, and the finalizer of MurmurHash3 behind it, as the low
 * bits choose a bucket and the high ones a shard.
 *
 * @module
 */

/** Hash of `length` bytes from `start`: an unsigned 32-bit number. O(length). */
export function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The home shard of a key with that hash. */
export function homeOf(hash: number, shardCount: number): number {
  return Math.floor(hash * shardCount / 2 ** 32);
}
