/**
 * The clients of `order_book_tidepool.ts`, on the shards.
 *
 * @module
 */
import { defineTasks, type Sharded, type Task, thisShard } from "@tidepool/core";
import type { Market } from "../../examples/order_book/market.ts";
import { Top } from "../../examples/order_book/top.ts";
import { booksBeside, threadOf, timeEach } from "./order_book_peer.ts";
import { type OrderEntry, type Outcome, trade, tradeAlone, type Traffic } from "./order_traffic.ts";

interface OrderBookTasks {
  readonly tradeAlone: Task<[Sharded<Market>, number], Outcome>;
  readonly trade: Task<[Sharded<Market>, number, number, number], Traffic>;
  readonly timeTops: Task<[Sharded<Market>, boolean, number], number>;
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

/** Reads whole tops of another shard's books, or the best prices and the last trade of each. */
async function timeTops(
  markets: Sharded<Market>,
  isWhole: boolean,
  milliseconds: number,
): Promise<number> {
  const owned = (await markets.map("tops")).flat();
  const books = booksBeside(thisShard());
  const readers = owned.filter(([book]) => books.includes(book))
    .map(([, address]) => Top.reader(address));
  const begin = performance.now();
  let reads = 0;
  let sum = 0;
  do {
    for (let turn = 0; turn < 256; turn++) {
      const reader = readers[reads++ % readers.length]!;
      if (isWhole) sum += reader.read().trades;
      else {
        const top = reader.view();
        sum += top.bidPrices.get(0) + top.askPrices.get(0) + top.lastPrice + top.lastQuantity;
      }
    }
  } while (performance.now() - begin < milliseconds);
  const nanoseconds = (performance.now() - begin) * 1e6 / reads;
  if (!(sum > 0)) throw new Error("Nothing was traded in those books");
  for (const reader of readers) reader[Symbol.dispose]();
  return nanoseconds;
}
