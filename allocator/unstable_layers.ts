/**
 * What a layer above this one builds on, as `structures/` does: a segment as typed arrays, text in one
 * byte a character, and the error of a request that failed.
 *
 * @example
 * ```ts
 * import { arraysOver } from "@tidepool/core/allocator/unstable-layers";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(64);
 * arraysOver(segment).f64[1] = 1.5;
 * assertEquals(arraysOver(segment).i32[2], 0); // the same bytes
 * ```
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 *
 * @module
 */

export { badAlloc } from "./malloc/mod.ts";
export { arraysOver, readLatin1, readText, SegmentArrays } from "./memory/mod.ts";
