/**
 * One endpoint's side of the bus: calls out, calls in, and the credit that bounds them.
 *
 * @module
 */

export type { Callable } from "./callable.ts";
export { BusyError, MessageMemoryError, StoppedError } from "./errors.ts";
export { type Failures, sumOf, unpackFailures } from "./failure_log.ts";
export { Link, LinkedQueue } from "./linked_queue.ts";
export { MessageBus } from "./message_bus.ts";
export { transfer, Transferred } from "./parcels.ts";
export { CallHandle } from "./peer.ts";
export { rejected } from "./rejection.ts";
