/**
 * Where the threads and the memory of shards are put, and what the kernel says of it afterwards.
 *
 * @module
 */

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
export { readTopology } from "./topology.ts";
