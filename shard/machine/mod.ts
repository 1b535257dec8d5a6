/**
 * The machine under the segment: its cpus and its memory, as the kernel hands them out.
 *
 * @module
 */

export { IdleTrim, type IdleTrimOwner } from "./idle_trim.ts";
export {
  type Answer,
  type Libc,
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MADV_POPULATE_WRITE,
  type PresentPages,
} from "./libc.ts";
export { type OpenedLibc, openLibc } from "./open_libc.ts";
export { type Pin, planPlacement, type ShardPlan } from "./placement_plan.ts";
export {
  pinThread,
  placeMemory,
  takePlace,
  type ThreadPlace,
  type ThreadPlan,
  wholePages,
} from "./placing.ts";
export { readMemory, readThread } from "./read_back.ts";
export { SegmentPages } from "./segment_pages.ts";
export { readTopology } from "./topology.ts";
