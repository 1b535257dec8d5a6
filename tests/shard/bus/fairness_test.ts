import { Runtime } from "@tidepool/core";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { fairnessTasks } from "./fairness_tasks.ts";

Deno.test("a flooded shard answers its own HTTP server, each of 500 requests within a second", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "32MiB" });
  const port = await runtime.submitTo(0, fairnessTasks.serve);
  const flood = runtime.submitTo(1, fairnessTasks.flood, 0);
  let slowest = 0;
  for (let request = 0; request < 500; request++) {
    const start = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assertEquals(await response.text(), "tide");
    slowest = Math.max(slowest, performance.now() - start);
  }
  await runtime.submitTo(1, fairnessTasks.enough);
  assertGreater(await flood, 1000); // or it was no flood
  await runtime.submitTo(0, fairnessTasks.close);
  assert(slowest < 1000, `the slowest request took ${slowest} ms`);
});
