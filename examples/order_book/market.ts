/**
 * The books, each on the shard that its number belongs to, which alone changes it. The tops of all are
 * read by every shard, where they lie.
 *
 * @module
 */
import { BusyError, containerOf, defineService } from "@tidepool/core";
import { NoShardedInstanceError, thisShard } from "@tidepool/core";
import { shardOf } from "@tidepool/core/shard";
import { Book, type Fill, type Placed } from "./book.ts";
import { Server } from "./server.ts";
import { Top } from "./top.ts";

/** What a shard has of the market. A book's number is the place of its symbol in the list. */
export class Market {
  readonly #books = new Map<number, Book>();
  readonly #followers = new Map<number, Set<number>>(); // the shards that hear of a book's trades
  readonly #server = new Server(this);
  readonly #tops = new Map<number, ReturnType<typeof Top.reader>>();

  /** @param capacity how many orders can rest in a book */
  constructor(readonly symbols: readonly string[], capacity: number) {
    for (const book of symbols.keys()) {
      if (shardOf(book) === thisShard()) this.#books.set(book, new Book(capacity));
    }
  }

  /** Where the tops of this shard's books are. */
  tops(): [book: number, address: number][] {
    return Array.from(this.#books, ([book, { top }]) => [book, top.address]);
  }

  /** Reads tops from now on. @param tops of all books */
  watch(tops: [book: number, address: number][]): void {
    for (const [book, address] of tops) this.#tops.set(book, Top.reader(address));
  }

  /** Serves from now on. Returns the port, which the system chooses if it is 0. */
  listen(hostname: string, port: number): number {
    return this.#server.listen(hostname, port);
  }

  /** The top of any book, without a message. */
  top(book: number) {
    return this.#tops.get(book)!.read();
  }

  /** As `Book.place()`, on the book's shard. The arguments fit a message without a block. */
  place(book: number, isBuy: boolean, limit: number, quantity: number, rests: boolean): Placed {
    const placed = this.#books.get(book)!.place(isBuy, limit, quantity, rests);
    if (placed.fills.length > 0) void this.#announce(book, placed);
    return placed;
  }

  cancel(book: number, id: number): number {
    return this.#books.get(book)!.cancel(id);
  }

  /** Tells a shard of the book's trades from now on. */
  follow(book: number, shard: number): void {
    this.#followers.getOrInsertComputed(book, () => new Set()).add(shard);
  }

  async #announce(book: number, { id, fills }: Placed): Promise<void> {
    const shards = this.#followers.get(book);
    if (shards === undefined) return;
    const { trades } = this.#books.get(book)!.top.view();
    try {
      await containerOf<Market>(this).invokeOnSome([...shards], "tell", book, trades, id, fills);
    } catch (error) {
      // A shard that is too slow misses trades, and sees that by their number; one that stops does too.
      if (!(error instanceof BusyError || error instanceof NoShardedInstanceError)) throw error;
    }
  }

  tell(book: number, trades: number, taker: number, fills: readonly Fill[]): void {
    this.#server.tell(book, { symbol: this.symbols[book], trades, taker, fills });
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  [Symbol.dispose](): void {
    for (const book of this.#books.values()) book[Symbol.dispose]();
  }
}

export const market = defineService(import.meta.url, "market", Market);
