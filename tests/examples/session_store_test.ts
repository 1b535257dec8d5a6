/** The session store while its shards die and come back, and that the check of it would notice. */
import { assert, assertEquals } from "@std/assert";
import { runSeed } from "../harness/seeded_random.ts";
import { verifiedRun } from "./session_store/verified_run.ts";

Deno.test("session store: 64 connections and a shard killed every second: no wrong value, no other error, no early call", async () => {
  const seed = runSeed();
  const result = await verifiedRun(
    { shards: 4, connections: 64, seconds: 6, killEveryMs: 1000, seed },
  );
  const again = `Run it again with TIDEPOOL_SEED=${seed}`;
  assertEquals(result.faults, [], again);
  assert(result.kills >= 4 && result.requests > 1000, JSON.stringify(result));
  assert(result.pagesOfSomeDown > 0, JSON.stringify(result));
});
