/**
 * The check of ids that a program gives.
 *
 * @module
 */

/**
 * Throws if `shard` is no shard of a runtime of `shardCount`. O(1).
 *
 * @param shard what was given
 * @param shardCount how many there are
 * @param action what was to be done, as in "submit to"
 * @throws {TypeError} it is no number
 * @throws {RangeError} it is none from 0 to `shardCount - 1`
 */
export function checkShardId(shard: number, shardCount: number, action: string): void {
  if (Number.isInteger(shard) && shard >= 0 && shard < shardCount) return;
  if (typeof shard !== "number") {
    throw new TypeError(
      `Cannot ${action} a shard that is ${kindOf(shard)}: expected a number from 0 to ${
        shardCount - 1
      }`,
    );
  }
  throw new RangeError(
    `Cannot ${action} shard ${shard}: the runtime has shards 0 to ${shardCount - 1}`,
  );
}

/** What a value is, for messages about one of the wrong kind. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return `the text ${JSON.stringify(value)}`;
  return `of type ${typeof value}`;
}
