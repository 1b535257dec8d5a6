/**
 * Structures in shared memory: the owner writes, every shard reads, nobody locks. They live in their
 * owner's slice, and are read where they lie, from any shard, without a message.
 *
 * @module
 */

export {
  type ElementsOf,
  QueueClosedError,
  QueueConsumer,
  QueueProducer,
  SeqCell,
  seqCell,
  SeqCellReader,
  SeqCellType,
  type SeqCellView,
  SharedQueue,
  sharedQueue,
  type SharedQueueOptions,
  SharedQueueType,
  SharedVector,
  sharedVector,
  SharedVectorReader,
  SharedVectorType,
} from "./cells/mod.ts";
