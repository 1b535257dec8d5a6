/**
 * The memory of shards: an allocator for each slice of one SharedArrayBuffer, with the malloc family,
 * blocks that any thread can free, and checks that are always on. It knows nothing of threads and
 * needs nothing but the buffer.
 *
 * @example
 * ```ts
 * import { Allocator } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(131072);
 * const slices = [{ byteOffset: 0, byteLength: 65536 }, { byteOffset: 65536, byteLength: 65536 }];
 * // Each thread has the allocator of its own slice. Both are on one thread here.
 * const first = Allocator.create(segment, slices, 0);
 * const second = Allocator.create(segment, slices, 1);
 *
 * const address = first.malloc(100);
 * assertEquals(second.owner(address), 0);
 * second.free(address); // a remote free: correct on the wrong thread
 * second.flushRemoteFrees();
 * assertEquals(first.drainRemoteFrees(), 1);
 * ```
 *
 * @module
 */
export {
  type LargeAllocation,
  LargeAllocationWarning,
  type LargeAllocationWarningOptions,
} from "./allocation_warning.ts";
export { Allocator } from "./allocator.ts";
export type { AllocatorOptions } from "./allocator_options.ts";
export type { CallFrame } from "./call_stack.ts";
export { MAX_SLICE_BYTES, MIN_SLICE_BYTES, SLICE_ALIGNMENT_BYTES } from "./control_layout.ts";
export type { DebugHeap, DebugHeapOptions } from "./debug_heap.ts";
export {
  type BadAllocDetails,
  BadAllocError,
  DoubleFreeError,
  HeapCheckError,
  InvalidAddressError,
} from "./errors.ts";
export {
  type AllocationFailureOptions,
  type AllocationFailureRun,
  FailureInjection,
  withAllocationFailures,
} from "./failure_injection.ts";
export { checkHeap } from "./heap_check.ts";
export { HeapProfile, type HeapProfileOptions, type HeapProfileSite } from "./heap_profile.ts";
export type {
  V8CallFrame,
  V8HeapProfile,
  V8HeapProfileNode,
  V8HeapProfileSample,
} from "./heap_profile_format.ts";
export { type HeapBlock, walkHeap } from "./heap_walk.ts";
export type { Instrument } from "./instruments.ts";
export type { Leak } from "./leak_report.ts";
export { memoryReport, type MemorySite } from "./memory_report.ts";
export {
  type DeleteArrayOptions,
  type DeleteOptions,
  NewDelete,
  type NewOptions,
} from "./new_delete.ts";
export type {
  Reclaim,
  ReclaimerOptions,
  Reclaimers,
  ReclaimRequest,
  ReclaimScope,
} from "./reclaimers.ts";
export type { RemoteFreeSender } from "./remote_free_sender.ts";
export type { SliceSpan } from "./slice_table.ts";
export { type MemoryStatistics, readMemoryStatistics } from "./statistics.ts";
export { struct } from "./struct.ts";
export { array } from "./struct_array.ts";
export type {
  ArrayType,
  ArrayView,
  Assignable,
  FieldInit,
  FieldPlain,
  FieldType,
  FieldValue,
  PointerType,
  ScalarType,
  StructInit,
  StructMembers,
  StructPlain,
  StructType,
  StructView,
  Target,
  ViewOf,
} from "./struct_field.ts";
export { alignOf, offsetOf, sizeOf } from "./struct_layout.ts";
export { type AnyView, isStructView, type MemorySource, segmentOf } from "./struct_memory.ts";
export {
  address,
  bool,
  f32,
  f64,
  i16,
  i32,
  i64,
  i8,
  pointer,
  u16,
  u32,
  u64,
  u8,
} from "./struct_scalar.ts";
export { string } from "./struct_string.ts";
