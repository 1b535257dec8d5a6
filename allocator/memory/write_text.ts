/**
 * Text as UTF-8 into shared memory. `TextEncoder.encodeInto` writes shared bytes as quickly as own
 * ones, but the view that says where costs as much as encoding 1,000 bytes. So short text is encoded
 * into a scratch, of which there are views already, and copied from there by the word; then also its
 * length is known before its place is needed. bench/results/variants.md has the ways that were
 * measured.
 *
 * Half a surrogate pair becomes U+FFFD, as TextEncoder has it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { SegmentArrays } from "./segment_arrays.ts";

/** Text of up to so many UTF-16 units goes through the scratch. */
export const STAGED_UNITS = 400;
/** Up to so many units are written one by one, if they are ASCII. */
const FEW_UNITS = 12;
/** UTF-8 takes at most so many bytes for a UTF-16 unit. */
const UNIT_BYTES = 3;

// Made with the module, as it is stateless.
const encoder = new TextEncoder();
const staged = new Uint8Array(Math.ceil((STAGED_UNITS * UNIT_BYTES) / 8) * 8 + 8);
const stagedWords = new BigInt64Array(staged.buffer);
/** The scratch from each of its first 8 bytes on: text lies there within 8 bytes as where it goes. */
const starts = Array.from({ length: 8 }, (_, start) => staged.subarray(start));

let stagings = 0;

/** Bytes that text takes in UTF-8. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text);
}

/**
 * Writes text to `room` bytes, which lie in the segment.
 *
 * @returns bytes written, or -1 if it takes more: then nothing is written
 */
export function writeText(
  arrays: SegmentArrays,
  address: number,
  room: number,
  text: string,
): number {
  const units = text.length;
  if (units <= FEW_UNITS && units <= room && isAscii(text)) {
    const bytes = arrays.u8;
    for (let i = 0; i < units; i++) bytes[address + i] = text.charCodeAt(i);
    return units;
  }
  if (units <= STAGED_UNITS) {
    const byteLength = stageText(text, address);
    if (byteLength > room) return -1;
    storeStaged(arrays, address, byteLength);
    return byteLength;
  }
  const most = units * UNIT_BYTES;
  const byteLength = most <= room ? most : utf8Length(text);
  if (byteLength > room) return -1;
  return encoder.encodeInto(text, new Uint8Array(arrays.buffer, address, byteLength)).written;
}

/**
 * Encodes text of up to {@linkcode STAGED_UNITS} into the scratch, for {@linkcode storeStaged}.
 *
 * @param text the text
 * @param address where it will go, or any address that lies within 8 bytes as that does
 * @returns its bytes
 */
export function stageText(text: string, address: number): number {
  stagings++;
  return encoder.encodeInto(text, starts[address % 8]!).written;
}

/** How often text was staged: whether what one has staged is still there. */
export function stagedSinceStart(): number {
  return stagings;
}

/** Copies what was staged last to its address. */
export function storeStaged(arrays: SegmentArrays, address: number, byteLength: number): void {
  const { u8, i64 } = arrays;
  const end = address + byteLength;
  let at = address;
  let from = address % 8;
  for (; from < 8 && from !== 0 && at < end; at++, from++) u8[at] = staged[from]!;
  let word = at / 8;
  let fromWord = from / 8;
  // Four words a turn: one a turn takes half as long again.
  for (; at + 32 <= end; at += 32, word += 4, fromWord += 4) {
    i64[word] = stagedWords[fromWord]!;
    i64[word + 1] = stagedWords[fromWord + 1]!;
    i64[word + 2] = stagedWords[fromWord + 2]!;
    i64[word + 3] = stagedWords[fromWord + 3]!;
  }
  for (; at + 8 <= end; at += 8, word++, fromWord++) i64[word] = stagedWords[fromWord]!;
  for (from = fromWord * 8; at < end; at++, from++) u8[at] = staged[from]!;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}
