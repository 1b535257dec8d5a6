/**
 * What a debug heap fills memory with, so that it can tell who wrote where: the bytes of Microsoft's
 * debug C runtime, which many debuggers and people know by sight.
 *
 * ```text
 *  a live block of a debug heap                                             word, from its header
 *  ┌────────┬─────────────────────────┬───────────────────┬─────────┬─────────┐
 *  │ header │ the bytes asked for     │ guard: FD FD FD … │ length  │ ~length │
 *  └────────┴─────────────────────────┴───────────────────┴─────────┴─────────┘
 *   word 0    CD until written          8 bytes or more     last two words: bytes asked for, xor MASK
 *
 *  a freed block in quarantine: DD from word 1 to the last
 *  a free block: the same, but for its links in words 1 and 2 and the back reference in the last word;
 *                and pages that were given back to the system read 0
 * ```
 *
 * The header is the guard in front: the owner knows what it must be. In front of that lies the guard,
 * or the filling, of the block to the left.
 *
 * @module
 */
import { blockAfter, granulesOf } from "../layout/mod.ts";

/** Bytes that were handed out and not written yet. */
export const FRESH_BYTE = 0xcd;
/** Bytes behind those asked for. */
export const GUARD_BYTE = 0xfd;
/** Four bytes that were freed. The bit FREE is set in it, so that it is no header of a live block. */
export const FREED_WORD = 0xdddddddd | 0;
/** Bytes of the guard at least: an overflow by one element of any kind ends in it. */
export const GUARD_BYTES = 8;
/** Bytes that a block of a debug heap has beyond those asked for, at least. */
export const EXTRA_BYTES = GUARD_BYTES + 2 * Int32Array.BYTES_PER_ELEMENT;

/** Keeps a length from looking like the small numbers that programs write. */
const LENGTH_MASK = 0x5bd1e995;

/** A byte that is not what it was filled with. */
export interface Overwritten {
  /** Where, in bytes from the start of the slice. */
  readonly byteOffset: number;
  /** What it should be. */
  readonly expected: number;
  /** What it is. */
  readonly found: number;
}

/** Puts the guard behind `byteLength` bytes of a block, and the length behind the guard. */
export function writeGuard(words: Int32Array, block: number, byteLength: number): void {
  const length = lengthWord(words, block);
  bytesOf(words).fill(GUARD_BYTE, (block + 1) * 4 + byteLength, length * 4);
  words[length] = byteLength ^ LENGTH_MASK;
  words[length + 1] = ~(byteLength ^ LENGTH_MASK);
}

/** The length behind the guard, -1 if it was overwritten. For threads that do not know better. */
export function guardedBytes(words: Int32Array, block: number): number {
  const length = lengthWord(words, block);
  if (words[length] !== ~words[length + 1]!) return -1;
  const byteLength = (words[length]! ^ LENGTH_MASK) >>> 0;
  return byteLength <= (length - block - 1) * 4 - GUARD_BYTES ? byteLength : -1;
}

/** The first byte that is wrong behind `byteLength` bytes of a block. */
export function findInGuard(
  words: Int32Array,
  block: number,
  byteLength: number,
): Overwritten | undefined {
  const length = lengthWord(words, block);
  const bytes = bytesOf(words);
  for (let byteOffset = (block + 1) * 4 + byteLength; byteOffset < length * 4; byteOffset++) {
    const found = bytes[byteOffset]!;
    if (found !== GUARD_BYTE) return { byteOffset, expected: GUARD_BYTE, found };
  }
  return differenceAt(words, length, byteLength ^ LENGTH_MASK) ??
    differenceAt(words, length + 1, ~(byteLength ^ LENGTH_MASK));
}

/** Fills the bytes that a request gets. */
export function fillFresh(words: Int32Array, block: number, byteLength: number): void {
  bytesOf(words).fill(FRESH_BYTE, (block + 1) * 4, (block + 1) * 4 + byteLength);
}

/** The first byte from word `from` to before word `to` that is not as it was freed. */
export function findInFreed(words: Int32Array, from: number, to: number): Overwritten | undefined {
  return findOther(words, from, to, FREED_WORD);
}

/** The first byte from word `from` to before word `to` that is not what each word should be. */
export function findOther(
  words: Int32Array,
  from: number,
  to: number,
  expected: number,
): Overwritten | undefined {
  for (let word = from; word < to; word++) {
    if (words[word] !== expected) return differenceAt(words, word, expected);
  }
  return undefined;
}

/** The first byte of a word that is not what the whole word should be. */
export function differenceAt(
  words: Int32Array,
  word: number,
  expected: number,
): Overwritten | undefined {
  const wrong = words[word]! ^ expected;
  if (wrong === 0) return undefined;
  const byte = (31 - Math.clz32(wrong & -wrong)) >>> 3;
  const found = (words[word]! >>> (byte * 8)) & 0xff;
  return { byteOffset: word * 4 + byte, expected: (expected >>> (byte * 8)) & 0xff, found };
}

/** Where the length of a block lies. */
function lengthWord(words: Int32Array, block: number): number {
  return blockAfter(block, granulesOf(words[block]!)) - 2;
}

function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
