/**
 * The storage of one shard: items in its slice, found by key, kept in the order of their use. What
 * the commands do to them follows memcached 1.6 (memcached.c, `do_store_item`; items.c).
 *
 * A request is a struct, see request.ts; what is returned is its outcome. Nothing here waits, and
 * nothing knows of sockets.
 *
 * @module
 */

import type { Allocator, SharedPtr } from "@tidepool/core";
import { StoreCounters } from "./counters.ts";
import { Evictor } from "./evictor.ts";
import { HashTable } from "./hash_table.ts";
import * as layout from "./item.ts";
import { HEADER_BYTES, Item, itemBytes, type ItemView } from "./item.ts";
import { Lender } from "./lender.ts";
import { LruLists, sizeClassOf } from "./lru.ts";
import { readValueNumber, writeValueNumber } from "./number_text.ts";
import * as request from "./request.ts";
import type { RequestView } from "./request.ts";

const CR = 13;
const LF = 10;

/** Seconds since 1970. */
export function wallClock(): number {
  return Math.floor(Date.now() / 1000);
}

/** The storage of one shard. */
export class Store {
  /** What it counts. */
  counters: StoreCounters = new StoreCounters();
  /** The items by key. */
  readonly table: HashTable;
  /** The items by use. */
  readonly lists: LruLists;
  /** The items that others read. */
  readonly lender: Lender;
  readonly #allocator: Allocator;
  readonly #clock: () => number;
  readonly #bytes: Uint8Array;
  readonly #item: ItemView;
  readonly #evictor: Evictor;
  /** The item that a reader was given last: it is not evicted while its answer is made. */
  #found = 0;
  #itemBytes = 0;
  #lastCas = 0;
  /** Items of versions below are gone: `flush_all` was here. */
  #flushedCas = 0;
  /** Items last used before that second are gone, once it has come. */
  #flushTime = 0;

