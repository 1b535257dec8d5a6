/**
 * The machine under the segment: the C library's calls for memory and threads, where there is one, and the
 * pages that go back to the system.
 *
 * @module
 */

export { EINVAL, refusal } from "./errno.ts";
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
export { SegmentPages } from "./segment_pages.ts";
