// deno-lint-ignore-file no-console -- a command-line program
/** Shares work out between shards: `deno run --allow-read examples/primes/main.ts`. */
import { Runtime } from "@tidepool/core";
import { primes } from "./primes.ts";

await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });

const ranges = Array.from({ length: 10 }, (_, i) => [i * 10_000, (i + 1) * 10_000] as const);
const counts = await Promise.all(
  ranges.map(([from, to], i) => runtime.submitTo(i % runtime.shardCount, primes.count, from, to)),
);
console.log(`${counts.reduce((sum, count) => sum + count)} primes below 100,000`);
