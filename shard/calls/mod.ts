/**
 * What a call is: the endpoint that makes it, the task that it runs, the options that it has, and how
 * it ends when a shard dies.
 *
 * @module
 */

export { AbortListeners, type Listeners } from "./abort_listeners.ts";
export type { BeforeStop } from "./before_stop.ts";
export { type CallOptions, readCallOptions } from "./call_options.ts";
export { controlTasks } from "./control_tasks.ts";
export { MAX_TIMER_MS } from "./deadlines.ts";
export { Endpoint, type EndpointSetup } from "./endpoint.ts";
export {
  GateClosedError,
  NoReplicaError,
  NoShardedInstanceError,
  ShardCrashedError,
  ShardRestartingError,
  ShardStartError,
} from "./errors.ts";
export { flush, flushCalls, takenFailures, throwFailures } from "./flush.ts";
export { type ForeignStatistics, readForeignStatistics } from "./foreign_statistics.ts";
export { GivenAwayRegion } from "./given_away_region.ts";
export {
  allShards,
  callEach,
  checkRepeatable,
  invokeOnAll,
  invokeOnOthers,
  map,
  mapReduce,
  mapReduceSettled,
  mapSettled,
  oneErrorOf,
  otherShards,
  reduceInOrder,
  type Reducer,
  registerRepeatable,
  settleEach,
  submitToEach,
} from "./invoke.ts";
export { defineHostTasks, type HostTask } from "./host_tasks.ts";
export { Life, writeObituary } from "./obituary.ts";
export type { Reference } from "./reference.ts";
export {
  alignToPage,
  CHANGES_BYTES,
  PAGE_BYTES,
  SegmentLayout,
  type SegmentShape,
} from "./segment_layout.ts";
export {
  ServiceGroup,
  type ServiceGroupOptions,
  type ServiceGroupRunOptions,
} from "./service_group.ts";
export { checkShardId, shardIdFault } from "./shard_id.ts";
export {
  defineTasks,
  findTask,
  isAtTopLevel,
  Task,
  type TaskFunction,
  type Tasks,
} from "./task.ts";
export {
  busStatistics,
  enterShard,
  isShard,
  isThisShard,
  localAllocator,
  localEndpoint,
  type Sendable,
  shardCount,
  submitTo,
  taskSignal,
  thisShard,
} from "./this_shard.ts";
export { giveWarning } from "./warning.ts";
export { registerWireType, type WireTypeDefinition, wireTypeNames } from "./wire_type_registry.ts";
