/**
 * Seastar's shard-per-core memory and ownership model for Deno: every Worker is a shard that owns a
 * TLSF allocator over its slice of one SharedArrayBuffer. Shards call each other with
 * {@linkcode submitTo} and hold each other's objects through {@linkcode ForeignPtr}.
 *
 * ```ts
 * import { Runtime } from "@tidepool/core";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * ```
 *
 * @module
 */

export * from "./allocator/mod.ts";
export * from "./foreign/mod.ts";
export {
  type ArgumentsOf,
  type BusStatistics,
  busStatistics,
  BusyError,
  type CallOptions,
  containerOf,
  type CrashPolicy,
  defineService,
  defineTasks,
  type ErrorClass,
  flush,
  Gate,
  GateClosedError,
  GateHolder,
  invokeOnAll,
  invokeOnOthers,
  isShard,
  type LatencyStatistics,
  localAllocator,
  mapReduce,
  MessageMemoryError,
  type MethodOf,
  NoShardedInstanceError,
  parseMemorySize,
  type PerShard,
  type Reducer,
  type Reference,
  registerErrorClass,
  type ResultOf,
  Runtime,
  type RuntimeOptions,
  type Sendable,
  ServiceDefinition,
  ServiceGroup,
  type ServiceGroupOptions,
  type ServiceGroupRunOptions,
  shardCount,
  ShardCrashedError,
  Sharded,
  ShardedParameter,
  shardedParameter,
  ShardStartError,
  startSharded,
  type StopOptions,
  StoppedError,
  submitTo,
  Task,
  type TaskFunction,
  type Tasks,
  taskSignal,
  thisShard,
  transfer,
} from "./shard/mod.ts";
