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
  type BusStatistics,
  BusyError,
  type CallOptions,
  defineTasks,
  type ErrorClass,
  flush,
  isShard,
  localAllocator,
  MessageMemoryError,
  parseMemorySize,
  type Reference,
  registerErrorClass,
  Runtime,
  type RuntimeOptions,
  type Sendable,
  shardCount,
  ShardCrashedError,
  ShardStartError,
  type StopOptions,
  StoppedError,
  submitTo,
  Task,
  type TaskFunction,
  type Tasks,
  taskSignal,
  thisShard,
} from "./shard/mod.ts";
