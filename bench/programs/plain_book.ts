/**
 * The book of one symbol as a program without shared memory has it: the same rules as
 * examples/order_book/book.ts, over plain objects.
 *
 * @module
 */

/** Part of an order that was executed against one that rested. */
export interface Fill {
  readonly maker: number;
  readonly price: number;
  readonly quantity: number;
}

/** What became of an order. */
export interface Placed {
  readonly id: number;
  readonly resting: number;
  readonly fills: readonly Fill[];
}

/** The best levels, as price and quantity; executions so far, and the last of them. */
export interface Top {
  readonly bids: readonly (readonly [number, number])[];
  readonly asks: readonly (readonly [number, number])[];
  readonly trades: number;
  readonly last: Fill | null;
}

const DEPTH = 10;

interface Order {
  readonly id: number;
  readonly isBuy: boolean;
  readonly level: Level;
  quantity: number;
  next: Order | null;
  previous: Order | null;
}

interface Level {
  readonly price: number;
  quantity: number;
  first: Order | null;
  last: Order | null;
}

/** One symbol's orders. */
export class PlainBook {
  readonly #bids: Level[] = []; // by rising price
  readonly #asks: Level[] = []; // by falling price
  readonly #orders = new Map<number, Order>();
  #lastId = 0;
  #trades = 0;
  #last: Fill | null = null;

  /** The best levels of both sides, and how many executions there have been. */
  top(): Top {
    const best = (levels: readonly Level[]) => {
      return levels.slice(-DEPTH).reverse().map(({ price, quantity }) =>
        [price, quantity] as const
      );
    };
    return {
      bids: best(this.#bids),
      asks: best(this.#asks),
      trades: this.#trades,
      last: this.#last,
    };
  }

  /** Executes an order, and lets what is left of it rest if it is to. */
  place(isBuy: boolean, limit: number, quantity: number, rests: boolean): Placed {
    const id = ++this.#lastId;
    const levels = isBuy ? this.#asks : this.#bids;
    const fills: Fill[] = [];
    let left = quantity;
    for (let level = levels.at(-1); level !== undefined && left > 0; level = levels.at(-1)) {
      const { price } = level;
      if (isBuy ? price > limit : price < limit) break;
      const order = level.first!;
      const filled = Math.min(left, order.quantity);
      fills.push({ maker: order.id, price, quantity: filled });
      left -= filled;
      level.quantity -= filled;
      order.quantity -= filled;
      if (order.quantity === 0) this.#remove(levels, levels.length - 1, order);
    }
    this.#trades += fills.length;
    this.#last = fills.at(-1) ?? this.#last;
    if (rests && left > 0) this.#rest(isBuy, id, limit, left);
    return { id, resting: rests ? left : 0, fills };
  }

  /** Takes an order out. Returns what was left of it; 0 if it does not rest here. */
  cancel(id: number): number {
    const order = this.#orders.get(id);
    if (order === undefined) return 0;
    const levels = order.isBuy ? this.#bids : this.#asks;
    const index = indexOf(levels, order.isBuy, order.level.price);
    order.level.quantity -= order.quantity;
    this.#remove(levels, index, order);
    return order.quantity;
  }

  #rest(isBuy: boolean, id: number, price: number, quantity: number): void {
    const levels = isBuy ? this.#bids : this.#asks;
    const index = indexOf(levels, isBuy, price);
    let level = levels[index];
    if (level === undefined || level.price !== price) {
      level = { price, quantity: 0, first: null, last: null };
      levels.splice(index, 0, level);
    }
    const order: Order = { id, isBuy, level, quantity, next: null, previous: level.last };
    if (level.last === null) level.first = order;
    else level.last.next = order;
    level.last = order;
    level.quantity += quantity;
    this.#orders.set(id, order);
  }

  #remove(levels: Level[], index: number, order: Order): void {
    const { level, next, previous } = order;
    if (next === null) level.last = previous;
    else next.previous = previous;
    if (previous === null) level.first = next;
    else previous.next = next;
    if (level.first === null) levels.splice(index, 1);
    this.#orders.delete(order.id);
  }
}

function indexOf(levels: readonly Level[], isBuy: boolean, price: number): number {
  let low = 0;
  let high = levels.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = levels[middle]!.price;
    if (isBuy ? found < price : found > price) low = middle + 1;
    else high = middle;
  }
  return low;
}
