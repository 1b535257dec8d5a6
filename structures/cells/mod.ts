/**
 * Small structures, which one shard writes and others read: a struct, a list, a queue, immutable text and
 * bytes.
 *
 * @module
 */

export { QueueClosedError } from "./errors.ts";
export { QueueConsumer } from "./queue_consumer.ts";
export { QueueProducer } from "./queue_producer.ts";
export { SeqCell, seqCell, SeqCellType, type SeqCellView } from "./seq_cell.ts";
export { SeqCellReader } from "./seq_cell_reader.ts";
export {
  SharedQueue,
  sharedQueue,
  type SharedQueueOptions,
  SharedQueueType,
} from "./shared_queue.ts";
export { SharedBytes, type SharedBytesOperations } from "./shared_bytes.ts";
export { SharedText, type SharedTextOperations } from "./shared_text.ts";
export type { ImmutableContent } from "./immutable_block.ts";
export { SharedVector, sharedVector, SharedVectorType } from "./shared_vector.ts";
export { SharedVectorReader } from "./shared_vector_reader.ts";
export type { ElementsOf } from "./vector_elements.ts";
