/**
 * The book of one symbol, with price-time priority. A side is an array of levels, the best at its end;
 * the orders of a level are a list through the orders themselves, the oldest first. Orders are structs
 * in one block of the shard's slice, of which the garbage collector knows nothing. An id is 2^20 times
 * a running number plus the order's place there, so that no map is needed to find it.
 *
 * @module
 */
import { array, bool, f64, localAllocator, sizeOf, struct, u32, type ViewOf } from "@tidepool/core";
import { DEPTH, Top } from "./top.ts";

const Order = struct("Order", {
  id: f64, // 0 where no order rests
  price: u32,
  quantity: u32, // what is left of it
  next: u32, // the places of its neighbours in the queue of its price; 0: none
  previous: u32,
  isBuy: bool,
});
const ORDER_BYTES = sizeOf(Order);
const PLACES = 2 ** 20; // the first is never used

/** A part of an order, executed against one that rested, its maker. */
export interface Fill {
  readonly maker: number;
  readonly price: number;
  readonly quantity: number;
}

/** What became of an order. What was neither filled nor rests is cancelled. */
export interface Placed {
  readonly id: number;
  readonly resting: number;
  readonly fills: readonly Fill[];
}

/** All orders at one price of a side. */
interface Level {
  readonly rank: number; // the price; negative where lower prices are better
  quantity: number;
  first: number; // the place of the oldest order
  last: number;
}

export class Book {
  readonly top = Top.make();
  readonly #bids: Level[] = [];
  readonly #asks: Level[] = [];
  readonly #block: number;
  readonly #order = Order.view(localAllocator()); // of the order that is looked at
  #free = 0; // a list of places that are free again
  #used = 1;
  #count = 0;
  readonly #shown = [0, 0]; // levels of each side when it was shown

  /** @param capacity how many orders can rest, less than 2^20 */
  constructor(readonly capacity: number) {
    this.#block = array(Order, capacity + 1).make(localAllocator()).address;
  }

  /** Executes an order. The rest of it then rests, if it is to and there is a place for it. */
  place(isBuy: boolean, limit: number, quantity: number, rests: boolean): Placed {
    const fills = this.#execute(isBuy, limit, quantity);
    let left = quantity;
    for (const fill of fills) left -= fill.quantity;
    const place = rests && left > 0 ? this.#takePlace() : 0;
    const id = ++this.#count * PLACES + place;
    if (place !== 0) this.#rest(place, id, isBuy, limit, left);
    return { id, resting: place === 0 ? 0 : left, fills };
  }

  /** Takes an order out. Returns what was left of it; 0 if it does not rest here. */
  cancel(id: number): number {
    const place = id % PLACES;
    if (!(place > 0 && place < this.#used && this.#at(place).id === id)) return 0;
    const { isBuy, price, quantity } = this.#order;
    const levels = isBuy ? this.#bids : this.#asks;
    const index = indexOf(levels, isBuy ? price : -price);
    levels[index]!.quantity -= quantity;
    this.#remove(levels, index, place);
    this.#show(isBuy, index);
    return quantity;
  }

  #at(place: number): ViewOf<typeof Order> {
    return this.#order.at(this.#block + place * ORDER_BYTES);
  }

  #takePlace(): number {
    const place = this.#free;
    if (place === 0) return this.#used <= this.capacity ? this.#used++ : 0;
    this.#free = this.#at(place).next;
    return place;
  }

  /** Fills an order from the other side: the best price first, of one price the oldest order. */
  #execute(isBuy: boolean, limit: number, quantity: number): Fill[] {
    const levels = isBuy ? this.#asks : this.#bids;
    const worst = isBuy ? -limit : limit;
    const fills: Fill[] = [];
    let left = quantity;
    for (let level = levels.at(-1); left > 0 && level !== undefined; level = levels.at(-1)) {
      if (level.rank < worst) break;
      const order = this.#at(level.first);
      const filled = Math.min(left, order.quantity);
      fills.push({ maker: order.id, price: order.price, quantity: filled });
      left -= filled;
      level.quantity -= filled;
      order.quantity -= filled;
      if (order.quantity === 0) this.#remove(levels, levels.length - 1, level.first);
    }
    if (fills.length > 0) this.#show(!isBuy, levels.length - 1, fills);
    return fills;
  }

  #rest(place: number, id: number, isBuy: boolean, price: number, quantity: number): void {
    const levels = isBuy ? this.#bids : this.#asks;
    const rank = isBuy ? price : -price;
    const index = indexOf(levels, rank);
    let level = levels[index];
    if (level?.rank !== rank) {
      level = { rank, quantity: 0, first: place, last: 0 };
      levels.splice(index, 0, level);
    } else this.#at(level.last).next = place;
    const order = this.#at(place);
    order.id = id;
    order.price = price;
    order.quantity = quantity;
    order.next = 0;
    order.previous = level.last;
    order.isBuy = isBuy;
    level.last = place;
    level.quantity += quantity;
    this.#show(isBuy, index);
  }

  /** Takes an order from its level, and the level from its side if it was the last of it. */
  #remove(levels: Level[], index: number, place: number): void {
    const level = levels[index]!;
    const { next, previous } = this.#at(place);
    this.#order.id = 0;
    this.#order.next = this.#free;
    this.#free = place;
    if (next === 0) level.last = previous;
    else this.#at(next).previous = previous;
    if (previous === 0) level.first = next;
    else this.#at(previous).next = next;
    if (level.first === 0) levels.splice(index, 1);
  }

  /** Shows all shards that a level has changed, has come or has gone, and what was traded. */
  #show(isBuy: boolean, index: number, fills: readonly Fill[] = []): void {
    const levels = isBuy ? this.#bids : this.#asks;
    const best = levels.length - 1;
    const first = Math.max(0, best - index);
    const end = levels.length === this.#shown[+isBuy] ? first + 1 : DEPTH; // else rows have moved
    this.#shown[+isBuy] = levels.length;
    if (first >= DEPTH) return;
    this.top.update((top) => {
      const prices = isBuy ? top.bidPrices : top.askPrices;
      const quantities = isBuy ? top.bidQuantities : top.askQuantities;
      for (let row = first; row < end; row++) {
        const level = row <= best ? levels[best - row] : undefined;
        prices.set(row, Math.abs(level?.rank ?? 0));
        quantities.set(row, level?.quantity ?? 0);
      }
      if (fills.length === 0) return;
      top.trades += fills.length;
      top.lastPrice = fills.at(-1)!.price;
      top.lastQuantity = fills.at(-1)!.quantity;
    });
  }

  [Symbol.dispose](): void {
    this.top[Symbol.dispose]();
    localAllocator().free(this.#block);
  }
}

/** Where the level of that rank is, or is to be put. */
function indexOf(levels: readonly Level[], rank: number): number {
  let low = 0;
  let high = levels.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (levels[middle]!.rank < rank) low = middle + 1;
    else high = middle;
  }
  return low;
}
