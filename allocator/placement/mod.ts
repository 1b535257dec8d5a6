/**
 * Where blocks go within one slice: TLSF, the cache of small blocks in front of it, and the check of both.
 *
 * @module
 */

export { checkHeap } from "./heap_check.ts";
export { largeFreeBlocks } from "./large_free_blocks.ts";
export { SmallCache } from "./small_cache.ts";
export { formatHeap, Tlsf } from "./tlsf.ts";
