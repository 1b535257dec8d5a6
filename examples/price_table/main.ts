// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task price-table`: every shard reads one table of prices for a second, while its owner
 * changes all of them, over and over.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { type PriceChange, prices, PRODUCTS } from "./price_table.ts";
import { shoppers } from "./shoppers.ts";

const MILLISECONDS = 1000;

const format = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

await using runtime = await Runtime.start({ memory: "64MiB" });
await using everywhere = await runtime.startSharded(prices);

const priceAll = (price: number): PriceChange[] =>
  Array.from({ length: PRODUCTS }, (_, product) => [product, price]);
await everywhere.invokeOn(0, "update", priceAll(0));

let shopping = true;
const shopped = runtime
  .mapReduce(shoppers.shop, [everywhere, MILLISECONDS], { lookups: 0, mixed: 0 }, (sum, each) => ({
    lookups: sum.lookups + each.lookups,
    mixed: sum.mixed + each.mixed,
  }))
  .finally(() => shopping = false);

let updates = 0;
while (shopping) await everywhere.invokeOn(0, "update", priceAll(++updates));

const { lookups, mixed } = await shopped;
console.log(
  `${runtime.shardCount} shards looked up ${format.format(lookups)} prices in a second, ` +
    `while all of them changed ${format.format(updates)} times`,
);
console.log(`${mixed} times a shard saw prices of two tables at once`);
