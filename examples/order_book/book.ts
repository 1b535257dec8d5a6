/**
 * The book of one symbol, with price-time priority. Each side is an array of levels, the best at the
 * end; the orders of a level are a list through the orders themselves, the oldest first.
 *
 * @module
 */
import { Orders } from "./orders.ts";
import { TopWriter } from "./top.ts";

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
export interface Level {
  readonly rank: number; // the price; negative where lower prices are better
  quantity: number;
  first: number; // the place of the oldest order
  last: number;
}

export class Book {
  readonly top = new TopWriter();
  readonly #bids: Level[] = [];
  readonly #asks: Level[] = [];
  readonly #orders: Orders;

  constructor(capacity: number) {
    this.#orders = new Orders(capacity);
  }

  /** Executes an order; the rest of it then rests, if it is to and the book has a place for it. */
  place(isBuy: boolean, limit: number, quantity: number, rests: boolean): Placed {
    const place = rests ? this.#orders.take() : 0;
    const id = this.#orders.newId(place);
    const fills: Fill[] = [];
    this.top.begin();
    const left = quantity - this.#execute(!isBuy, isBuy ? -limit : limit, quantity, fills);
    if (left > 0 && place !== 0) this.#rest(place, id, isBuy, limit, left);
    else if (place !== 0) this.#orders.give(place);
    this.top.end();
    return { id, resting: place === 0 ? 0 : left, fills };
  }

  /** Takes an order out. Returns what was left of it; 0 if it does not rest here. */
  cancel(id: number): number {
    const place = this.#orders.find(id);
    if (place === 0) return 0;
    const { isBuy, price, quantity } = this.#orders.at(place);
    const levels = isBuy ? this.#bids : this.#asks;
    const index = indexOf(levels, isBuy ? price : -price);
    levels[index]!.quantity -= quantity;
    this.top.begin();
    this.#remove(levels, index, place);
    this.top.show(isBuy, levels, index);
    this.top.end();
    return quantity;
  }

  /** Fills from the orders of a side: the best price first, of one price the oldest order. */
  #execute(ofBuyers: boolean, worst: number, quantity: number, fills: Fill[]): number {
    const levels = ofBuyers ? this.#bids : this.#asks;
    let left = quantity;
    for (let level = levels.at(-1); left > 0 && level !== undefined; level = levels.at(-1)) {
      if (level.rank < worst) break;
      const order = this.#orders.at(level.first);
      const filled = Math.min(left, order.quantity);
      fills.push({ maker: order.id, price: order.price, quantity: filled });
      left -= filled;
      level.quantity -= filled;
      order.quantity -= filled;
      if (order.quantity === 0) this.#remove(levels, levels.length - 1, level.first);
    }
    if (fills.length > 0) {
      this.top.traded(fills);
      this.top.show(ofBuyers, levels, levels.length - 1);
    }
    return quantity - left;
  }

  #rest(place: number, id: number, isBuy: boolean, price: number, quantity: number): void {
    const levels = isBuy ? this.#bids : this.#asks;
    const rank = isBuy ? price : -price;
    const index = indexOf(levels, rank);
    let level = levels[index];
    if (level?.rank !== rank) {
      level = { rank, quantity: 0, first: place, last: 0 };
      levels.splice(index, 0, level);
    } else this.#orders.at(level.last).next = place;
    const order = this.#orders.at(place);
    order.id = id;
    order.price = price;
    order.quantity = quantity;
    order.next = 0;
    order.previous = level.last;
    order.isBuy = isBuy;
    level.last = place;
    level.quantity += quantity;
    this.top.show(isBuy, levels, index);
  }

  #remove(levels: Level[], index: number, place: number): void {
    const level = levels[index]!;
    const { next, previous } = this.#orders.at(place);
    if (next === 0) level.last = previous;
    else this.#orders.at(next).previous = previous;
    if (previous === 0) level.first = next;
    else this.#orders.at(previous).next = next;
    if (level.first === 0) levels.splice(index, 1);
    this.#orders.give(place);
  }

  [Symbol.dispose](): void {
    this.top[Symbol.dispose]();
    this.#orders[Symbol.dispose]();
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
