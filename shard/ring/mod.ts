/**
 * The shared memory that messages go through: rings, records, control pages, and the one place that
 * sleeps.
 *
 * @module
 */

export { Arrivals } from "./arrivals.ts";
export {
  BATCHES,
  type BusStatistics,
  CALLS_DELAYED,
  CALLS_RECEIVED,
  CALLS_SENT,
  CALLS_WAITING,
  COUNTER_COUNT,
  readBusStatistics,
  REPLIES_RECEIVED,
  REPLIES_SENT,
  SLEEPS,
  WAKE_UPS,
} from "./bus_statistics.ts";
export {
  CHANGES_SEEN_BYTES,
  CONTROL_PAGE_BYTES,
  COUNTERS_BYTES,
  EPOCH_BYTES,
  HEARTBEAT_BYTES,
  LATENCIES_BYTES,
  OBITUARY_BYTES,
  OBITUARY_CAPACITY_BYTES,
  OBITUARY_LENGTH_BYTES,
  PARKED_BYTES,
  PENDING_BYTES,
  RETURNS_BYTES,
  SENDERS_PER_LINE,
  STATE_BYTES,
  STATE_DEAD,
  STATE_OPENING,
  STATE_RUNNING,
  STATE_STUCK,
} from "./control_page.ts";
export { BUCKET_COUNT, LatencyHistogram, type LatencyStatistics } from "./latency_histogram.ts";
export {
  BLOCK_ASCII,
  BLOCK_BYTES,
  BLOCK_LENGTH_WORD,
  BLOCK_UTF8,
  BLOCK_VALUES,
  CALL_WORD,
  CELL_COUNT,
  CELLS_WORD,
  DETACHED_WORD,
  FLAG_CANCELLABLE,
  FLAG_IN_REQUEST,
  FLAG_INTRODUCES,
  FLAG_LATE,
  FLAG_NO_REPLY,
  FLAG_OUT_OF_LINE,
  FLAG_PARCELS,
  INLINE_VALUES,
  KIND_ACK,
  KIND_ASK,
  KIND_CANCEL,
  KIND_ERROR,
  KIND_GRANT,
  KIND_PACKED_ERROR,
  KIND_REQUEST,
  KIND_RESULT,
  KIND_WARNING,
  KIND_WORD,
  kindOf,
  kindWord,
  RECORD_BYTES,
  RECORD_WORDS,
  TAG_BIGINT,
  TAG_FALSE,
  TAG_LATIN1,
  TAG_NULL,
  TAG_NUMBER,
  TAG_TRUE,
  TAG_UNDEFINED,
  TAG_WIRE,
  TAGS_WORD,
  TASK_WORD,
  valueCountOf,
} from "./record_layout.ts";
export { RING_HEAD_BYTES, ringBytes } from "./ring_layout.ts";
export { RingConsumer, RingProducer } from "./spsc_ring.ts";
export { Spinner } from "./spinner.ts";
export {
  announce,
  announceOneMore,
  attend,
  Doorbells,
  immediate,
  untilMoreThan,
  waitUntilAtLeast,
} from "./wait_strategy.ts";
