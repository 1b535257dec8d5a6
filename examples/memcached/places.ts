/**
 * Places for connections: `--max-connections` is for all shards together, and whoever accepts a
 * connection must know how many the others have. Shard 0 keeps the table. The others ask it before
 * they serve a connection, one at a time, and tell it when one has ended.
 *
 * @module
 */

import { defineTasks, shardCount, submitTo, thisShard } from "@tidepool/core";
import { isOutOfMemory } from "./out_of_memory.ts";
import { isShardGone } from "./router.ts";

/** The shard that has the table. */
const KEEPER = 0;

/** On shard 0: the connections of each shard, as it has told. */
const table = new Map<number, number>();

/** The places of this shard. */
let local: Places | undefined;

/** The places of one shard. */
export class Places {
  /** Connections that have one. */
  taken = 0;
  readonly #most: number;

  /** `most` is how many places all shards have together. */
  constructor(most: number) {
    this.#most = most;
    local = this;
  }

  /**
   * Begins with none: a shard that was started again has lost its connections. If it is the one with
   * the table, it asks the others what they have.
   */
  async begin(): Promise<void> {
    await this.#tell();
    if (thisShard() !== KEEPER) return;
    const others = Array.from({ length: shardCount() - 1 }, (_, index) => index + 1);
    await Promise.all(others.map(async (shard) => {
      table.set(shard, await orInstead(submitTo(shard, placeTasks.report), 0));
    }));
  }

  /** Takes one; false if there is none. Must be waited for before the next. */
  async take(): Promise<boolean> {
    const shard = thisShard();
    // While the table is away, each shard goes by what it has itself.
    const hasPlace = shard === KEEPER ? takeOf(shard, this.taken, this.#most) : await orInstead(
      submitTo(KEEPER, placeTasks.take, shard, this.taken, this.#most),
      this.taken < this.#most,
    );
    if (hasPlace) this.taken++;
    return hasPlace;
  }

  /** Gives one back. */
  give(): Promise<void> {
    this.taken--;
    return this.#tell();
  }

  async #tell(): Promise<void> {
    const shard = thisShard();
    if (shard === KEEPER) table.set(shard, this.taken);
    else await orInstead(submitTo(KEEPER, placeTasks.tell, shard, this.taken), undefined);
  }
}

function takeOf(shard: number, taken: number, most: number): boolean {
  table.set(shard, taken);
  let sum = 0;
  for (const count of table.values()) sum += count;
  if (sum >= most) return false;
  table.set(shard, taken + 1);
  return true;
}

/**
 * What a shard answers, or `instead` if it can't be asked: it is gone, or there is no memory for the
 * message. What it has not been told it learns from the next message, which says the whole count.
 */
async function orInstead<Result>(asked: Promise<Result>, instead: Result): Promise<Result> {
  try {
    return await asked;
  } catch (error) {
    if (isShardGone(error) || isOutOfMemory(error)) return instead;
    throw error;
  }
}

/** What shards ask each other. */
const placeTasks = defineTasks(import.meta.url, {
  /** Asks the table for one more place than a shard has. */
  take: (shard: number, taken: number, most: number): boolean => takeOf(shard, taken, most),

  /** Tells the table what a shard has. */
  tell(shard: number, taken: number): void {
    table.set(shard, taken);
  },

  /** How many places this shard has taken. */
  report: (): number => local?.taken ?? 0,
});
