/**
 * A block of a debug heap, for threads other than the one that owns it: they know no more of it than
 * what it holds, and the map of starts.
 *
 * @module
 */
import {
  addressOf,
  blockAfter,
  clearStart,
  FREE_ALREADY,
  granulesOf,
  HeapCheckError,
  isStart,
} from "../layout/mod.ts";
import { findInGuard, FREED_WORD, guardedBytes, type Overwritten } from "./debug_fill.ts";

/**
 * Any thread: what a thread does that frees a block of another's debug heap, before it queues it. The
 * block passed the checks of its address.
 *
 * @returns why it cannot be freed
 * @throws {HeapCheckError} if the block was overrun
 */
export function freedElsewhere(words: Int32Array, block: number): string | undefined {
  const byteLength = guardedBytes(words, block);
  const overwritten = byteLength === -1 ? undefined : findInGuard(words, block, byteLength);
  // Whoever freed it meanwhile has filled it, which is no overrun.
  if ((byteLength === -1 || overwritten !== undefined) && isStart(words, block)) {
    throw overrun(words, block, byteLength, overwritten);
  }
  if (!clearStart(words, block)) return FREE_ALREADY;
  words.fill(FREED_WORD, block + 1, blockAfter(block, granulesOf(words[block]!)));
  return undefined;
}

/**
 * Any thread: the bytes that were asked for, of a live block of a debug heap.
 *
 * @throws {HeapCheckError} if the length behind the guard was overwritten
 */
export function requestedBytes(words: Int32Array, block: number): number {
  const byteLength = guardedBytes(words, block);
  if (byteLength === -1) throw overrun(words, block, byteLength, undefined);
  return byteLength;
}

function overrun(
  words: Int32Array,
  block: number,
  byteLength: number,
  overwritten: Overwritten | undefined,
): HeapCheckError {
  const address = addressOf(words, block);
  if (overwritten === undefined) {
    return new HeapCheckError(
      "a block ends with the length asked for",
      addressOf(words, blockAfter(block, granulesOf(words[block]!)) - 3),
      `something wrote past the end of the block at ${address}`,
    );
  }
  return new HeapCheckError(
    "the bytes behind a block are its guard",
    words.byteOffset + overwritten.byteOffset,
    `the byte there is ${overwritten.found}, not ${overwritten.expected}` +
      `\n  the block of ${byteLength} bytes at ${address}`,
  );
}
