/**
 * Ownership: pointers to objects of one shard that others may hold, and whose objects are destroyed
 * where they live.
 *
 * ```ts
 * import { makeForeign, SharedPtr } from "@tidepool/core/foreign";
 *
 * class Counter {
 *   n = 0;
 * }
 * // In a task, on the shard that is to own the counter:
 * export const open = () => makeForeign(new SharedPtr(new Counter()));
 * ```
 *
 * @module
 */

import "./wire_types.ts";

export { StaleForeignPtrError, WrongShardError } from "./errors.ts";
export {
  ForeignPtr,
  makeForeign,
  type Ownership,
  type PointerOf,
  type ViewedAs,
} from "./foreign_ptr.ts";
export type { Destructor } from "./owned.ts";
export { SharedPtr } from "./shared_ptr.ts";
export { type ForeignStatistics, foreignStatistics } from "./statistics.ts";
export { UniquePtr } from "./unique_ptr.ts";
