/**
 * Execution: a runtime of shards, tasks that run on them, and calls between them.
 *
 * ```ts ignore
 * // sums.ts
 * import { defineTasks } from "@tidepool/core/shard";
 *
 * export const sums = defineTasks(import.meta.url, {
 *   add: (a: number, b: number) => a + b,
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core/shard";
 * import { assertEquals } from "@std/assert";
 * import { sums } from "./sums.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * assertEquals(await runtime.submitTo(1, sums.add, 20, 22), 42); // ran on shard 1
 * ```
 *
 * @module
 */

export { BusyError, MessageMemoryError, StoppedError, transfer } from "./bus/mod.ts";
export {
  busStatistics,
  type CallOptions,
  defineTasks,
  flush,
  type ForeignStatistics,
  GateClosedError,
  invokeOnAll,
  invokeOnOthers,
  isShard,
  localAllocator,
  map,
  mapReduce,
  mapReduceSettled,
  mapSettled,
  NoReplicaError,
  NoShardedInstanceError,
  type Reducer,
  type Reference,
  type Sendable,
  ServiceGroup,
  type ServiceGroupOptions,
  type ServiceGroupRunOptions,
  shardCount,
  ShardCrashedError,
  ShardRestartingError,
  ShardStartError,
  submitTo,
  type Task,
  type TaskFunction,
  type Tasks,
  taskSignal,
  thisShard,
} from "./calls/mod.ts";
export {
  type Items,
  mapLimit,
  pipeline,
  type PipelineOptions,
  room,
  type ShardFor,
  waitAsync,
  type WindowOptions,
} from "./flow/mod.ts";
export { type ErrorClass, registerErrorClass } from "./codec/mod.ts";
export {
  type CrashPolicy,
  parseMemorySize,
  type PlacementOptions,
  Runtime,
  type RuntimeOptions,
  type ShardPlacement,
  type ShardState,
  type ShardStatus,
  type StopOptions,
} from "./host/mod.ts";
export { type BusStatistics, type LatencyStatistics } from "./ring/mod.ts";
export {
  type ArgumentsOf,
  containerOf,
  defineService,
  Gate,
  type GateHolder,
  type LocalOrRemote,
  type MethodOf,
  type PerShard,
  replicate,
  type Replicated,
  type ReplicateOptions,
  type ResultOf,
  type ServiceDefinition,
  Sharded,
  type ShardedParameter,
  shardedParameter,
  type ShardKey,
  shardOf,
  startSharded,
} from "./services/mod.ts";
