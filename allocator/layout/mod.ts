/**
 * How a slice lies in memory: its control words and counters, its blocks, its size classes; and whether
 * an address is that of a block.
 *
 * @module
 */

export { checkAlignment, distanceToAligned } from "./align.ts";
export { arenaGranulesOf, arenaStateOf } from "./arena_layout.ts";
export {
  blockFault,
  faultError,
  foreignBlockFault,
  FREE_ALREADY,
  hasFreeNeighbour,
  locateBlock,
  looksLive,
} from "./block_check.ts";
export {
  addressOf,
  blockAfter,
  blockAt,
  CACHED,
  FREE,
  FREE_BLOCK_WORDS,
  granulesOf,
  HEADER_BYTES,
  isFreed,
  NEXT_LINK_WORD,
  PREVIOUS_FREE,
  PREVIOUS_LINK_WORD,
  REMOTE_LINK_WORD,
  SIZE_SHIFT,
} from "./block_layout.ts";
export { nextBlock } from "./block_walk.ts";
export {
  add,
  count,
  FAILED_WORD,
  FALLOW_GIVEN,
  FALLOW_KEPT,
  FALLOW_NONE,
  FALLOW_WORD,
  FIRST_LEVEL_WORD,
  firstBlockOf,
  FREES_WORD,
  heapGranulesOf,
  LARGE_MALLOCS_WORD,
  levelsOf,
  LIST_HEADS_WORD,
  LOOSE_BLOCK_WORD,
  LOOSE_CLASS_WORD,
  MAGIC,
  MAGIC_WORD,
  MALLOCS_WORD,
  MAX_SLICE_BYTES,
  MIN_SLICE_BYTES,
  MOST_IN_A_STEP,
  OVERSIZED_WORD,
  PEAK_GRANULES_WORD,
  readCount,
  RECLAIMS_WORD,
  REMOTE_DROPPED_WORD,
  REMOTE_FREE_HEAD_WORD,
  REMOTE_RECEIVED_WORD,
  REMOTE_REJECTED_WORD,
  REMOTE_SENT_WORD,
  REQUESTED_BYTES_WORD,
  SECOND_LEVEL_WORD,
  sentinelOf,
  SHORTAGE_WORD,
  SLICE_ALIGNMENT_BYTES,
  START_MAP_WORD,
  TOUCHED_CHECK_WORD,
  TOUCHED_WORD,
  USED_GRANULES_WORD,
} from "./control_layout.ts";
export {
  type BadAllocDetails,
  BadAllocError,
  checkLength,
  DoubleFreeError,
  HeapCheckError,
  InvalidAddressError,
} from "./errors.ts";
export {
  GRANULE_BYTES,
  granulesFor,
  LISTS_PER_LEVEL,
  roundedGranules,
  searchClassOf,
  sizeClassOf,
  SMALLEST_BLOCK_GRANULES,
} from "./size_class.ts";
export { openSlice, type SliceSpan, SliceTable } from "./slice_table.ts";
export {
  clearStart,
  countStarts,
  formatStartMap,
  hasStartMap,
  isStart,
  setStart,
  startMapGranules,
} from "./start_map.ts";
export { largestFreeGranules, type MemoryStatistics, readMemoryStatistics } from "./statistics.ts";
