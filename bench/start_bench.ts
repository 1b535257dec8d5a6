/**
 * What it takes to have shards: a runtime started and stopped, with the library already compiled.
 *
 * Run it with `deno bench --no-check --allow-read bench/start_bench.ts`.
 */
import { Runtime } from "../mod.ts";

for (const shards of [2, 8]) {
  Deno.bench({
    name: `${shards} shards`,
    group: "start",
    n: 10,
    warmup: 2,
    async fn(bench) {
      bench.start();
      const runtime = await Runtime.start({ shards, memory: "64MiB" });
      bench.end();
      await runtime.stop();
    },
  });
}
