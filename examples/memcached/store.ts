/**
 * The storage of one shard: what the commands do with its items, after memcached 1.6 (memcached.c,
 * `do_store_item`).
 *
 * A request is a struct, see request.ts; what is returned is its outcome. Nothing here waits, and
 * nothing knows of sockets.
 *
 * @module
 */

import type { Allocator, SharedPtr } from "@tidepool/core";
import * as layout from "./item.ts";
import { HEADER_BYTES, Item, type ItemView } from "./item.ts";
import { Items } from "./items.ts";
import { readUnsigned64, writeValueNumber } from "./number_text.ts";
import * as request from "./request.ts";
import type { RequestView } from "./request.ts";

/** Seconds since 1970. */
export function wallClock(): number {
  return Math.floor(Date.now() / 1000);
}

/** The storage of one shard. */
export class Store {
  /** What it stores. */
  readonly items: Items;
  /** The largest item, as memcached counts its bytes. */
  maxItemBytes: number = layout.MAX_ITEM_BYTES;
  readonly #allocator: Allocator;
  readonly #bytes: Uint8Array;
  readonly #item: ItemView;

  /** @throws {RangeError} If the slice has no room for the smallest table. */
  constructor(allocator: Allocator, clock: () => number = wallClock, shard = 0, shardCount = 1) {
    this.#allocator = allocator;
    this.#bytes = allocator.bytes(0, allocator.buffer.byteLength);
    this.items = new Items(allocator, clock, shard, shardCount);
    // A view has to be somewhere; it is moved before every use.
    this.#item = Item.at(allocator, allocator.slice.byteOffset + 8);
  }

  /** Seconds since 1970. */
  get now(): number {
    return this.items.now;
  }

  /** A pointer to an item, for somebody who reads it after this turn. */
  lend(address: number): SharedPtr<ItemView> {
    return this.items.lender.lend(address);
  }

  /** Gives every item up, and asks for none to be evicted any more. */
  [Symbol.dispose](): void {
    this.items[Symbol.dispose]();
  }

  // ─── Reading ─────────────────────────────────────────────────────────────────────────────────

  /** The item of the request, which counts as used; 0 if there is none. With TOUCH it gets an expiry. */
  get(view: RequestView): number {
    const touches = (view.options & request.TOUCH) !== 0;
    const found = this.items.find(view);
    this.#countGet(touches, found !== 0);
    if (found === 0) return 0;
    if (touches) this.#item.at(found).expiry = view.expiry;
    this.items.use(found);
    return found;
  }

