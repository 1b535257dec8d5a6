/**
 * Figures of foreign pointers, read from shared memory without a message.
 *
 * @module
 */

import type { Runtime } from "../shard/mod.ts";
import { localEndpoint } from "../shard/unstable_layers.ts";
import { FAILED_BYTES, LOST_BYTES, OPENED_BYTES } from "./holder_words.ts";
import { homeOf } from "./home.ts";

/** Figures of the foreign pointers to the objects of one shard. */
export interface ForeignStatistics {
  /**
   * Pointers that are away, by who holds them: the shards by their ids, then the host. A pointer in a
   * message is its sender's until it is read.
   */
  readonly outstanding: readonly number[];
  /** Pointers that have left the shard so far; one that comes home and leaves again counts once. */
  readonly givenAway: number;
  /** Pointers that were lost to the garbage collector, and came home. */
  readonly lost: number;
  /** Destructors that threw, of objects destroyed from elsewhere or in the background. */
  readonly failedDestructors: number;
}

/**
 * Figures of the foreign pointers to the objects of `shard`. O(pointers that were ever away at once),
 * no message. Exact while nobody passes pointers on.
 *
 * @param shard Whose objects.
 * @param runtime The runtime, on the host. A shard leaves it out.
 * @throws {RangeError} If there is no such shard.
 * @throws {TypeError} If this thread is no shard and `runtime` is missing.
 *
 * @example
 * ```ts ignore
 * // counters.ts
 * import { defineTasks, makeForeign } from "@tidepool/core";
 *
 * export const counters = defineTasks(import.meta.url, { open: () => makeForeign({ n: 0 }) });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { foreignStatistics } from "@tidepool/core/foreign";
 * import { assertEquals } from "@std/assert";
 * import { counters } from "./counters.ts";
 *
 * await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
 * await using pointer = await runtime.submitTo(0, counters.open);
 * assertEquals(foreignStatistics(0, runtime).outstanding, [0, 1]); // none with shard 0, one here
 * ```
 */
export function foreignStatistics(shard: number, runtime?: Runtime): ForeignStatistics {
  const endpoint = runtime === undefined ? localEndpoint() : runtime.endpoint;
  const { shardCount } = endpoint;
  if (!Number.isInteger(shard) || shard < 0 || shard >= shardCount) {
    throw new RangeError(
      `Cannot look at shard ${shard}: the runtime has shards 0 to ${shardCount - 1}`,
    );
  }
  const { words } = homeOf(endpoint);
  const outstanding = new Array<number>(shardCount + 1).fill(0);
  for (let handle = words.used(shard) - 1; handle >= 0; handle--) {
    const holder = words.holder(shard, handle);
    if (holder >= 0 && holder !== shard) outstanding[holder]!++;
  }
  return {
    outstanding,
    givenAway: words.figure(shard, OPENED_BYTES),
    lost: words.figure(shard, LOST_BYTES),
    failedDestructors: words.figure(shard, FAILED_BYTES),
  };
}
