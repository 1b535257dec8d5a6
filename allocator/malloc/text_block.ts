/**
 * A block with text in it.
 *
 * @module
 */
import {
  type SegmentArrays,
  STAGED_UNITS,
  stagedSinceStart,
  stageText,
  storeStaged,
  utf8Length,
  writeText,
} from "../memory/mod.ts";
import type { Allocator } from "./allocator.ts";

/** Where text lies in a segment, as UTF-8. */
export interface TextBlock {
  /** The block, bytes from the start of the segment; 0 if there was no room. */
  readonly address: number;
  /** Bytes that the text takes. */
  readonly byteLength: number;
}

/** Allocates a block for text and writes it. */
export function allocateText(
  allocator: Allocator,
  arrays: SegmentArrays,
  text: string,
): TextBlock {
  if (text.length > STAGED_UNITS) {
    const byteLength = utf8Length(text);
    const address = allocator.malloc(byteLength);
    if (address !== 0) writeText(arrays, address, byteLength, text);
    return { address, byteLength };
  }
  // Every block begins at a multiple of 8.
  const byteLength = stageText(text, 0);
  const stagings = stagedSinceStart();
  const address = allocator.malloc(byteLength);
  // A reclaimer that malloc() calls may write text of its own.
  if (stagedSinceStart() !== stagings) stageText(text, 0);
  if (address !== 0) storeStaged(arrays, address, byteLength);
  return { address, byteLength };
}
