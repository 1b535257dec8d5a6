/**
 * Execution: a runtime of shards, tasks that run on them, and calls between them.
 *
 * ```ts
 * import { Runtime } from "@tidepool/core/shard";
 * import { assertEquals } from "@std/assert";
 * import { primes } from "../examples/primes/primes.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * assertEquals(await runtime.submitTo(1, primes.count, 0, 100), 25);
 * ```
 *
 * @module
 */

export {
  type BusStatistics,
  BusyError,
  classNameOf,
  type ErrorClass,
  type LatencyStatistics,
  MessageMemoryError,
  registerErrorClass,
  StoppedError,
  transfer,
  type WireType,
} from "./bus/mod.ts";
export type { CallOptions } from "./call_options.ts";
export { type BeforeStop, beforeStop } from "./before_stop.ts";
export { Endpoint } from "./endpoint.ts";
export {
  GateClosedError,
  NoReplicaError,
  NoShardedInstanceError,
  ShardCrashedError,
  ShardStartError,
} from "./errors.ts";
export { Gate, type GateHolder } from "./gate.ts";
export { invokeOnAll, invokeOnOthers, mapReduce, type Reducer } from "./invoke.ts";
export { parseMemorySize } from "./memory_size.ts";
export type { ArgumentsOf, MethodOf, ResultOf } from "./method.ts";
export type { CrashPolicy } from "./shard_threads.ts";
export type { Reference } from "./reference.ts";
export { replicate, type Replicated, type ReplicateOptions } from "./replicated.ts";
export { Runtime } from "./runtime.ts";
export type { RuntimeOptions, StopOptions } from "./runtime_options.ts";
export { defineService, type ServiceDefinition } from "./service_definition.ts";
export {
  ServiceGroup,
  type ServiceGroupOptions,
  type ServiceGroupRunOptions,
} from "./service_group.ts";
export {
  busStatistics,
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
export { containerOf, Sharded, startSharded } from "./sharded.ts";
export { type PerShard, type ShardedParameter, shardedParameter } from "./sharded_parameter.ts";
export { defineTasks, type Task, type TaskFunction, type Tasks } from "./task.ts";
export { registerWireType, type WireTypeDefinition } from "./wire_types.ts";
