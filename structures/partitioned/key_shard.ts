/**
 * Which shard a key of a partitioned map belongs to: the one that `shardOf()` says, which takes text, whole
 * numbers and bytes. Any other number, and a bigint, counts as its decimal text.
 *
 * @module
 */

import { shardOf } from "../../shard/mod.ts";
import type { MapKeys } from "../map/mod.ts";

/**
 * The shard of a key, of so many.
 *
 * @throws {TypeError} If no map has such a key.
 */
export function shardOfKey(key: unknown, shardCount: number, keys: MapKeys): number {
  switch (typeof key) {
    case "string":
      return shardOf(key, shardCount);
    case "number":
      // 0 and -0 are one key, and so is NaN: their texts are, too.
      return shardOf(Number.isSafeInteger(key) ? key : String(key), shardCount);
    case "bigint":
      return shardOf(String(key), shardCount);
  }
  if (key instanceof Uint8Array) return shardOf(key, shardCount);
  return keys.load(key, 0, 0); // throws: it is of no kind that a key can be of
}
