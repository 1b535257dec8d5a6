/**
 * Seastar's shard-per-core memory and ownership model for Deno: every Worker is a shard that owns a
 * TLSF allocator over its slice of one SharedArrayBuffer. Shards call each other with
 * {@linkcode submitTo} and hold each other's objects through {@linkcode ForeignPtr}.
 *
 * A module that the host and every shard that needs it import alike:
 *
 * ```ts
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
 * ```ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 * import { counter } from "./examples/counter/counter.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * await using pointer = await runtime.submitTo(1, counter.open, 10); // ForeignPtr<Counter>
 * assertEquals(await pointer.invoke("add", 5), 15); // ran on shard 1
 * ```
 *
 * Names that need nothing but memory are in `@tidepool/core/allocator`, runtime and calls in
 * `@tidepool/core/shard`, ownership in `@tidepool/core/foreign`; this entry has them all, but for
 * what segments of one's own and further layers take.
 *
 * @module
 */

export {
  address,
  alignOf,
  type AllocationFailureOptions,
  type AllocationFailureRun,
  type Allocator,
  type AnyView,
  array,
  type ArrayType,
  type ArrayView,
  type Assignable,
  type BadAllocDetails,
  BadAllocError,
  bool,
  type CallFrame,
  checkHeap,
  type DebugHeap,
  type DebugHeapOptions,
  type DeleteArrayOptions,
  type DeleteOptions,
  DoubleFreeError,
  f32,
  f64,
  FailureInjection,
  type FieldInit,
  type FieldPlain,
  type FieldType,
  type FieldValue,
  type HeapBlock,
  HeapCheckError,
  HeapProfile,
  type HeapProfileOptions,
  type HeapProfileSite,
  i16,
  i32,
  i64,
  i8,
  type Instrument,
  InvalidAddressError,
  isStructView,
  type LargeAllocation,
  LargeAllocationWarning,
  type LargeAllocationWarningOptions,
  type Leak,
  memoryReport,
  type MemorySite,
  type MemorySource,
  type MemoryStatistics,
  NewDelete,
  type NewOptions,
  offsetOf,
  pointer,
  type PointerType,
  type Reclaim,
  type ReclaimerOptions,
  type Reclaimers,
  type ReclaimRequest,
  type ReclaimScope,
  type RemoteFreeSender,
  type ScalarType,
  sizeOf,
  type SliceSpan,
  string,
  struct,
  type StructInit,
  type StructMembers,
  type StructPlain,
  type StructType,
  type StructView,
  type Target,
  u16,
  u32,
  u64,
  u8,
  type V8CallFrame,
  type V8HeapProfile,
  type V8HeapProfileNode,
  type V8HeapProfileSample,
  type ViewOf,
  walkHeap,
  withAllocationFailures,
} from "./allocator/mod.ts";
export {
  type Destructor,
  ForeignPtr,
  type ForeignStatistics,
  foreignStatistics,
  makeForeign,
  type Ownership,
  type PointerOf,
  SharedPtr,
  StaleForeignPtrError,
  UniquePtr,
  type ViewedAs,
  WrongShardError,
} from "./foreign/mod.ts";
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
  type GateHolder,
  invokeOnAll,
  invokeOnOthers,
  isShard,
  type LatencyStatistics,
  localAllocator,
  mapReduce,
  MessageMemoryError,
  type MethodOf,
  NoReplicaError,
  NoShardedInstanceError,
  parseMemorySize,
  type PerShard,
  type Reducer,
  type Reference,
  registerErrorClass,
  replicate,
  type Replicated,
  type ReplicateOptions,
  type ResultOf,
  Runtime,
  type RuntimeOptions,
  type Sendable,
  type ServiceDefinition,
  ServiceGroup,
  type ServiceGroupOptions,
  type ServiceGroupRunOptions,
  shardCount,
  ShardCrashedError,
  Sharded,
  type ShardedParameter,
  shardedParameter,
  ShardStartError,
  startSharded,
  type StopOptions,
  StoppedError,
  submitTo,
  type Task,
  type TaskFunction,
  type Tasks,
  taskSignal,
  thisShard,
  transfer,
} from "./shard/mod.ts";
