/**
 * Figures of foreign pointers, read from shared memory without a message. The layer above keeps them,
 * which nothing here knows; the host and a shard read them alike.
 *
 * @module
 */

import type { Endpoint } from "./endpoint.ts";
import { GivenAwayRegion } from "./given_away_region.ts";
import { checkShardId } from "./shard_id.ts";

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
 * Figures of the foreign pointers to the objects of `shard`, as `endpoint` reads them. O(pointers that
 * were ever away at once).
 *
 * @throws {TypeError} If `shard` is not a number.
 * @throws {RangeError} If there is no such shard.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function readForeignStatistics(endpoint: Endpoint, shard: number): ForeignStatistics {
  const { buffer, layout, shardCount } = endpoint;
  checkShardId(shard, shardCount, "look at");
  const region = layout.givenAway(shard);
  const words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
  const figures = new Float64Array(buffer, 0, layout.controlByteLength >> 3);
  const outstanding = new Array<number>(layout.endpointCount).fill(0);
  // Plain looks: who counts while pointers move may count one where it was a moment ago.
  for (let handle = words[region.usedWord]! - 1; handle >= 0; handle--) {
    const holder = GivenAwayRegion.holderIn(words[region.holdersWord + handle]!);
    if (holder >= 0 && holder !== shard) outstanding[holder]!++;
  }
  return {
    outstanding,
    givenAway: figures[region.openedFigure]!,
    lost: figures[region.lostFigure]!,
    failedDestructors: figures[region.failedFigure]!,
  };
}
