/**
 * Where blocks go within one slice: TLSF, the cache of small blocks in front of it, and what checks them.
 *
 * @module
 */

export { type CallFrame, CallStack } from "./call_stack.ts";
export { DebugHeap, type DebugHeapOptions, freedElsewhere, requestedBytes } from "./debug_heap.ts";
export { checkHeap } from "./heap_check.ts";
export type { Leak } from "./leak_report.ts";
export { SmallCache } from "./small_cache.ts";
export { formatHeap, Tlsf } from "./tlsf.ts";
