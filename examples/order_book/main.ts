// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task order-book [port] [shards]`: a market in every shard, over HTTP and WebSocket.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { market } from "./market.ts";

const SYMBOLS = ["ABC", "DEF", "GHI", "JKL", "MNO", "PQR", "STU", "VWX"];
const ORDERS_OF_A_BOOK = 100_000;

const [port = "8000", shards = String(navigator.hardwareConcurrency)] = Deno.args;
const stopped = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => stopped.resolve());
}
await using runtime = await Runtime.start({ shards: Number(shards), memory: "256MiB" });
await using markets = await runtime.startSharded(market, SYMBOLS, ORDERS_OF_A_BOOK);
await markets.invokeOnAll("watch", (await markets.map("tops")).flat());
const sharedPort = await markets.invokeOn(0, "listen", "127.0.0.1", Number(port));
const others = Array.from({ length: runtime.shardCount - 1 }, (_, index) => index + 1);
await markets.invokeOnSome(others, "listen", "127.0.0.1", sharedPort);
console.log(`Trading ${SYMBOLS.join(", ")} on http://127.0.0.1:${sharedPort}/`);
await Promise.race([stopped.promise, runtime.closed]);
