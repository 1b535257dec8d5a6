/**
 * What a heap holds, who asked for it, and what a program does when there is none: reports, profiles,
 * checks, warnings, injected failures.
 *
 * @example
 * ```ts
 * import { Allocator } from "@tidepool/core/allocator";
 * import { checkHeap, walkHeap } from "@tidepool/core/diagnosis";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(65536);
 * const slice = { byteOffset: 0, byteLength: 65536 };
 * const allocator = Allocator.create(segment, [slice], 0);
 * const address = allocator.malloc(10_000);
 * const used = [...walkHeap(segment, slice)].filter(({ free }) => !free);
 * assertEquals(used.map(({ address }) => address), [address]);
 * checkHeap(segment, slice); // throws a HeapCheckError if something wrote outside of its block
 * ```
 *
 * @module
 */

export {
  type LargeAllocation,
  LargeAllocationWarning,
  type LargeAllocationWarningOptions,
} from "./allocation_warning.ts";
export {
  type AllocationFailureOptions,
  type AllocationFailureRun,
  FailureInjection,
  withAllocationFailures,
} from "./failure_injection.ts";
export { HeapProfile, type HeapProfileOptions, type HeapProfileSite } from "./heap_profile.ts";
export type {
  V8CallFrame,
  V8HeapProfile,
  V8HeapProfileNode,
  V8HeapProfileSample,
} from "./heap_profile_format.ts";
export { type HeapBlock, walkHeap } from "./heap_walk.ts";
export { memoryReport, type MemorySite } from "./memory_report.ts";
export {
  type CallFrame,
  checkHeap,
  type DebugHeap,
  type DebugHeapOptions,
  type Leak,
} from "../placement/mod.ts";