  #countGet(touches: boolean, isHit: boolean): void {
    const { counters } = this.items;
    if (touches) {
      counters.cmd_touch++;
      if (isHit) counters.touch_hits++;
      else counters.touch_misses++;
    } else {
      counters.cmd_get++;
      if (isHit) counters.get_hits++;
      else counters.get_misses++;
    }
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
    const found = this.items.find(view);
    this.#countGet(true, found !== 0);
    if (found === 0) return request.NOT_FOUND;
    const item = this.#item.at(found);
    item.expiry = view.expiry;
    this.items.use(found);
    view.resultCas = item.cas;
    return request.DONE;
  }

  /** The item for a meta command, made if it is missing and the request says so; 0 if there is none. */
  metaGet(view: RequestView): number {
    const { options } = view;
    let found = this.items.find(view);
    const isNew = found === 0;
    if (isNew && (options & request.VIVIFY) !== 0) found = this.#makeEmpty(view);
    if (found === 0) {
      this.#countGet(false, false);
      return 0;
    }
    const item = this.#item.at(found);
    const before = item.state;
    view.resultIdle = this.now - item.time;
    const ran = this.#run(view, item, isNew);
    const isStopped = (ran & STOPPED) !== 0;
    let won = (ran & ASKS_TO_FILL) !== 0;
    if ((before & layout.STALE) !== 0 && (before & layout.WON) === 0) won = true;
    view.resultState = before & ~layout.WON | (won ? layout.WON : 0) |
      ((before & layout.WON) !== 0 ? request.OTHER_WON : 0);
    if (won && !isStopped) item.state = before | layout.WON;
    if (!isStopped) this.#countGet((ran & TOUCHED) !== 0, true);
    const isUse = (options & request.NO_BUMP) === 0 &&
      !(isStopped && (options & request.COUNT_LATE) !== 0);
    if (isUse) this.items.use(found);
    return found;
  }

  /** An item without a value, for the client to fill; 0 without memory. */
  #makeEmpty(view: RequestView): number {
    const made = this.items.allocate(view, 0, 0);
    if (made === 0) return 0;
    this.#item.at(made).state = keyState(view);
    this.items.link(made);
    this.items.found = made;
    return made;
  }

  /** Does to the item what the flags of a meta command say, in their order. */
  #run(view: RequestView, item: ItemView, isNew: boolean): number {
    let ran = 0;
    for (let program = view.program; program !== 0; program >>>= request.STEP_BITS) {
      switch (program & ((1 << request.STEP_BITS) - 1)) {
        case request.STEP_TOUCH:
          item.expiry = view.expiry;
          ran |= TOUCHED;
          break;
        case request.STEP_VIVIFY:
          if (!isNew) break;
          item.expiry = view.vivifyExpiry;
          ran |= ASKS_TO_FILL;
          break;
        case request.STEP_RECACHE:
          if (isNew || (item.state & layout.WON) !== 0) break;
          if (item.expiry !== 0 && item.expiry < view.recacheTime) ran |= ASKS_TO_FILL;
          break;
        case request.STEP_TTL:
          view.resultTtl = ttlOf(item, this.now);
          break;
        case request.STEP_STOP:
          return ran | STOPPED;
      }
    }
    return ran;
  }

  /** The item as it is, for `me`: nothing is counted, nothing changed. */
  peek(view: RequestView): number {
    this.items.counters.cmd_meta++;
    const found = this.items.find(view);
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
    if (this.isTooLarge(keyLength, valueLength, view.flags)) return this.refuse(view);
    const address = this.reserve(view);
    if (address === 0) return request.NO_MEMORY;
    const start = address + HEADER_BYTES + keyLength;
    this.#bytes.copyWithin(start, view.valueAddress, view.valueAddress + valueLength);
    return this.#commit(view, address);
  }

  /** Whether an item would be larger than any may be. */
  isTooLarge(keyLength: number, valueLength: number, flags: number): boolean {
    return layout.memcachedBytes(keyLength, valueLength, flags) > this.maxItemBytes;
  }

  /**
   * A block for the item of the request, to be filled with its value and then committed or
   * discarded; 0 if there is no memory for it. It has the key, and `commit()` needs no other.
   */
  reserve(view: RequestView): number {
    const address = this.items.allocate(view, view.valueLength, view.flags);
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
    this.items.counters.cmd_set++;
    view.resultCas = 0;
    const item = this.#item.at(address);
    item.expiry = view.expiry;
    item.state = keyState(view);
    const { size } = this.items.table;
    const old = this.items.find(view);
    if (this.items.table.size < size) this.items.counters.reclaimed++;
    const outcome = old === 0 ? this.#storeNew(view, address) : this.#storeOver(view, address, old);
    if (outcome !== request.DONE) this.discard(address);
    return outcome;
  }

  /** An item of the size that the request asks for is never stored; says why. */
  refuse(view: RequestView): number {
    this.#giveUpOld(view);
    this.items.counters.store_too_large++;
    return request.TOO_LARGE;
  }

  /** Deletes the item, or marks it as stale. */
  remove(view: RequestView): number {
    const { counters } = this.items;
    const found = this.items.find(view);
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
      this.items.unlink(found);
      return request.DONE;
    }
    if ((view.options & request.TOUCH) !== 0) item.expiry = view.expiry;
    item.state = item.state & ~layout.WON | layout.STALE;
    item.cas = this.items.nextCas();
    return request.DONE;
  }

  /** Adds to the number that the item is, or subtracts. */
  arithmetic(view: RequestView): number {
    const { counters } = this.items;
    const decrements = (view.options & request.DECREMENT) !== 0;
    let found = this.items.find(view);
    if (found === 0) {
      if ((view.options & request.VIVIFY) !== 0) return this.#makeNumber(view);
      if (decrements) counters.decr_misses++;
      else counters.incr_misses++;
      return request.NOT_FOUND;
    }
    const item = this.#item.at(found);
    if (item.valueLength === 0) return request.NOT_NUMERIC;
    if (view.cas !== 0 && item.cas !== view.cas) return request.EXISTS;
    const before = this.#numberOf(item);
    if (before === undefined) return request.NOT_NUMERIC;
    const after = decrements
      ? before > view.delta ? before - view.delta : 0n
      : BigInt.asUintN(64, before + view.delta);
    if (decrements) counters.decr_hits++;
    else counters.incr_hits++;
    if (this.items.lender.isLent(found) || !this.#overwriteNumber(item, after)) {
      found = this.#replaceByNumber(view, found, after);
      if (found === 0) return request.NO_MEMORY;
    } else {
      item.cas = this.items.nextCas();
      this.items.keep(found);
    }
    this.#describe(view, found, after, 0);
    return request.DONE;
  }

  #makeNumber(view: RequestView): number {
    const made = this.#replaceByNumber(view, 0, view.initial);
    if (made === 0) return request.NO_MEMORY;
    this.#describe(view, made, view.initial, request.MADE);
    return request.DONE;
  }

  /** Makes all items go that are there now, or will be `delay` seconds from now. */
  flush(delay: number): void {
    this.items.flush(delay);
  }

  // ─── Inside ──────────────────────────────────────────────────────────────────────────────────

  #storeNew(view: RequestView, address: number): number {
    switch (view.mode) {
      case request.MODE_CAS:
        this.items.counters.cas_misses++;
        return request.NOT_FOUND;
      case request.MODE_REPLACE:
      case request.MODE_APPEND:
      case request.MODE_PREPEND:
        return request.NOT_STORED;
    }
    view.resultCas = this.items.link(address);
    return request.DONE;
  }

  #storeOver(view: RequestView, address: number, old: number): number {
    const { counters } = this.items;
    const oldItem = Item.at(this.#allocator, old);
    switch (view.mode) {
      case request.MODE_ADD:
        this.items.keep(old);
        return request.NOT_STORED;
      case request.MODE_CAS:
        if (oldItem.cas === view.cas) counters.cas_hits++;
        else if (
          (view.options & request.INVALIDATE) !== 0 && view.cas !== 0 && view.cas < oldItem.cas
        ) {
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
    this.items.unlink(old);
    view.resultCas = this.items.link(address);
    return request.DONE;
  }

  /** Appends or prepends: a new item of both values takes the place of the old one. */
  #storeJoined(view: RequestView, added: number): number {
    const addedLength = this.#item.at(added).valueLength;
    const { valueLength: oldLength, flags: oldFlags } = this.#item.at(this.items.find(view));
    const valueLength = oldLength + addedLength;
    if (this.isTooLarge(view.keyLength, valueLength, oldFlags)) return request.NOT_STORED;
    const joined = this.items.allocate(view, valueLength, 0);
    if (joined === 0) return request.NO_MEMORY;
    const old = this.items.find(view);
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
    this.items.unlink(old);
    this.discard(added);
    view.resultCas = this.items.link(joined);
    return request.DONE;
  }

  #outOfMemory(view: RequestView): void {
    this.#giveUpOld(view);
    this.items.counters.store_no_memory++;
  }

  /** A `set` that fails must not leave the old value behind, which the client takes for replaced. */
  #giveUpOld(view: RequestView): void {
    if (view.mode !== request.MODE_SET) return;
    const old = this.items.find(view);
    if (old !== 0) this.items.unlink(old);
  }

  /** The number in the item's value; undefined if it is none. */
  #numberOf(item: ItemView): bigint | undefined {
    const start = valueOf(item);
    return readUnsigned64(this.#bytes, start, start + item.valueLength);
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
    const { flags, expiry, state, valueLength } = old === 0
      ? { flags: 0, expiry: 0, state: keyState(view), valueLength: 0 }
      : this.#item.at(old);
    const text = number.toString();
    // A number that others read is not overwritten where it would fit, but must look as if it were.
    const length = Math.max(text.length, valueLength);
    const address = this.items.allocate(view, length, flags);
    if (address === 0) return 0;
    const item = this.#item.at(address);
    item.expiry = expiry;
    item.state = text.length <= valueLength ? state : state & layout.BINARY_KEY;
    const start = valueOf(item);
    writeValueNumber(this.#bytes, start, start + length, text);
    const still = this.items.table.find(view.keyAddress, view.keyLength, view.hash);
    if (still !== 0) this.items.unlink(still);
    this.items.link(address);
    return address;
  }

  /** Runs the flags of `ma` on the number, and tells what it is. */
  #describe(view: RequestView, address: number, number: bigint, state: number): void {
    const item = this.#item.at(address);
    view.resultNumber = number;
    view.resultCas = item.cas;
    view.resultState = state;
    if (view.program !== 0) this.#run(view, item, state === request.MADE);
  }
}

/** Of a program that ran: the item got another expiry. */
const TOUCHED = 1;
/** Of a program that ran: the client is to fill the item. */
const ASKS_TO_FILL = 2;
/** Of a program that ran: it was ended. */
const STOPPED = 4;

/** What the state of an item says of its key, from the request that makes it. */
function keyState(view: RequestView): number {
  return (view.options & request.KEY_IN_BASE64) === 0 ? 0 : layout.BINARY_KEY;
}

/** Where the item's value begins. */
function valueOf(item: ItemView): number {
  return item.address + HEADER_BYTES + item.keyLength;
}

function ttlOf(item: ItemView, now: number): number {
  return item.expiry === 0 ? -1 : item.expiry - now;
}
