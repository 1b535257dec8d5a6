// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task memcached-differential [sequences]`: random sequences of commands, 20,000 of each protocol
 * unless told otherwise, to servers of one and of two shards, every answer compared with that of a real
 * memcached. TIDEPOOL_SEED repeats a run.
 *
 * @module
 */

import { Server } from "../../../examples/memcached/server.ts";
import { runSeed } from "../../harness/seeded_random.ts";
import { compareSequences, PROTOCOLS } from "./random_sequences.ts";
import { RealMemcached } from "./real_memcached.ts";

const sequences = Number(Deno.args[0] ?? 20_000);
if (!Number.isInteger(sequences) || sequences < 1) {
  console.error(`Cannot compare ${Deno.args[0]} sequences: expected a whole number from 1`);
  Deno.exit(1);
}
const seed = runSeed();
Deno.env.set("TIDEPOOL_SEED", `${seed}`); // the same for all that follow
console.log(`Comparing ${sequences.toLocaleString("en-US")} sequences of each, seed ${seed}`);
for (const shards of [1, 2]) {
  await using real = await RealMemcached.start();
  await using server = await Server.start({ port: 0, shards, memory: 64 * 2 ** 20 * shards });
  const ports = { ours: server.port, memcached: real.port };
  for (const protocol of PROTOCOLS) {
    const begin = performance.now();
    await compareSequences(protocol, ports, sequences);
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    console.log(
      `${protocol}, ${shards} ${shards === 1 ? "shard" : "shards"}: no difference, ${seconds} s`,
    );
  }
}
