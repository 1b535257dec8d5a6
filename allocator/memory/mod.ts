/**
 * A segment as typed arrays, and text in it.
 *
 * @module
 */

export { arraysOver, SegmentArrays } from "./segment_arrays.ts";
export { readLatin1, utf8Length } from "./latin1.ts";
export { readText, readTextUpToNul } from "./read_text.ts";
export { checkSpan, isSpan } from "./span.ts";
export { checkText, roomError } from "./text_errors.ts";
export {
  STAGED_UNITS,
  stagedSinceStart,
  stageText,
  storeStaged,
  writeText,
  writeWholeText,
} from "./write_text.ts";