  /** @throws {RangeError} If the slice has no room for the smallest table. */
  constructor(allocator: Allocator, clock: () => number = wallClock) {
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
    return address === this.#found || this.lender.isLent(address);
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

  // ─── Reading ─────────────────────────────────────────────────────────────────────────────────

  /** The item of the request, which counts as used; 0 if there is none. With TOUCH it gets an expiry. */
  get(view: RequestView): number {
    const { counters } = this;
    const touches = (view.options & request.TOUCH) !== 0;
    const found = this.#find(view);
    if (touches) {
      counters.cmd_touch++;
      if (found === 0) counters.touch_misses++;
      else {
        counters.touch_hits++;
        this.#item.at(found).expiry = view.expiry;
      }
    }
    counters.cmd_get++;
    if (found === 0) counters.get_misses++;
    else {
      counters.get_hits++;
      this.#use(found);
    }
    return found;
  }

  /** Puts the item's value where the request wants it, if it is not too long for that. */
  putAnswer(view: RequestView, address: number): boolean {
    const item = this.#item.at(address);
    const { valueLength } = item;
    if (valueLength > view.answerBytes) return false;
    const start = valueOf(item);
    // Both ends lie alike within their eight bytes: see Output.copy().
    view.resultAddress = view.answerAddress + (start & 7);
    this.#bytes.copyWithin(view.resultAddress, start, start + valueLength);
    view.resultLength = valueLength;
    view.resultFlags = item.flags;
    view.resultCas = item.cas;
    return true;
  }

  /** Gives the item an expiry. */
  touch(view: RequestView): number {
    this.counters.cmd_touch++;
    const found = this.#find(view);
    if (found === 0) {
      this.counters.touch_misses++;
      return request.NOT_FOUND;
    }
    this.counters.touch_hits++;
    this.#item.at(found).expiry = view.expiry;
    this.#use(found);
    view.resultCas = this.#item.at(found).cas;
    return request.DONE;
  }

  /** The item for a meta command, made if it is missing and the request says so; 0 if there is none. */
  metaGet(view: RequestView): number {
    const { counters } = this;
    const { options } = view;
    counters.cmd_meta++;
    counters.cmd_get++;
    let found = this.#find(view);
    let won = false;
    if (found === 0) counters.get_misses++;
    else counters.get_hits++;
    if (found === 0 && (options & request.VIVIFY) !== 0) {
      found = this.#allocate(view, 0, 0);
      if (found === 0) return 0;
      this.#item.at(found).expiry = view.vivifyExpiry;
      this.#link(found);
      this.#found = found;
      won = true;
    }
    if (found === 0) return 0;
    const item = this.#item.at(found);
    const now = this.now;
    if ((options & request.TOUCH) !== 0) item.expiry = view.expiry;
    const before = item.state;
    if ((options & request.RECACHE) !== 0 && !won && (before & layout.WON) === 0) {
      won = item.expiry !== 0 && item.expiry < view.recacheTime;
    }
    if ((before & layout.STALE) !== 0 && (before & layout.WON) === 0) won = true;
    view.resultTtl = ttlOf(item, now);
    view.resultIdle = now - item.time;
    view.resultState = before & ~layout.WON | (won ? layout.WON : 0) |
      ((before & layout.WON) !== 0 ? OTHER_WON : 0);
    if (won) item.state = before | layout.WON;
    if ((options & request.NO_BUMP) === 0) this.#use(found);
    return found;
  }

  /** The item as it is, for `me`: nothing is counted, nothing changed. */
  peek(view: RequestView): number {
    this.counters.cmd_meta++;
    const found = this.#find(view);
    if (found === 0) return 0;
    const item = this.#item.at(found);
    const now = this.now;
    view.resultTtl = item.expiry === 0 ? -1 : now - item.expiry;
    view.resultIdle = now - item.time;
    view.resultState = item.state;
    return found;
  }

  // ─── Writing ─────────────────────────────────────────────────────────────────────────────────

  /** Stores the value of the request, as its mode says. */
  store(view: RequestView): number {
    const { keyLength, valueLength } = view;
    if (itemBytes(keyLength, valueLength) > layout.MAX_ITEM_BYTES) return this.refuse(view);
    const address = this.reserve(view);
    if (address === 0) return request.NO_MEMORY;
    const start = address + HEADER_BYTES + keyLength;
    this.#bytes.copyWithin(start, view.valueAddress, view.valueAddress + valueLength);
    return this.#commit(view, address);
  }

  /**
   * A block for the item of the request, to be filled with its value and then committed or
   * discarded; 0 if there is no memory for it. It has the key, and `commit()` needs no other.
   */
  reserve(view: RequestView): number {
    const address = this.#allocate(view, view.valueLength, view.flags);
    if (address === 0) this.#outOfMemory(view);
    return address;
  }

  /** Frees what was reserved. */
  discard(address: number): void {
    this.#allocator.free(address);
  }

  /**
   * Stores an item that was reserved and filled. It is the cache's from now on, or gone. The key is
   * taken from it: what the request named may have been overwritten by the value.
   */
  commit(view: RequestView, address: number): number {
    view.keyAddress = address + HEADER_BYTES;
    return this.#commit(view, address);
  }

  #commit(view: RequestView, address: number): number {
    this.counters.cmd_set++;
    view.resultCas = 0;
    const item = this.#item.at(address);
    item.expiry = view.expiry;
    if ((view.options & request.KEY_IN_BASE64) !== 0) item.state = layout.BINARY_KEY;
    const old = this.#find(view);
    const outcome = old === 0 ? this.#storeNew(view, address) : this.#storeOver(view, address, old);
    if (outcome !== request.DONE) this.discard(address);
    return outcome;
  }

  /** An item of the size that the request asks for is never stored; says why. */
  refuse(view: RequestView): number {
    this.#giveUpOld(view);
    this.counters.store_too_large++;
    return request.TOO_LARGE;
  }

  /** Deletes the item, or marks it as stale. */
  remove(view: RequestView): number {
    const { counters } = this;
    const found = this.#find(view);
    if (found === 0) {
      counters.delete_misses++;
      return request.NOT_FOUND;
    }
    const item = this.#item.at(found);
    if (view.cas !== 0 && item.cas !== view.cas) {
      counters.delete_misses++;
      return request.EXISTS;
    }
    if ((view.options & request.INVALIDATE) === 0) {
      counters.delete_hits++;
      this.unlink(found);
      return request.DONE;
    }
    if ((view.options & request.TOUCH) !== 0) item.expiry = view.expiry;
    item.state = item.state & ~layout.WON | layout.STALE;
    item.cas = this.#nextCas();
    return request.DONE;
  }

