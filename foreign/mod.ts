/**
 * Ownership: pointers to objects of one shard that others may hold, and whose objects are destroyed
 * where they live.
 *
 * ```ts
 * import { makeForeign, SharedPtr } from "@tidepool/core/foreign";
 * import { defineTasks } from "@tidepool/core/shard";
 *
 * class Counter {
 *   n = 0;
 * }
 * // Called on the shard that is to own the counter; the caller gets a pointer that can be copied.
 * export const counters = defineTasks(import.meta.url, {
 *   open: () => makeForeign(new SharedPtr(new Counter())),
 * });
 * ```
 *
 * @module
 */

import "./pointer_wire_types.ts";

export { StaleForeignPtrError, WrongShardError } from "./errors.ts";
export { ForeignPtr, type ViewedAs } from "./foreign_ptr.ts";
export { foreignStatistics } from "./foreign_statistics.ts";
export { makeForeign } from "./make_foreign.ts";
export {
  type Destructor,
  type LentBytes,
  type Ownership,
  type PointerOf,
  SharedPtr,
  UniquePtr,
} from "./local/mod.ts";
export { type ChunkOptions, chunks, type ShardOfChunk } from "./chunks.ts";
export type { ByteReader, ChunkSource } from "./chunk_source.ts";
export { lend } from "./lend.ts";
