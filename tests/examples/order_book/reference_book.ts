/**
 * What an order book is, in the plainest words: a list of orders by their arrival, looked through
 * for every command.
 *
 * @module
 */

interface RestingOrder {
  readonly number: number;
  readonly isBuy: boolean;
  readonly price: number;
  quantity: number;
}

/** An execution: against which order, at which price, how much. */
export type ReferenceFill = [maker: number, price: number, quantity: number];

/** One symbol's orders, known by numbers that the caller gives them. */
export class ReferenceBook {
  #resting: RestingOrder[] = [];
  readonly #capacity: number;
  /** How many executions there have been, and the last of them. */
  trades = 0;
  last: [price: number, quantity: number] = [0, 0];
  /** How many orders found no room to rest. */
  refused = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The numbers of the orders that rest. */
  get numbers(): number[] {
    return this.#resting.map(({ number }) => number);
  }

  /** Returns what of the order rests, and its executions. */
  place(
    number: number,
    isBuy: boolean,
    limit: number,
    quantity: number,
    rests: boolean,
  ): { resting: number; fills: ReferenceFill[] } {
    const fills: ReferenceFill[] = [];
    let left = quantity;
    for (const maker of this.#bestFirst(!isBuy)) {
      const { price } = maker;
      if (left === 0 || (isBuy ? price > limit : price < limit)) break;
      const filled = Math.min(left, maker.quantity);
      maker.quantity -= filled;
      left -= filled;
      fills.push([maker.number, price, filled]);
      this.trades++;
      this.last = [price, filled];
    }
    this.#resting = this.#resting.filter((order) => order.quantity > 0);
    const resting = rests && this.#resting.length < this.#capacity ? left : 0;
    if (rests && resting < left) this.refused++;
    if (resting > 0) this.#resting.push({ number, isBuy, price: limit, quantity: left });
    return { resting, fills };
  }

  /** Returns what was left of the order; 0 if it does not rest. */
  cancel(number: number): number {
    const order = this.#resting.find((order) => order.number === number);
    this.#resting = this.#resting.filter((each) => each !== order);
    return order?.quantity ?? 0;
  }

  /** The prices of a side and how much there is at each, the best first, in two lists of that length. */
  levels(isBuy: boolean, length: number): [prices: number[], quantities: number[]] {
    const levels = new Map<number, number>();
    for (const { price, quantity } of this.#bestFirst(isBuy)) {
      levels.set(price, (levels.get(price) ?? 0) + quantity);
    }
    const fill = (numbers: Iterable<number>) =>
      Array.from({ ...[...numbers].slice(0, length), length }, (number) => number ?? 0);
    return [fill(levels.keys()), fill(levels.values())];
  }

  /** The sort is stable, so that orders of one price stay in the order of their arrival. */
  #bestFirst(isBuy: boolean): RestingOrder[] {
    return this.#resting.filter((order) => order.isBuy === isBuy)
      .sort((a, b) => isBuy ? b.price - a.price : a.price - b.price);
  }
}
