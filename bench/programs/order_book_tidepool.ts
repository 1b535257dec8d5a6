/**
 * examples/order_book, with clients on every shard.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { market } from "../../examples/order_book/market.ts";
import { type OrderBookPeer, sumOf, THREADS } from "./order_book_peer.ts";
import { orderBookTasks } from "./order_book_tasks.ts";
import { BOOKS } from "./order_traffic.ts";

const SYMBOLS = Array.from({ length: BOOKS }, (_, book) => `SYMBOL${book}`);
const ORDERS_OF_A_BOOK = 100_000;

/** Starts the market, without its servers. */
export async function openTidepool(): Promise<OrderBookPeer> {
  const runtime = await Runtime.start({ shards: THREADS, memory: "256MiB" });
  const markets = await runtime.startSharded(market, SYMBOLS, ORDERS_OF_A_BOOK);
  await markets.invokeOnAll("watch", (await markets.map("tops")).flat());
  return {
    tradeAlone: (commands) => runtime.submitTo(0, orderBookTasks.tradeAlone, markets, commands),
    trade: async (...how) => sumOf(await runtime.map(orderBookTasks.trade, markets, ...how)),
    timeTops: (isWhole, milliseconds) => {
      return runtime.submitTo(0, orderBookTasks.timeTops, markets, isWhole, milliseconds);
    },
    timeCalls: (milliseconds) => {
      return runtime.submitTo(0, orderBookTasks.timeCalls, markets, milliseconds);
    },
    close: () => runtime.stop(),
  };
}
