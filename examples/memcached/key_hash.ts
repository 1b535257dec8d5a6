/**
 * The hash of keys: MurmurHash3_x86_32, which is memcached's own. The low bits choose a bucket and the
 * high ones a shard.
 *
 * @module
 */

/** Hash of `length` bytes from `start`: an unsigned 32-bit number. O(length). */
export function hashOf(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  let hash = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    hash ^= mixed(word);
    hash = Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64 | 0;
  }
  if (at < end) {
    let word = 0;
    for (let last = end; last > at; last--) word = word << 8 | bytes[last - 1]!;
    hash ^= mixed(word);
  }
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixed(word: number): number {
  const product = Math.imul(word, 0xcc9e2d51);
  return Math.imul(product << 15 | product >>> 17, 0x1b873593);
}

/** The home shard of a key with that hash. */
export function homeOf(hash: number, shardCount: number): number {
  return Math.floor(hash * shardCount / 2 ** 32);
}
