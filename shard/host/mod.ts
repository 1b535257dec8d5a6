/**
 * Who runs the threads: a runtime starts, watches, restarts and stops its shards.
 *
 * @module
 */

export { parseMemorySize } from "./memory_size.ts";
export type { PlacementOptions, ShardPlacement } from "./placement_options.ts";
export { Runtime } from "./runtime.ts";
export type { RuntimeOptions, StopOptions } from "./runtime_options.ts";
export type { ShardState, ShardStatus } from "./shard_states.ts";
export type { CrashPolicy } from "./supervisor.ts";
