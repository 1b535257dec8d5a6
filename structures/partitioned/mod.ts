/**
 * Maps over all shards: each shard changes the entries that belong to it, every shard reads all of them.
 *
 * @module
 */

import "./partitioned_wire_type.ts";

export { PartitionedMap } from "./partitioned_map.ts";
export {
  partitionedMap,
  type PartitionedMapDefinition,
  type PartitionedMapOf,
  type PartitionedMapOptions,
} from "./partitioned_map_definition.ts";
export type { MapUpdates, UpdateArguments, UpdateResult } from "./updates.ts";
