/**
 * What a debug heap fills memory with, so that it can tell who wrote where: the bytes of Microsoft's
 * debug C runtime, which many debuggers and people know by sight.
 *
 * ```text
 *  a live block of a debug heap                                             word, from its header
 *  ┌────────┬──────────────────────────────┬───────────────────┬──────────┐
 *  │ header │ the bytes asked for          │ guard: FD FD FD … │ length   │
 *  └────────┴──────────────────────────────┴───────────────────┴──────────┘
 *   word 0    CD until written               8 bytes or more     last word: bytes asked for, xor MASK
 *
 *  a freed block in quarantine: DD from word 1 to the last
 *  a free block: the same, but for its links in words 1 and 2 and the back reference in the last word
 * ```
 *
 * The header is the guard in front: the owner knows what it must be. In front of that lies the guard,
 * or the filling, of the block to the left.
 *
 * @module
 */
import { blockAfter, granulesOf } from "./block_layout.ts";

/** Bytes that were handed out and not written yet. */
export const FRESH_BYTE = 0xcd;
/** Bytes that were freed. */
export const FREED_BYTE = 0xdd;
/** Bytes behind those asked for. */
export const GUARD_BYTE = 0xfd;
/** Four freed bytes. The bit FREE is set in it, so that it is no header of a live block. */
export const FREED_WORD = 0xdddddddd | 0;
/** Bytes of the guard at least: an overflow by one element of any kind ends in it. */
export const GUARD_BYTES = 8;
/** Bytes that a block of a debug heap has beyond those asked for, at least. */
export const EXTRA_BYTES = GUARD_BYTES + Int32Array.BYTES_PER_ELEMENT;

/** Makes a length that was overwritten with small numbers, or guard, one that cannot be. */
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
  const last = blockAfter(block, granulesOf(words[block]!)) - 1;
  bytesOf(words).fill(GUARD_BYTE, (block + 1) * 4 + byteLength, last * 4);
  words[last] = byteLength ^ LENGTH_MASK;
}

/** The length behind the guard, -1 if it was overwritten. For threads that do not know better. */
export function guardedBytes(words: Int32Array, block: number): number {
  const last = blockAfter(block, granulesOf(words[block]!)) - 1;
  const byteLength = (words[last]! ^ LENGTH_MASK) >>> 0;
  return byteLength <= (last - block - 1) * 4 - GUARD_BYTES ? byteLength : -1;
}

/** The first byte that is wrong behind `byteLength` bytes of a block. */
export function findInGuard(
  words: Int32Array,
  block: number,
  byteLength: number,
): Overwritten | undefined {
  const last = blockAfter(block, granulesOf(words[block]!)) - 1;
  const bytes = bytesOf(words);
  for (let byteOffset = (block + 1) * 4 + byteLength; byteOffset < last * 4; byteOffset++) {
    const found = bytes[byteOffset]!;
    if (found !== GUARD_BYTE) return { byteOffset, expected: GUARD_BYTE, found };
  }
  const wrong = words[last]! ^ byteLength ^ LENGTH_MASK;
  if (wrong === 0) return undefined;
  const byte = (31 - Math.clz32(wrong & -wrong)) >>> 3;
  const found = bytes[last * 4 + byte]!;
  return { byteOffset: last * 4 + byte, expected: found ^ ((wrong >>> (byte * 8)) & 0xff), found };
}

/** Fills the bytes that a request gets. */
export function fillFresh(words: Int32Array, block: number, byteLength: number): void {
  bytesOf(words).fill(FRESH_BYTE, (block + 1) * 4, (block + 1) * 4 + byteLength);
}

/** The first byte from word `from` to before word `to` that is not as it was freed. */
export function findInFreed(words: Int32Array, from: number, to: number): Overwritten | undefined {
  for (let word = from; word < to; word++) {
    const wrong = words[word]! ^ FREED_WORD;
    if (wrong === 0) continue;
    const byte = (31 - Math.clz32(wrong & -wrong)) >>> 3;
    const found = (words[word]! >>> (byte * 8)) & 0xff;
    return { byteOffset: word * 4 + byte, expected: FREED_BYTE, found };
  }
  return undefined;
}

function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