  /** Adds to the number that the item is, or subtracts. */
  arithmetic(view: RequestView): number {
    const { counters } = this;
    const decrements = (view.options & request.DECREMENT) !== 0;
    let found = this.#find(view);
    if (found === 0) {
      if ((view.options & request.VIVIFY) === 0) {
        if (decrements) counters.decr_misses++;
        else counters.incr_misses++;
        return request.NOT_FOUND;
      }
      found = this.#replaceByNumber(view, 0, view.initial);
      if (found === 0) return request.NO_MEMORY;
      this.#item.at(found).expiry = view.vivifyExpiry;
      this.#describe(view, found, view.initial);
      return request.DONE;
    }
    const item = this.#item.at(found);
    if (view.cas !== 0 && item.cas !== view.cas) return request.EXISTS;
    const before = this.#numberOf(item);
    if (before === undefined) return request.NOT_NUMERIC;
    const after = decrements
      ? before > view.delta ? before - view.delta : 0n
      : BigInt.asUintN(64, before + view.delta);
    if (decrements) counters.decr_hits++;
    else counters.incr_hits++;
    if (this.lender.isLent(found) || !this.#overwriteNumber(item, after)) {
      found = this.#replaceByNumber(view, found, after);
      if (found === 0) return request.NO_MEMORY;
    } else {
      item.cas = this.#nextCas();
      this.#use(found);
    }
    if ((view.options & request.TOUCH) !== 0) this.#item.at(found).expiry = view.expiry;
    this.#describe(view, found, after);
    return request.DONE;
  }

  /** Makes all items go that are there now, or will be `delay` seconds from now. */
  flush(delay: number): void {
    this.counters.cmd_flush++;
    if (delay > 0) this.#flushTime = request.expiryOf(delay, this.now);
    else {
      this.#flushedCas = this.#nextCas();
      this.#flushTime = 0;
    }
  }

  /** A pointer to an item, for somebody who reads it after this turn. */
  lend(address: number): SharedPtr<ItemView> {
    return this.lender.lend(address);
  }

  /** Takes an item out of the cache. */
  unlink(address: number): void {
    this.table.remove(address);
    this.lists.remove(address);
    const item = this.#item.at(address);
    this.#itemBytes -= itemBytes(item.keyLength, item.valueLength);
    this.lender.free(address);
  }

  // ─── Inside ──────────────────────────────────────────────────────────────────────────────────

