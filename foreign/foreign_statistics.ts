/**
 * Figures of foreign pointers, as a shard asks for them.
 *
 * @module
 */

import type { ForeignStatistics } from "../shard/mod.ts";
import { localEndpoint, readForeignStatistics } from "../shard/unstable_layers.ts";

/**
 * Figures of the foreign pointers to the objects of `shard`, for code that runs on a shard. No message.
 * O(pointers that were ever away at once). Exact while nobody passes pointers on. The host calls
 * `Runtime.foreignStatistics()`.
 *
 * @param shard Whose objects.
 * @throws {TypeError} If this thread is not a shard, or `shard` not a number.
 * @throws {RangeError} If there is no such shard.
 *
 * @example
 * ```ts
 * import { defineTasks, thisShard } from "@tidepool/core";
 * import { foreignStatistics } from "@tidepool/core/foreign";
 *
 * export const figures = defineTasks(import.meta.url, {
 *   // How many pointers to this shard's objects the others hold.
 *   away: () => foreignStatistics(thisShard()).outstanding.reduce((sum, count) => sum + count, 0),
 * });
 * ```
 */
export function foreignStatistics(shard: number): ForeignStatistics {
  return readForeignStatistics(localEndpoint(), shard);
}
