/**
 * What a heap holds, who asked for it, and what a program does when there is none: reports, profiles,
 * warnings, injected failures.
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
