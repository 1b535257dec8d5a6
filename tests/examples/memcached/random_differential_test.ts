/** Random sequences of commands, answered as by a real memcached: `deno task memcached-differential`. */

import { Server } from "../../../examples/memcached/server.ts";
import { compareSequences, PROTOCOLS } from "./random_sequences.ts";
import { RealMemcached, testWith } from "./real_memcached.ts";

/** Of each protocol, to each server. */
const SEQUENCES = 300;

for (const shards of [1, 2]) {
  testWith(
    "memcached",
    "memcached",
    `memcached, ${shards} ${
      shards === 1 ? "shard" : "shards"
    }: random sequences are answered as by memcached`,
    async (t) => {
      await using real = await RealMemcached.start();
      await using server = await Server.start({ port: 0, shards, memory: 64 * 2 ** 20 * shards });
      const ports = { ours: server.port, memcached: real.port };
      for (const protocol of PROTOCOLS) {
        await t.step(protocol, () => compareSequences(protocol, ports, SEQUENCES));
      }
    },
  );
}
