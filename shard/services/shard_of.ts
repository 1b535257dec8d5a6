/**
 * Which shard a key belongs to. The answer depends on nothing but the key and the number of shards, and
 * any language can compute it:
 *
 * 1. A key is bytes: text is its UTF-8 (a lone surrogate counts as U+FFFD), a whole number is its decimal
 *    text. So `42`, `"42"` and the bytes `34 32` are one key, as they are in a URL or in JSON.
 * 2. MurmurHash3_x86_32 (Austin Appleby, 2011) with seed 0 makes 32 bits of them. It was chosen over
 *    FNV-1a, which takes a byte a step and leaves the low bits of similar keys alike.
 * 3. Jump consistent hash (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014)
 *    takes those, zero-extended to 64, to a shard. When a shard is added, one key in so many moves, and
 *    only to the new one.
 *
 * It differs from the paper in that the 64-bit generator runs on halves of 32 bits, with the same result:
 * a BigInt is ten times as slow.
 *
 * Two numbers of shards do not divide keys independently: of the keys on one of 4 shards, a second jump
 * over 4 puts all on the same. Whoever divides in two steps, machines and then shards, needs a second hash.
 *
 * @module
 */

import { shardCount } from "../calls/mod.ts";
import { kindOfValue } from "../codec/mod.ts";

/** What names a shard: text, a whole number, or bytes. */
export type ShardKey = string | number | Uint8Array;

/** The generator's 31 bits tell no more shards apart. */
const MAX_SHARDS = 2 ** 31;

/** The multiplier of the paper's generator, 2,862,933,555,777,941,757, in halves and quarters. */
const MULTIPLIER_HIGH = 0x27bb2ee6;
const MULTIPLIER_LOW = 0x87b0b0fd;
const MULTIPLIER_QUARTER_1 = MULTIPLIER_LOW >>> 16;
const MULTIPLIER_QUARTER_0 = MULTIPLIER_LOW & 0xffff;

const encoder = new TextEncoder();
/** Where text that is not ASCII is encoded, if it is short: an array for each takes twice as long. */
const scratch = new Uint8Array(1024);

/**
 * The shard that a key belongs to: the same on every thread, machine and run. Keys spread evenly over
 * the shards, whatever they look like; with one shard more, about one key in that many moves, and only
 * to the new shard. O(length), and no memory, but for long text that is not ASCII.
 *
 * @param key Text, a whole number, or bytes. `42`, `"42"` and the UTF-8 of `"42"` are the same key.
 * @param count How many shards there are to choose from; those of this shard's runtime unless given. The
 * host passes `runtime.shardCount`.
 * @returns The shard: 0 to `count - 1`.
 * @throws {TypeError} If the key is something else; if `count` is left out and this thread is not a shard.
 * @throws {RangeError} If a number is not a whole one that JavaScript holds exactly, or `count` is not
 * from 1 to 2^31.
 *
 * @see Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014
 *
 * @example
 * ```ts
 * import { shardOf } from "@tidepool/core/shard";
 * import { assertEquals } from "@std/assert";
 *
 * const home = shardOf("user:1", 4);
 * assertEquals(home, shardOf(new TextEncoder().encode("user:1"), 4));
 * // With a fifth shard a key stays where it is, or moves to the fifth.
 * assertEquals([home, 4].includes(shardOf("user:1", 5)), true);
 * ```
 */
export function shardOf(key: ShardKey, count: number = shardCount()): number {
  if (!(Number.isInteger(count) && count >= 1 && count <= MAX_SHARDS)) throw countFault(count);
  return jump(hashOfKey(key), count);
}

function countFault(count: unknown): Error {
  const expected = `expected a whole number from 1 to ${MAX_SHARDS}`;
  return typeof count === "number"
    ? new RangeError(`Cannot choose one of ${count} shards: ${expected}`)
    : new TypeError(
      `Cannot choose one of shards whose number is ${kindOfValue(count)}: ${expected}`,
    );
}

/** The 32 bits that stand for a key, as a signed number. O(length). */
export function hashOfKey(key: ShardKey): number {
  if (typeof key === "string") return hashOfText(key);
  if (typeof key === "number") {
    if (Number.isSafeInteger(key)) return hashOfText(String(key));
    throw new RangeError(
      `Cannot choose the shard of key ${key}: expected a whole number from ${Number.MIN_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}`,
    );
  }
  if (key instanceof Uint8Array) return hashOfBytes(key);
  throw new TypeError(
    `Cannot choose the shard of a key that is ${
      kindOfValue(key)
    }: expected a string, a whole number or a Uint8Array`,
  );
}

/** Reads ASCII where it is: to encode it first takes two to four times as long. */
function hashOfText(text: string): number {
  const { length } = text;
  let hash = 0;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    const first = text.charCodeAt(at);
    const second = text.charCodeAt(at + 1);
    const third = text.charCodeAt(at + 2);
    const fourth = text.charCodeAt(at + 3);
    if ((first | second | third | fourth) > 0x7f) return hashOfOtherText(text);
    hash = withWord(hash, first | second << 8 | third << 16 | fourth << 24);
  }
  let word = 0;
  for (let shift = 0; at < length; at++, shift += 8) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) return hashOfOtherText(text);
    word |= unit << shift;
  }
  return finished(hash ^ mixed(word), length);
}

function hashOfOtherText(text: string): number {
  if (3 * text.length > scratch.length) return hashOfBytes(encoder.encode(text));
  return hashOfBytes(scratch, encoder.encodeInto(text, scratch).written);
}

function hashOfBytes(bytes: Uint8Array, length = bytes.length): number {
  let hash = 0;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    hash = withWord(
      hash,
      bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24,
    );
  }
  let word = 0;
  for (let shift = 0; at < length; at++, shift += 8) word |= bytes[at]! << shift;
  return finished(hash ^ mixed(word), length);
}

function withWord(hash: number, word: number): number {
  const both = hash ^ mixed(word);
  return Math.imul(both << 13 | both >>> 19, 5) + 0xe6546b64 | 0;
}

/** Of 0 it is 0: a key that ends with a whole word needs no case of its own. */
function mixed(word: number): number {
  const product = Math.imul(word, 0xcc9e2d51);
  return Math.imul(product << 15 | product >>> 17, 0x1b873593);
}

function finished(unfinished: number, length: number): number {
  let hash = unfinished ^ length;
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}

/** The paper's JumpConsistentHash(hash, count). O(log count). */
export function jump(hash: number, count: number): number {
  let low = hash | 0;
  let high = 0;
  let shard = 0;
  for (let next = 0; next < count;) {
    shard = next;
    // high:low = high:low * MULTIPLIER + 1. Every sum of products here stays below 2^32.
    const quarter0 = low & 0xffff;
    const quarter1 = low >>> 16;
    const carried = Math.imul(quarter0, MULTIPLIER_QUARTER_0) >>> 16;
    const middle = Math.imul(quarter1, MULTIPLIER_QUARTER_0) + carried | 0;
    const other = Math.imul(quarter0, MULTIPLIER_QUARTER_1) + (middle & 0xffff) | 0;
    high = Math.imul(quarter1, MULTIPLIER_QUARTER_1) + (middle >>> 16) + (other >>> 16) +
        Math.imul(high, MULTIPLIER_LOW) + Math.imul(low, MULTIPLIER_HIGH) | 0;
    low = Math.imul(low, MULTIPLIER_LOW) + 1 | 0;
    if (low === 0) high = high + 1 | 0;
    next = Math.floor((shard + 1) * (2 ** 31 / ((high >>> 1) + 1)));
  }
  return shard;
}
