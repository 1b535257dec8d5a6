/**
 * Frees items that are gone for clients and still hold memory: those past their time, and those that
 * `flush_all` was for, which takes none itself. After memcached's LRU crawler, but that it goes by the
 * buckets of the hash table, so that it need not know where it was: items only ever move to buckets
 * further on, as the table grows.
 *
 * @module
 */

import type { Items } from "./items.ts";

/** Buckets looked at in one turn of the event loop: a millisecond, if all of their items go. */
const TURN_BUCKETS = 1024;

/** Goes over the items of one shard, again and again. */
export class Crawler {
  readonly #items: Items;
  readonly #everyMs: number;
  #timer: ReturnType<typeof setTimeout>;
  #bucket = 0;

  /** Begins a round so long after the last one has ended. */
  constructor(items: Items, everyMs: number) {
    this.#items = items;
    this.#everyMs = everyMs;
    this.#timer = setTimeout(() => this.#crawl(), everyMs);
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #crawl(): void {
    const { table } = this.#items;
    const end = Math.min(this.#bucket + TURN_BUCKETS, table.bucketCount);
    if (table.size > 0) {
      for (; this.#bucket < end; this.#bucket++) this.#items.bury(table.itemsOf(this.#bucket));
    }
    const hasEnded = table.size === 0 || end === table.bucketCount;
    if (hasEnded) this.#bucket = 0;
    this.#timer = setTimeout(() => this.#crawl(), hasEnded ? this.#everyMs : 0);
  }
}
