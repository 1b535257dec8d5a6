/**
 * What clients of an order book do all day: orders around a price, most of which are cancelled.
 *
 * @module
 */
import { SeededRandom } from "../../tests/harness/seeded_random.ts";
import type { Placed } from "./plain_book.ts";

/** How many symbols are traded. */
export const BOOKS = 16;

/** What a client can do. On the thread of the book it gives the result, elsewhere a promise of it. */
export interface OrderEntry {
  place(
    book: number,
    isBuy: boolean,
    limit: number,
    quantity: number,
    rests: boolean,
  ): Placed | Promise<Placed>;
  cancel(book: number, id: number): number | Promise<number>;
}

/** How much was done. */
export interface Traffic {
  readonly commands: number;
  readonly milliseconds: number;
}

/** What came of a client's commands: two programs that follow the same rules have the same. */
export interface Outcome {
  readonly fills: number;
  readonly turnover: number;
  readonly cancelled: number;
}

/** A client has so many orders in the books, or a few more, before it cancels the oldest. */
const OPEN_ORDERS = 20;
const MIDDLE = 10_000;

/** A client, or a pipeline of one. */
class Trader {
  readonly #entry: OrderEntry;
  readonly #random: SeededRandom;
  readonly #open: { book: number; id: number }[] = [];
  #fills = 0;
  #turnover = 0;
  #cancelled = 0;

  constructor(entry: OrderEntry, seed: number) {
    this.#entry = entry;
    this.#random = new SeededRandom(seed);
  }

  get outcome(): Outcome {
    return { fills: this.#fills, turnover: this.#turnover, cancelled: this.#cancelled };
  }

  /** Makes one command and awaits its answer. */
  async command(): Promise<void> {
    const number = this.#random.next();
    if (this.#open.length > OPEN_ORDERS && number % 8 !== 0) {
      const { book, id } = this.#open.shift()!;
      const cancelled = await this.#entry.cancel(book, id);
      this.#cancelled += cancelled;
      return;
    }
    const book = (number >>> 3) % BOOKS;
    const isBuy = (number >>> 8) % 2 === 0;
    const quantity = 1 + (number >>> 9) % 100;
    const away = (number >>> 16) % 32 - 4;
    const kind = (number >>> 21) % 16;
    const limit = kind === 0 ? (isBuy ? Infinity : 0) : MIDDLE + (isBuy ? -away : away);
    const placed = await this.#entry.place(book, isBuy, limit, quantity, kind > 1);
    if (placed.resting > 0) this.#open.push({ book, id: placed.id });
    for (const { price, quantity } of placed.fills) {
      this.#fills++;
      this.#turnover += price * quantity;
    }
  }
}

/** Lets clients make commands for a while, so many of each in flight. */
export async function trade(
  entry: OrderEntry,
  clients: number,
  inFlight: number,
  milliseconds: number,
): Promise<Traffic> {
  let commands = 0;
  const begin = performance.now();
  const deadline = begin + milliseconds;
  const loop = async (trader: Trader) => {
    do {
      for (let turn = 0; turn < 8; turn++) await trader.command();
      commands += 8;
    } while (performance.now() < deadline);
  };
  const traders = Array.from({ length: clients }, (_, client) => new Trader(entry, client));
  await Promise.all(
    traders.flatMap((trader) => Array.from({ length: inFlight }, () => loop(trader))),
  );
  return { commands, milliseconds: performance.now() - begin };
}

/** Makes some commands, one at a time. */
export async function tradeAlone(entry: OrderEntry, commands: number): Promise<Outcome> {
  const trader = new Trader(entry, 1);
  for (let command = 0; command < commands; command++) await trader.command();
  return trader.outcome;
}
