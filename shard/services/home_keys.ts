/**
 * Which keys belong to an instance on this shard, of those asked for lately: a key that is found needs no
 * hash, and a call to the own shard takes little more than a call of the method.
 *
 * A cache with one place for each key, which the last of those keys has that share it, as in a processor.
 * Its place is made of a few units of the key, so that it costs little to find none: a Set of the keys
 * takes as long as the hash when it has the key, and ten times as long when it has to take in another.
 * Keys of other shards are not kept, as a call there takes far longer than the hash.
 *
 * @module
 */

import type { ShardKey } from "./shard_of.ts";

/** Places: a power of two. They take 8 KiB. */
const PLACES = 1024;
/** Longer texts are not kept, so that all take 512 KiB at most. */
const MAX_LENGTH = 256;

/** In a place that is free: a key is never one. */
const FREE = Symbol("free");

/** The keys of one instance. */
export class HomeKeys {
  #service: object | undefined;
  readonly #keys: (ShardKey | typeof FREE)[] = new Array(PLACES).fill(FREE);

  /** Of `service`, as long as it is an instance here. */
  constructor(service: object) {
    this.#service = service;
  }

  /** The instance; undefined once there is none. */
  get service(): object | undefined {
    return this.#service;
  }

  /** The instance, if it is known that the key belongs to it. O(1), and the comparison of two texts. */
  find(key: ShardKey): object | undefined {
    return this.#keys[placeOf(key)] === key ? this.#service : undefined;
  }

  /** The key belongs to the instance. O(1). */
  add(key: ShardKey): void {
    // Bytes may change, and another array may hold the same.
    if (typeof key === "object" || typeof key === "string" && key.length > MAX_LENGTH) return;
    this.#keys[placeOf(key)] = key;
  }

  /** There is no instance any more. Handles of the service may hold on to this. */
  forget(): void {
    this.#service = undefined;
    this.#keys.fill(FREE);
  }
}

/** Keys that are alike differ at the end mostly, as numbers do, or in the middle, as addresses do. */
function placeOf(key: ShardKey): number {
  if (typeof key === "number") return key & (PLACES - 1);
  if (typeof key !== "string") return 0;
  const { length } = key;
  if (length < 3) return length;
  // The ends of a thousand numbers in a row have a place each.
  const end = key.charCodeAt(length - 1) + 10 * key.charCodeAt(length - 2) +
    100 * key.charCodeAt(length - 3);
  return (end + 7 * key.charCodeAt(length >> 1)) & (PLACES - 1);
}
