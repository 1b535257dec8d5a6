/**
 * The malloc family over slices, C's and C++'s: requests, arenas, reclaimers, and blocks that another
 * thread frees.
 *
 * @module
 */

export { badAlloc } from "./bad_alloc.ts";
export { Allocator } from "./allocator.ts";
export type { Arena, ArenaStatistics, BlockSource } from "./arena.ts";
export type { AllocatorOptions } from "./allocator_options.ts";
export type { Instrument } from "./instruments.ts";
export {
  type DeleteArrayOptions,
  type DeleteOptions,
  NewDelete,
  type NewOptions,
} from "./new_delete.ts";
export {
  type Reclaim,
  type ReclaimerOptions,
  Reclaimers,
  type ReclaimRequest,
  type ReclaimScope,
} from "./reclaimers.ts";
export { hasRemoteFrees } from "./remote_free_list.ts";
export { RemoteFreeSender } from "./remote_free_sender.ts";
export { ownerOf } from "./slice_owners.ts";
export { allocateText, type TextBlock } from "./text_block.ts";
export type { SystemPages, Trimmer } from "./trimmer.ts";
