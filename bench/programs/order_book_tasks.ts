/**
 * The clients of `order_book_tidepool.ts`, on the shards.
 *
 * @module
 */
import { defineTasks, type Sharded, type Task, thisShard } from "@tidepool/core";
import type { Market } from "../../examples/order_book/market.ts";
import { booksBeside, threadOf, timeEach } from "./order_book_peer.ts";
import { type OrderEntry, type Outcome, trade, tradeAlone, type Traffic } from "./order_traffic.ts";

interface OrderBookTasks {
  readonly tradeAlone: Task<[Sharded<Market>, number], Outcome>;
  readonly trade: Task<[Sharded<Market>, number, number, number], Traffic>;
  readonly timeTops: Task<[Sharded<Market>, number], number>;
  readonly timeCalls: Task<[Sharded<Market>, number], number>;
}

/** What a shard is asked. */
export const orderBookTasks: OrderBookTasks = defineTasks(import.meta.url, {
  tradeAlone(markets: Sharded<Market>, commands: number) {
    return tradeAlone(entryOf(markets), commands);
  },
  trade(markets: Sharded<Market>, clients: number, inFlight: number, milliseconds: number) {
    return trade(entryOf(markets), clients, inFlight, milliseconds);
  },
  timeTops,
  timeCalls(markets: Sharded<Market>, milliseconds: number) {
    const ask = (book: number) => markets.invokeOn(threadOf(book), "top", book);
    return timeEach(ask, booksBeside(thisShard()), milliseconds);
  },
});

function entryOf(markets: Sharded<Market>): OrderEntry {
  return {
    place: (book, isBuy, limit, quantity, rests) => {
      return markets.at(book).place(book, isBuy, limit, quantity, rests);
    },
    cancel: (book, id) => markets.at(book).cancel(book, id),
  };
}

function timeTops(markets: Sharded<Market>, milliseconds: number): number {
  const market = markets.local();
  const books = booksBeside(thisShard());
  const begin = performance.now();
  let reads = 0;
  let trades = 0;
  do {
    for (let turn = 0; turn < 256; turn++) {
      trades += market.top(books[reads++ % books.length]!).trades;
    }
  } while (performance.now() - begin < milliseconds);
  if (!Number.isInteger(trades)) throw new Error(`The tops have had ${trades} trades`);
  return (performance.now() - begin) * 1e6 / reads;
}
