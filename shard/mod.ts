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

export { BusyError, MessageMemoryError, StoppedError, transfer } from "./bus/mod.ts";
export {
  type BeforeStop,
  busStatistics,
  type CallOptions,
  defineTasks,
  Endpoint,
  flush,
  type ForeignStatistics,
  GateClosedError,
  GivenAwayRegion,
  invokeOnAll,
  invokeOnOthers,
  isShard,
  localAllocator,
  localEndpoint,
  mapReduce,
  NoReplicaError,
  NoShardedInstanceError,
  readForeignStatistics,
  type Reducer,
  type Reference,
  registerWireType,
  type Sendable,
  ServiceGroup,
  type ServiceGroupOptions,
  type ServiceGroupRunOptions,
  shardCount,
  ShardCrashedError,
  ShardStartError,
  submitTo,
  type Task,
  type TaskFunction,
  type Tasks,
  taskSignal,
  thisShard,
  type WireTypeDefinition,
} from "./calls/mod.ts";
export { classNameOf, type ErrorClass, registerErrorClass, type WireType } from "./codec/mod.ts";
export {
  type CrashPolicy,
  parseMemorySize,
  Runtime,
  type RuntimeOptions,
  type StopOptions,
} from "./host/mod.ts";
export { type BusStatistics, type LatencyStatistics } from "./ring/mod.ts";
export {
  type ArgumentsOf,
  containerOf,
  defineService,
  Gate,
  type GateHolder,
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
  startSharded,
} from "./services/mod.ts";
