/**
 * What an allocator is made with.
 *
 * @module
 */
import type { DebugHeapOptions } from "../debug_heap/mod.ts";
import type { SystemPages } from "./trimmer.ts";

/** What an allocator does beyond allocating. */
export interface AllocatorOptions {
  /**
   * Whether the slice has a debug heap: guards behind each block, freed memory that is filled, held
   * back and checked, an exact map of block starts for all threads, and the stacks of allocations.
   */
  readonly debugHeap?: boolean | DebugHeapOptions;
  /**
   * Bytes of free memory below which the slice is short of it: reclaimers run between turns, and
   * other threads' frees wake the owner. 1/16 of the slice, or 20 MB if that is less, unless given.
   */
  readonly lowWaterBytes?: number;
  /** How to give memory back to the system; unless given, none is. */
  readonly pages?: SystemPages;
}

/** The options of the debug heap that is asked for, undefined if none is. */
export function debugHeapOptionsOf(options: AllocatorOptions): DebugHeapOptions | undefined {
  const { debugHeap = false } = options;
  if (typeof debugHeap === "boolean") return debugHeap ? {} : undefined;
  if (typeof debugHeap === "object" && debugHeap !== null) return debugHeap;
  throw new TypeError(
    `Cannot make a debug heap of ${String(debugHeap)}: expected true, false or options`,
  );
}
