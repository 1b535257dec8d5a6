// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task memcached-verify [operations]`: a server and a verified run against it; a million commands
 * unless told otherwise. TIDEPOOL_SEED repeats a run.
 *
 * @module
 */

import { Server } from "../../../examples/memcached/server.ts";
import { runSeed } from "../../harness/seeded_random.ts";
import { verifiedRun } from "./verified_run.ts";

const operations = Number(Deno.args[0] ?? 1_000_000);
if (!Number.isInteger(operations) || operations < 1) {
  console.error(`Cannot verify ${Deno.args[0]} operations: expected a whole number from 1`);
  Deno.exit(1);
}
const seed = runSeed();
console.log(`Verifying ${operations.toLocaleString("en-US")} operations, seed ${seed}`);
await using server = await Server.start({ port: 0, shards: 2, memory: "256MiB" });
const begin = performance.now();
const result = await verifiedRun({ port: server.port, operations, connections: 16, seed });
const seconds = (performance.now() - begin) / 1000;
console.log(
  `${result.operations.toLocaleString("en-US")} operations in ${seconds.toFixed(1)} s: ` +
    `${result.valuesRead.toLocaleString("en-US")} values read, 0 lost, 0 wrong`,
);
