/**
 * The check of ids that a program gives.
 *
 * @module
 */

import { kindOfValue } from "../codec/mod.ts";

/**
 * Why `shard` is not a shard of a runtime of `shardCount`; `undefined` if it is one. O(1).
 *
 * @param shard what was given
 * @param shardCount how many there are
 * @param action what was to be done, as in "submit to"
 * @returns a TypeError if it is not a number, a RangeError if it is not one from 0 to `shardCount - 1`
 */
export function shardIdFault(
  shard: number,
  shardCount: number,
  action: string,
): TypeError | RangeError | undefined {
  if (Number.isInteger(shard) && shard >= 0 && shard < shardCount) return undefined;
  if (typeof shard === "number") {
    return new RangeError(
      `Cannot ${action} shard ${shard}: the runtime has shards 0 to ${shardCount - 1}`,
    );
  }
  return new TypeError(
    `Cannot ${action} a shard that is ${kindOfValue(shard)}: expected a number from 0 to ${
      shardCount - 1
    }`,
  );
}

/**
 * Throws if there is no such shard, as `shardIdFault()` finds. O(1).
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function checkShardId(shard: number, shardCount: number, action: string): void {
  const fault = shardIdFault(shard, shardCount, action);
  if (fault !== undefined) throw fault;
}
