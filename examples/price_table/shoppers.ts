/**
 * What reads the table: on every shard, as fast as it can.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import { defineTasks, type Sharded, type Task } from "@tidepool/core";
import { type Prices, PRODUCTS } from "./price_table.ts";

/** What a shard has seen. */
export interface Shopping {
  /** How many prices it has looked up. */
  readonly lookups: number;
  /** How often two prices were not of one table: never, if the table is any good. */
  readonly mixed: number;
}

/**
 * Looks prices up for some time. All prices of a table are the same here, so that one which is not
 * would show.
 */
async function shop(everywhere: Sharded<Prices>, milliseconds: number): Promise<Shopping> {
  const prices = everywhere.local();
  const deadline = performance.now() + milliseconds;
  let lookups = 0;
  let mixed = 0;
  while (performance.now() < deadline) {
    const first = prices.price(0);
    for (let product = 1; product < PRODUCTS; product++) {
      if (prices.price(product) !== first) mixed++;
    }
    lookups += PRODUCTS;
    await setImmediate(); // other calls get their turn, and with them the next table
  }
  return { lookups, mixed };
}

export const shoppers: {
  readonly shop: Task<[everywhere: Sharded<Prices>, milliseconds: number], Shopping>;
} = defineTasks(import.meta.url, { shop });
