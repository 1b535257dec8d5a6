/**
 * Seastar's shard-per-core memory and ownership model for Deno: every Worker is a shard that owns a
 * TLSF allocator over its slice of one SharedArrayBuffer. Shards call each other with
 * {@linkcode submitTo} and hold each other's objects through {@linkcode ForeignPtr}.
 *
 * A module that the host and every shard that needs it import alike:
 *
 * ```ts ignore
 * // counters.ts
 * import { defineTasks, makeForeign } from "@tidepool/core";
 *
 * class Counter {
 *   n = 0;
 *   add(k: number) {
 *     return this.n += k;
 *   }
 * }
 * export const counters = defineTasks(import.meta.url, {
 *   open: () => makeForeign(new Counter()), // made on, and owned by, the shard it runs on
 * });
 * ```
 *
 * The program:
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 * import { counters } from "./counters.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * await using pointer = await runtime.submitTo(1, counters.open); // ForeignPtr<Counter>
 * assertEquals(await pointer.invoke("add", 5), 5); // ran on shard 1
 * ```
 *
 * This entry point has the names that programs write down. Types that appear in their signatures, and
 * what few programs need, are in `@tidepool/core/allocator` (memory), `@tidepool/core/diagnosis` (what
 * a heap holds), `@tidepool/core/shard` (runtime and calls) and `@tidepool/core/foreign` (ownership).
 * What a further layer builds on is unstable, and in `@tidepool/core/shard/unstable-layers`.
 *
 * @module
 */

export {
  address,
  alignOf,
  type Allocator,
  array,
  type ArrayType,
  type ArrayView,
  BadAllocError,
  bool,
  DoubleFreeError,
  f32,
  f64,
  HeapCheckError,
  i16,
  i32,
  i64,
  i8,
  InvalidAddressError,
  type MemoryStatistics,
  NewDelete,
  offsetOf,
  pointer,
  type ReclaimRequest,
  sizeOf,
  string,
  struct,
  type StructType,
  u16,
  u32,
  u64,
  u8,
  type ViewOf,
} from "./allocator/mod.ts";
export {
  ForeignPtr,
  makeForeign,
  SharedPtr,
  StaleForeignPtrError,
  UniquePtr,
  WrongShardError,
} from "./foreign/mod.ts";
export {
  busStatistics,
  BusyError,
  type CallOptions,
  containerOf,
  defineService,
  defineTasks,
  flush,
  Gate,
  GateClosedError,
  invokeOnAll,
  invokeOnOthers,
  isShard,
  localAllocator,
  mapReduce,
  MessageMemoryError,
  NoReplicaError,
  NoShardedInstanceError,
  parseMemorySize,
  registerErrorClass,
  replicate,
  type Replicated,
  Runtime,
  type RuntimeOptions,
  type ServiceDefinition,
  ServiceGroup,
  shardCount,
  ShardCrashedError,
  Sharded,
  shardedParameter,
  ShardRestartingError,
  ShardStartError,
  startSharded,
  StoppedError,
  submitTo,
  type Task,
  taskSignal,
  thisShard,
  transfer,
} from "./shard/mod.ts";
