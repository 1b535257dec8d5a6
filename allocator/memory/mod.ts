/**
 * A segment as typed arrays, and text in it.
 *
 * @module
 */

export { arraysOver, SegmentArrays } from "./segment_arrays.ts";
export { readText, readTextUpToNul } from "./read_text.ts";
export { checkSpan, checkText, isSpan, roomError } from "./span.ts";
export {
  STAGED_UNITS,
  stagedSinceStart,
  stageText,
  storeStaged,
  utf8Length,
  writeText,
} from "./write_text.ts";
