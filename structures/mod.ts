/**
 * Structures in shared memory: the owner writes, every shard reads, nobody locks. They live in their
 * owner's slice, and are read where they lie, from any shard, without a message.
 *
 * @module
 */

export { StaleStructureError } from "./readers/mod.ts";
export {
  codec,
  type CodecOptions,
  type MapKey,
  type MapKeyType,
  type MapValue,
  type MapValueInit,
  type MapValueType,
  type MapValueView,
  SharedMap,
  sharedMap,
  type SharedMapDefinition,
  type SharedMapOptions,
  SharedMapReader,
  type ValueCodec,
} from "./map/mod.ts";
export {
  type ElementsOf,
  type ImmutableContent,
  QueueClosedError,
  QueueConsumer,
  QueueProducer,
  SeqCell,
  seqCell,
  SeqCellReader,
  SeqCellType,
  type SeqCellView,
  SharedBytes,
  type SharedBytesOperations,
  SharedQueue,
  sharedQueue,
  type SharedQueueOptions,
  SharedQueueType,
  SharedText,
  type SharedTextOperations,
  SharedVector,
  sharedVector,
  SharedVectorReader,
  SharedVectorType,
} from "./cells/mod.ts";
export {
  type CacheLimits,
  type CacheSetOptions,
  type CacheStatistics,
  type EvictReason,
  SharedCache,
  sharedCache,
  type SharedCacheDefinition,
  type SharedCacheOptions,
  SharedCacheReader,
} from "./cache/mod.ts";
export {
  type MapUpdates,
  PartitionedMap,
  partitionedMap,
  type PartitionedMapDefinition,
  type PartitionedMapOf,
  type PartitionedMapOptions,
  type UpdateArguments,
  type UpdateResult,
} from "./partitioned/mod.ts";
