// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task session-store-verify [seconds]`: 64 connections to the session store, and a shard killed every
 * second; for a minute unless told otherwise. TIDEPOOL_SEED repeats a run's choices.
 *
 * @module
 */

import { runSeed } from "../../harness/seeded_random.ts";
import { verifiedRun } from "./verified_run.ts";

const seconds = Number(Deno.args[0] ?? 60);
if (!(seconds > 0)) {
  console.error(`Cannot verify for ${Deno.args[0]} seconds: expected a number above 0`);
  Deno.exit(1);
}
const seed = runSeed();
console.log(`Verifying for ${seconds} s, seed ${seed}`);
// So many shards that none dies six times a minute, which ends a runtime.
const { faults, ...figures } = await verifiedRun(
  { shards: 16, connections: 64, seconds, killEveryMs: 1000, seed },
);
console.log(figures);
for (const fault of faults) console.error(fault);
console.log(`${faults.length} faults`);
Deno.exitCode = faults.length > 0 ? 1 : 0;
