/**
 * Execution: a runtime of shards, tasks that run on them, and calls between them.
 *
 * ```ts
 * import { Runtime } from "@tidepool/core/shard";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * ```
 *
 * @module
 */

export {
  type BusStatistics,
  BusyError,
  type ErrorClass,
  MessageMemoryError,
  registerErrorClass,
  StoppedError,
  type WireType,
} from "./bus/mod.ts";
export type { CallOptions } from "./call_options.ts";
export { Endpoint } from "./endpoint.ts";
export { ShardCrashedError, ShardStartError } from "./errors.ts";
export { parseMemorySize } from "./memory_size.ts";
export type { Reference } from "./reference.ts";
export { Runtime, type RuntimeOptions, type StopOptions } from "./runtime.ts";
export {
  flush,
  isShard,
  localAllocator,
  localEndpoint,
  type Sendable,
  shardCount,
  submitTo,
  taskSignal,
  thisShard,
} from "./shard.ts";
export { defineTasks, Task, type TaskFunction, type Tasks } from "./task.ts";
export { registerWireType, type WireTypeDefinition } from "./wire_types.ts";