  /** The live item of the request, 0 if there is none; one that is past its time goes now. */
  #find(view: RequestView): number {
    const found = this.table.find(view.keyAddress, view.keyLength, view.hash);
    this.#found = found;
    if (found === 0) return 0;
    const item = this.#item.at(found);
    const { expiry, cas, time } = item;
    const now = this.now;
    if (expiry !== 0 && expiry <= now) {
      this.counters.get_expired++;
      if ((item.state & layout.FETCHED) === 0) this.counters.expired_unfetched++;
    } else if (cas < this.#flushedCas || (now >= this.#flushTime && time < this.#flushTime)) {
      this.counters.get_flushed++;
    } else return found;
    this.unlink(found);
    return 0;
  }

  #use(address: number): void {
    const item = this.#item.at(address);
    item.time = this.now;
    item.state |= layout.FETCHED;
    this.lists.bump(address);
  }

  #nextCas(): number {
    return ++this.#lastCas;
  }

  /**
   * A block with a header, a key and CR LF, not linked yet; 0 if there is no memory. Evicts other
   * items, so look for what is in the table after this.
   */
  #allocate(view: RequestView, valueLength: number, flags: number): number {
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

  #link(address: number): void {
    const item = this.#item.at(address);
    item.cas = this.#nextCas();
    item.time = this.now;
    this.#itemBytes += itemBytes(item.keyLength, item.valueLength);
    this.counters.total_items++;
    // First the table, which may need memory and evict for it: what is on no list is not evicted.
    this.table.add(address);
    this.lists.add(address);
  }

  #storeNew(view: RequestView, address: number): number {
    switch (view.mode) {
      case request.MODE_CAS:
        this.counters.cas_misses++;
        return request.NOT_FOUND;
      case request.MODE_REPLACE:
      case request.MODE_APPEND:
      case request.MODE_PREPEND:
        return request.NOT_STORED;
    }
    this.#link(address);
    view.resultCas = this.#lastCas;
    return request.DONE;
  }

  #storeOver(view: RequestView, address: number, old: number): number {
    const { counters } = this;
    const oldItem = Item.at(this.#allocator, old);
    switch (view.mode) {
      case request.MODE_ADD:
        this.#use(old);
        return request.NOT_STORED;
      case request.MODE_CAS:
        if (oldItem.cas === view.cas) counters.cas_hits++;
        else if ((view.options & request.INVALIDATE) !== 0 && view.cas < oldItem.cas) {
          counters.cas_hits++;
          const item = this.#item.at(address);
          item.expiry = oldItem.expiry;
          item.state |= layout.STALE | (oldItem.state & layout.WON);
        } else {
          counters.cas_badval++;
          return request.EXISTS;
        }
        break;
      case request.MODE_APPEND:
      case request.MODE_PREPEND:
        if (view.cas !== 0 && oldItem.cas !== view.cas) return request.EXISTS;
        return this.#storeJoined(view, address);
    }
    this.unlink(old);
    this.#link(address);
    view.resultCas = this.#lastCas;
    return request.DONE;
  }

  /** Appends or prepends: a new item of both values takes the place of the old one. */
  #storeJoined(view: RequestView, added: number): number {
    const addedLength = this.#item.at(added).valueLength;
    const oldLength = this.#item.at(this.#find(view)).valueLength;
    const valueLength = oldLength + addedLength;
    if (itemBytes(view.keyLength, valueLength) > layout.MAX_ITEM_BYTES) return request.TOO_LARGE;
    const joined = this.#allocate(view, valueLength, 0);
    if (joined === 0) return request.NO_MEMORY;
    const old = this.#find(view);
    if (old === 0) { // the old one was evicted to make room
      this.discard(joined);
      return request.NOT_STORED;
    }
    const { flags, expiry, state } = this.#item.at(old);
    const item = this.#item.at(joined);
    item.flags = flags;
    item.expiry = expiry;
    item.state = state & layout.BINARY_KEY;
    const start = HEADER_BYTES + view.keyLength;
    const [first, firstLength, second, secondLength] = view.mode === request.MODE_APPEND
      ? [old, oldLength, added, addedLength]
      : [added, addedLength, old, oldLength];
    const bytes = this.#bytes;
    bytes.copyWithin(joined + start, first + start, first + start + firstLength);
    const middle = joined + start + firstLength;
    bytes.copyWithin(middle, second + start, second + start + secondLength);
    this.unlink(old);
    this.discard(added);
    this.#link(joined);
    view.resultCas = this.#lastCas;
    return request.DONE;
  }

  #outOfMemory(view: RequestView): void {
    this.#giveUpOld(view);
    this.counters.store_no_memory++;
  }

  /** A `set` that fails must not leave the old value behind, which the client takes for replaced. */
  #giveUpOld(view: RequestView): void {
    if (view.mode !== request.MODE_SET) return;
    const old = this.#find(view);
    if (old !== 0) this.unlink(old);
  }

  /** The number in the item's value; undefined if it is none. */
  #numberOf(item: ItemView): bigint | undefined {
    const { valueLength } = item;
    if (valueLength > MAX_NUMBER_BYTES) return undefined;
    const start = valueOf(item);
    return readValueNumber(this.#bytes, start, start + valueLength);
  }

  /** Writes a number over the value; false if it does not fit. */
  #overwriteNumber(item: ItemView, number: bigint): boolean {
    const text = number.toString();
    const { valueLength } = item;
    if (text.length > valueLength) return false;
    const start = valueOf(item);
    writeValueNumber(this.#bytes, start, start + valueLength, text);
    return true;
  }

  /** A new item with a number for value, in place of `old` if that is not 0; 0 without memory. */
  #replaceByNumber(view: RequestView, old: number, number: bigint): number {
    const { flags, expiry, state } = old === 0
      ? { flags: 0, expiry: 0, state: 0 }
      : this.#item.at(old);
    const text = number.toString();
    const address = this.#allocate(view, text.length, flags);
    if (address === 0) return 0;
    const item = this.#item.at(address);
    item.expiry = expiry;
    item.state = old === 0 && (view.options & request.KEY_IN_BASE64) !== 0
      ? layout.BINARY_KEY
      : state & layout.BINARY_KEY;
    const start = valueOf(item);
    writeValueNumber(this.#bytes, start, start + text.length, text);
    const still = this.table.find(view.keyAddress, view.keyLength, view.hash);
    if (still !== 0) this.unlink(still);
    this.#link(address);
    return address;
  }

  #describe(view: RequestView, address: number, number: bigint): void {
    const item = this.#item.at(address);
    view.resultNumber = number;
    view.resultCas = item.cas;
    view.resultTtl = ttlOf(item, this.now);
  }
}

/** Digits of 2^64 - 1, and room for what memcached pads with. */
const MAX_NUMBER_BYTES = 22;

/** In a request's outcome: another client was told to renew the item before. */
export const OTHER_WON = 16;

/** Where the item's value begins. */
function valueOf(item: ItemView): number {
  return item.address + HEADER_BYTES + item.keyLength;
}

function ttlOf(item: ItemView, now: number): number {
  return item.expiry === 0 ? -1 : item.expiry - now;
}
