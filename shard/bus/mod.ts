/**
 * The message bus: rings, records, codecs and the one place that sleeps. Only `shard/` uses it.
 *
 * @module
 */

export * from "./errors.ts";
export {
  type BusStatistics,
  type Callable,
  MAX_WAITING_CALLS,
  MessageBus,
  type MessageBusOptions,
  readBusStatistics,
} from "./message_bus.ts";
export { ringBytes } from "./ring_layout.ts";
export { type ErrorClass, registerErrorClass, ValueCodec } from "./value_codec.ts";
export { attend, Doorbells } from "./wait_strategy.ts";
export type { WireType } from "./wire_type.ts";
