import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Runtime } from "@tidepool/core";
import { OWNER, prices, PRODUCTS } from "../../examples/price_table/price_table.ts";
import { shoppers } from "../../examples/price_table/shoppers.ts";

const SHARDS = 3;

Deno.test("every shard sees a change when update() resolves, whoever has made it", async () => {
  await using runtime = await Runtime.start({ shards: SHARDS, memory: "16MiB" });
  await using everywhere = await runtime.startSharded(prices);
  await assertRejects(
    () => everywhere.invokeOn(1, "price", 0),
    Error,
    "There are no prices before the first update",
  );
  await everywhere.invokeOn(2, "update", [[7, 1.5], [8, 2.5]]);
  assertEquals(await everywhere.map("price", 7), [1.5, 1.5, 1.5]);
  await everywhere.invokeOn(OWNER, "update", [[7, 3]]);
  assertEquals(await everywhere.map("price", 7), [3, 3, 3]);
  assertEquals(await everywhere.map("price", 8), [2.5, 2.5, 2.5]); // as it was
  await assertRejects(() => everywhere.invokeOn(1, "update", [[PRODUCTS, 1]]), RangeError);
  assertEquals(await everywhere.map("price", 7), [3, 3, 3]);
});

Deno.test("updates at once lose none, and leave one table in memory", async () => {
  await using runtime = await Runtime.start({ shards: SHARDS, memory: "16MiB" });
  await using everywhere = await runtime.startSharded(prices);
  await everywhere.invokeOn(OWNER, "update", []);
  const { liveBlocks, usedBytes } = runtime.memoryStatistics(OWNER);
  await Promise.all(Array.from({ length: 50 }, (_, product) => {
    return everywhere.invokeOn(product % SHARDS, "update", [[product, product + 1]]);
  }));
  for (let product = 0; product < 50; product++) {
    assertEquals(await everywhere.map("price", product), Array(SHARDS).fill(product + 1));
  }
  const after = runtime.memoryStatistics(OWNER);
  assertEquals([after.liveBlocks, after.usedBytes], [liveBlocks, usedBytes]);
});

Deno.test("no shard ever sees prices of two tables at once", async () => {
  await using runtime = await Runtime.start({ shards: SHARDS, memory: "16MiB" });
  await using everywhere = await runtime.startSharded(prices);
  const priceAll = (price: number) =>
    everywhere.invokeOn(
      OWNER,
      "update",
      Array.from({ length: PRODUCTS }, (_, product) => [product, price] as const),
    );
  await priceAll(0);
  const shopped = runtime.mapReduce(
    shoppers.shop,
    [everywhere, 300],
    [] as number[],
    (all, { mixed, lookups }) => {
      assert(lookups > 0);
      return [...all, mixed];
    },
  );
  for (let update = 1; update <= 50; update++) await priceAll(update);
  assertEquals(await shopped, Array(SHARDS).fill(0));
});

Deno.test("price-table runs, and ends by itself", async () => {
  const main = new URL("../../examples/price_table/main.ts", import.meta.url).href;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "--allow-read", main],
    stderr: "inherit",
    signal: AbortSignal.timeout(20_000), // only to fail instead of hanging
  }).output();
  assertEquals(code, 0);
  const [figures, mixed] = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assertMatch(
    figures!,
    /^\d+ shards looked up [\d,]+ prices in a second, while all of them changed [\d,]+ times$/,
  );
  assertEquals(mixed, "0 times a shard saw prices of two tables at once");
});
