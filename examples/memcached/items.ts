/**
 * The items of one shard: in blocks of its slice, found by key, in the order of their use, gone when
 * their time has come. What memcached has in items.c; what the commands do with them is in store.ts.
 *
 * @module
 */

import type { Allocator } from "@tidepool/core";
import { StoreCounters } from "./counters.ts";
import { Evictor } from "./evictor.ts";
import { HashTable } from "./hash_table.ts";
import * as layout from "./item.ts";
import { HEADER_BYTES, Item, itemBytes, type ItemView } from "./item.ts";
import { Lender } from "./lender.ts";
import { LruLists, sizeClassOf } from "./lru.ts";
import { expiryOf, type RequestView } from "./request.ts";

const CR = 13;
const LF = 10;

/** The items of one shard. */
export class Items {
  /** What is counted of them, and of the commands that they are asked for by. */
  counters: StoreCounters = new StoreCounters();
  /** By key. */
  readonly table: HashTable;
  /** By use. */
  readonly lists: LruLists;
  /** Those that others read. */
  readonly lender: Lender;
  /** The item that a reader was given last: it is not evicted while its answer is made. */
  found = 0;
  readonly #allocator: Allocator;
  readonly #clock: () => number;
  readonly #bytes: Uint8Array;
  readonly #item: ItemView;
  readonly #evictor: Evictor;
  /** When an item was last found or added: a clock costs more to read than an item to find. */
  #findTime = 0;
  #itemBytes = 0;
  #lastCas: number;
  readonly #casStep: number;
  /** Items of versions below are gone: `flush_all` was here. */
  #flushedCas = 0;
  /** Items last used in that second or before are gone, once it has come; -1 for none. */
  #flushTime = -1;

  /**
   * Versions count from `shard + 1` on in steps of `shardCount`, so that no two shards give the same.
   *
   * @throws {RangeError} If the slice has no room for the smallest table.
   */
  constructor(allocator: Allocator, clock: () => number, shard: number, shardCount: number) {
    this.#lastCas = shard + 1 - shardCount;
    this.#casStep = shardCount;
    this.#allocator = allocator;
    this.#clock = clock;
    this.#bytes = allocator.bytes(0, allocator.buffer.byteLength);
    this.table = new HashTable(allocator);
    this.lists = new LruLists(allocator);
    this.lender = new Lender(allocator);
    // A view has to be somewhere; it is moved before every use.
    this.#item = Item.at(allocator, allocator.slice.byteOffset + 8);
    this.#evictor = new Evictor(allocator, this);
  }

  /** Seconds since 1970. */
  get now(): number {
    return this.#clock();
  }

  /**
   * Whether somebody reads the item: another shard, a socket, or whoever looked for it last, who may
   * need memory for the answer and must not lose the item to that.
   */
  isRead(address: number): boolean {
    return address === this.found || this.lender.isLent(address);
  }

  /** Bytes of all items. */
  get itemBytes(): number {
    return this.#itemBytes;
  }

  /** Gives every item up, and asks for none to be evicted any more. */
  [Symbol.dispose](): void {
    this.#evictor[Symbol.dispose]();
    for (let sizeClass = this.lists.oldestClass(); sizeClass !== -1;) {
      this.unlink(this.lists.oldestOf(sizeClass));
      sizeClass = this.lists.oldestClass();
    }
  }

  /** The live item of the request, 0 if there is none; one that is past its time goes now. */
  find(view: RequestView): number {
    const found = this.table.find(view.keyAddress, view.keyLength, view.hash);
    this.found = found;
    if (found === 0) return 0;
    const item = this.#item.at(found);
    const now = this.#findTime = this.now;
    if (this.#isFlushed(item, now)) this.counters.get_flushed++;
    else if (isExpired(item, now)) {
      this.counters.get_expired++;
      if ((item.state & layout.FETCHED) === 0) this.counters.expired_unfetched++;
    } else return found;
    this.unlink(found);
    return 0;
  }

  /** Whether an item is past its time, or was flushed, and only nobody has looked at it since. */
  isDead(item: ItemView): boolean {
    const { now } = this;
    return isExpired(item, now) || this.#isFlushed(item, now);
  }

  /** Frees those of some items that are dead, and that nobody reads. */
  bury(addresses: readonly number[]): void {
    for (const address of addresses) {
      const item = this.#item.at(address);
      if (!this.isDead(item) || this.isRead(address)) continue;
      this.counters.crawler_reclaimed++;
      if ((item.state & layout.FETCHED) === 0) this.counters.expired_unfetched++;
      this.unlink(address);
    }
  }

  #isFlushed(item: ItemView, now: number): boolean {
    if (item.cas < this.#flushedCas) return true;
    return now >= this.#flushTime && item.time <= this.#flushTime;
  }

  /** Counts that the item which `find()` gave was read. */
  use(address: number): void {
    const item = this.#item.at(address);
    item.time = this.#findTime;
    item.state |= layout.FETCHED | layout.USED;
  }

  /** Counts that it was of use, though nobody has read it. */
  keep(address: number): void {
    const item = this.#item.at(address);
    item.time = this.#findTime;
    item.state |= layout.USED;
  }

  /** The number of the next version. */
  nextCas(): number {
    return this.#lastCas += this.#casStep;
  }

  /**
   * A block with a header, a key and CR LF, not linked yet; 0 if there is no memory. Evicts other
   * items, so look for what is in the table after this.
   */
  allocate(view: RequestView, valueLength: number, flags: number): number {
    const { keyAddress, keyLength } = view;
    const byteLength = itemBytes(keyLength, valueLength);
    const address = this.#allocator.malloc(byteLength);
    if (address === 0) return 0;
    const item = this.#item.at(address);
    item.hash = view.hash;
    item.flags = flags;
    item.expiry = 0;
    item.valueLength = valueLength;
    item.keyLength = keyLength;
    item.state = 0;
    item.sizeClass = sizeClassOf(byteLength);
    const bytes = this.#bytes;
    const key = address + HEADER_BYTES;
    for (let i = 0; i < keyLength; i++) bytes[key + i] = bytes[keyAddress + i]!;
    bytes[key + keyLength + valueLength] = CR;
    bytes[key + keyLength + valueLength + 1] = LF;
    return address;
  }

  /** Puts an item into the cache. Returns its version. */
  link(address: number): number {
    const item = this.#item.at(address);
    item.cas = this.nextCas();
    item.time = this.#findTime = this.now;
    this.#itemBytes += itemBytes(item.keyLength, item.valueLength);
    this.counters.total_items++;
    // First the table, which may need memory and evict for it: what is on no list is not evicted.
    this.table.add(address);
    this.lists.add(address);
    return this.#lastCas;
  }

  /** Takes an item out of the cache. */
  unlink(address: number): void {
    this.table.remove(address);
    this.lists.remove(address);
    const item = this.#item.at(address);
    this.#itemBytes -= itemBytes(item.keyLength, item.valueLength);
    this.lender.free(address);
  }

  /**
   * Makes all items go that are there now; or, as memcached counts, those of the second before
   * `delay` seconds are over.
   */
  flush(delay: number): void {
    const { now } = this;
    this.#flushTime = delay > 0 ? expiryOf(delay, now) - 1 : -1;
    if (this.#flushTime > now) return;
    const version = this.nextCas();
    if (delay <= 0 || this.#flushTime === now) this.#flushedCas = version;
  }
}

function isExpired({ expiry }: ItemView, now: number): boolean {
  return expiry !== 0 && expiry <= now;
}
