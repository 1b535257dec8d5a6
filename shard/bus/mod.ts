/**
 * The message bus: rings, records, codecs and the one place that sleeps. Only `shard/` uses it.
 *
 * @module
 */

export { Arrivals } from "./arrivals.ts";
export * from "./control_page.ts";
export * from "./errors.ts";
export { type BusStatistics, readBusStatistics } from "./bus_statistics.ts";
export type { LatencyStatistics } from "./latency_histogram.ts";
export { ErrorPacker } from "./error_packer.ts";
export { type Failures, sumOf, unpackFailures } from "./failure_log.ts";
export { MAX_WAITING_CALLS } from "./caller.ts";
export type { Callable } from "./callable.ts";
export { MessageBus } from "./message_bus.ts";
export { transfer, Transferred } from "./parcels.ts";
export { type Link, LinkedQueue } from "./linked_queue.ts";
export { CallHandle } from "./peer.ts";
export { rejected } from "./rejection.ts";
export { RING_HEAD_BYTES, ringBytes } from "./ring_layout.ts";
export { type ErrorClass, registerErrorClass, ValueCodec } from "./value_codec.ts";
export { attend, Doorbells, Spinner, waitUntilAtLeast } from "./wait_strategy.ts";
export { classNameOf, isError, messageOf, nameOf, shortened, textOf } from "./thrown.ts";
export type { WireType } from "./wire_type.ts";
