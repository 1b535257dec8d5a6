/**
 * The machine under the segment: its cpus and its memory, as the kernel hands them out.
 *
 * @module
 */

export { IdleTrim } from "./idle_trim.ts";
export {
  type Answer,
  type Libc,
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MADV_POPULATE_WRITE,
  type PageCount,
} from "./libc.ts";
export { type OpenedLibc, openLibc } from "./open_libc.ts";
export { SegmentPages } from "./segment_pages.ts";
