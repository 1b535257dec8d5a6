/** A verified run, and that it would notice. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { runSeed } from "../../harness/seeded_random.ts";
import { TestServer } from "./test_server.ts";
import { verifiedRun } from "./verified_run.ts";

Deno.test("memcached: 40,000 random commands on 8 connections, every answer as it must be", async () => {
  const seed = runSeed();
  await using test = await TestServer.start(2, 64 * 2 ** 20);
  try {
    const run = { port: test.port, operations: 40_000, connections: 8, seed };
    const { operations, valuesRead } = await verifiedRun(run);
    assertEquals(operations, 40_000);
    assert(valuesRead > 10_000);
  } catch (cause) {
    throw new Error(`Seed ${seed}: run it again with TIDEPOOL_SEED=${seed}`, { cause });
  }
});

Deno.test("memcached: a verified run notices a value that is lost", async () => {
  await using test = await TestServer.start(2, 64 * 2 ** 20);
  using saboteur = await test.connect();
  let flushed: Promise<string> | undefined;
  const run = verifiedRun({
    port: test.port,
    operations: 20_000,
    connections: 2,
    seed: 1,
    onProgress: (operations) => {
      if (operations > 5000) flushed ??= saboteur.ask("flush_all\r\n");
    },
  });
  await assertRejects(() => run, Error, "A wrong answer to ");
  assertEquals(await flushed, "OK\r\n");
});
