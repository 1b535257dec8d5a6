/**
 * Gives up items when the slice is short of memory: a reclaimer of the allocator, which asks before
 * any allocation fails, that of a message or a socket's buffer included.
 *
 * The first time it is asked, the items go that are the first of their lists, see lru.ts. Should the
 * memory that they leave lie in pieces too small, one item goes that is large enough for the request
 * by itself, of the same size class or one above. And if there is none, a stretch of the slice is
 * cleared of the items in it: thousands of small items may be there, and none large.
 *
 * @module
 */

import type { Allocator, ReclaimRequest } from "@tidepool/core";
import { walkHeap } from "@tidepool/core/diagnosis";
import { FETCHED, Item, itemBytes, type ItemView, USED } from "./item.ts";
import type { Items } from "./items.ts";
import { CLASS_COUNT, sizeClassOf } from "./lru.ts";

/** The most items that are passed over because somebody reads them. */
const MOST_READ = 64;

/** Evicts the items of one shard. */
export class Evictor {
  readonly #allocator: Allocator;
  readonly #items: Items;
  readonly #item: ItemView;
  readonly #registration: Disposable;

  constructor(allocator: Allocator, items: Items) {
    this.#allocator = allocator;
    this.#items = items;
    // A view has to be somewhere; it is moved before every use.
    this.#item = Item.at(allocator, allocator.slice.byteOffset + 8);
    this.#registration = allocator.reclaimers.add((request) => this.#reclaim(request), {
      scope: "sync",
      heldBytes: () => items.itemBytes,
    });
  }

  /** Evicts nothing from now on. */
  [Symbol.dispose](): void {
    this.#registration[Symbol.dispose]();
  }

  #reclaim({ byteLength, contiguousBytes }: ReclaimRequest): void {
    this.#items.counters.direct_reclaims++;
    if (byteLength <= contiguousBytes || contiguousBytes === 0) this.#evictOldest(byteLength);
    else if (!this.#evictOneOf(contiguousBytes)) this.#clearStretch(contiguousBytes);
  }

  /** Evicts the first of the lists, until so many bytes are free. */
  #evictOldest(byteLength: number): void {
    const { lists } = this.#items;
    let freed = 0;
    let read = 0;
    while (freed < byteLength && read < MOST_READ) {
      const sizeClass = lists.oldestClass();
      if (sizeClass === -1) return;
      const evicted = this.#evictFrom(sizeClass);
      if (evicted === 0) read++;
      freed += evicted;
    }
  }

  /** Evicts the oldest of a class; if it is read it counts as used instead. Returns the bytes freed. */
  #evictFrom(sizeClass: number): number {
    const { lists } = this.#items;
    const address = lists.oldestOf(sizeClass);
    if (!this.#items.isRead(address)) return this.#evict(address);
    this.#items.counters.lrutail_reflocked++;
    this.#item.at(address).time = this.#items.now;
    lists.bump(address);
    return 0;
  }

  /** Evicts one item whose block is large enough for the request. */
  #evictOneOf(contiguousBytes: number): boolean {
    const { lists } = this.#items;
    for (let sizeClass = sizeClassOf(contiguousBytes); sizeClass < CLASS_COUNT; sizeClass++) {
      const tries = Math.min(lists.counts[sizeClass]!, MOST_READ);
      for (let i = 0; i < tries; i++) {
        if (this.#evictFrom(sizeClass) >= contiguousBytes) return true;
      }
    }
    return false;
  }

  /** Evicts all items between two blocks that cannot go, in the first stretch that is long enough. */
  #clearStretch(contiguousBytes: number): void {
    const { buffer, slice } = this.#allocator;
    const { table } = this.#items;
    let items: number[] = [];
    let bytes = 0;
    for (const { address, byteLength, free } of walkHeap(buffer, slice)) {
      const isItem = !free && address + 64 <= buffer.byteLength && table.holds(address);
      if (!free && (!isItem || this.#items.isRead(address))) {
        items = [];
        bytes = 0;
        continue;
      }
      if (isItem) items.push(address);
      bytes += byteLength;
      if (bytes >= contiguousBytes) break;
    }
    // The stretch at the end may be too short; then there is nothing to be had.
    if (bytes >= contiguousBytes) { for (const address of items) this.#evict(address); }
  }

  #evict(address: number): number {
    const { counters } = this.#items;
    const item = this.#item.at(address);
    const isUnread = (item.state & FETCHED) === 0;
    if (this.#items.isDead(item)) {
      counters.reclaimed++;
      if (isUnread) counters.expired_unfetched++;
    } else {
      counters.evictions++;
      if (isUnread) counters.evicted_unfetched++;
      if ((item.state & USED) !== 0) counters.evicted_active++;
    }
    const freed = itemBytes(item.keyLength, item.valueLength);
    this.#items.unlink(address);
    return freed;
  }
}
