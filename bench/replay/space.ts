/**
 * The smallest space in which an allocator completes a program, found by bisection.
 *
 * Completion is not strictly monotonic (a block more or less moves every later one), so the result
 * is a size that completes, beside one that does not and lies at most one step below.
 *
 * @module
 */
import type { Program } from "./program.ts";
import { OPERATION_WORDS } from "./program.ts";
import { type HandleTable, replay, type ReplayAllocator } from "./replay.ts";

/** Finds the least multiple of `step` at or above `low` for which `completes` holds. */
export function bisect(
  low: number,
  high: number,
  step: number,
  completes: (size: number) => boolean,
): number {
  // Nothing completes in no space, and some allocators cannot even be asked.
  let failing = Math.max(0, Math.floor(low / step) - 1);
  let completing = Math.max(1, Math.ceil(high / step));
  while (!completes(completing * step)) {
    failing = completing;
    completing *= 2;
    if (completing * step > 2 ** 33) throw new Error(`Cannot complete even in ${failing * step} B`);
  }
  while (completing - failing > 1) {
    const middle = Math.floor((failing + completing) / 2);
    if (completes(middle * step)) completing = middle;
    else failing = middle;
  }
  return completing * step;
}

/** Whether an allocator gets through the whole program; an error of its own counts as a no. */
export function completesWith(
  open: () => ReplayAllocator<number>,
  program: Program,
  handles: HandleTable<number>,
  isOutOfMemory: (error: unknown) => boolean,
): boolean {
  try {
    replay(open(), program, 0, program.words.length / OPERATION_WORDS, handles);
    return true;
  } catch (error) {
    if (isOutOfMemory(error)) return false;
    throw error;
  }
}
