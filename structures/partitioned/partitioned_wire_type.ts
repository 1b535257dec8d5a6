/**
 * How partitioned maps travel: as the number of their service, and the fingerprint of their definition.
 *
 * @module
 */

import { Sharded } from "../../shard/mod.ts";
import { registerRepeatable, registerWireType } from "../../shard/unstable_layers.ts";
import { PartitionedMap } from "./partitioned_map.ts";

registerRepeatable(PartitionedMap);
registerWireType({
  name: "PartitionedMap",
  module: import.meta.url,
  bind: (endpoint) => ({
    class: PartitionedMap,
    words: 3,
    write(map: PartitionedMap<unknown, unknown>, words: Int32Array, at: number) {
      const [number, fingerprint] = PartitionedMap["wireOf"](endpoint, map);
      words[at] = number;
      words[at + 1] = Number(BigInt.asIntN(32, fingerprint));
      words[at + 2] = Number(BigInt.asIntN(32, fingerprint >> 32n));
    },
    moved: () => {}, // a name stays where it is, too
    read(words: Int32Array, at: number) {
      const [number, low, high] = words.subarray(at, at + 3);
      const fingerprint = BigInt(high! >>> 0) << 32n | BigInt(low! >>> 0);
      const service = Sharded["ofId"]<never>(endpoint, number!, `partitioned map ${number}`);
      return new PartitionedMap(endpoint, service, fingerprint);
    },
    undelivered: () => {},
  }),
});
