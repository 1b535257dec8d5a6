/**
 * The debug heap: blocks with guards, freed memory that is filled and held back, and the places of the
 * program that asked for each block.
 *
 * @module
 */

export { type CallFrame, CallStack } from "./call_stack.ts";
export { DebugHeap, type DebugHeapOptions } from "./debug_heap.ts";
export { freedElsewhere, requestedBytes } from "./freed_elsewhere.ts";
export type { Leak } from "./leak_report.ts";
