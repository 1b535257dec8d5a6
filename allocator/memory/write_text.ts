/**
 * Text as UTF-8 into shared memory. `TextEncoder.encodeInto` writes shared bytes as quickly as own
 * ones, but to make the view that says where takes as long as to encode 500 bytes. So views of the
 * last places are kept. Where the length must be known before there is a place, short text is encoded
 * into a scratch, and copied from there by the word. bench/results/variants.md has the ways that were
 * measured.
 *
 * Half a surrogate pair becomes U+FFFD, as TextEncoder has it.
 *
 * @module
 */
import { utf8Length } from "./latin1.ts";
import { checkSpan } from "./span.ts";
import { PLACES, type SegmentArrays } from "./segment_arrays.ts";

/** Text of up to so many UTF-16 units is encoded before its length is known. */
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

/**
 * Writes text to `room` bytes.
 *
 * @returns bytes written, or -1 if it takes more: then its beginning is written
 * @throws {TypeError} if the place is not numbers
 * @throws {RangeError} if it is not in the segment
 */
export function writeText(
  arrays: SegmentArrays,
  address: number,
  room: number,
  text: string,
): number {
  const units = text.length;
  if (units <= FEW_UNITS && units <= room && isAscii(text)) {
    checkSpan(arrays, "write", address, room);
    const bytes = arrays.u8;
    for (let i = 0; i < units; i++) bytes[address + i] = text.charCodeAt(i);
    return units;
  }
  const { read, written } = encoder.encodeInto(text, placeAt(arrays, address, room));
  return read === units ? written : -1;
}

/**
 * The same, but that nothing is written if the text takes more.
 */
export function writeWholeText(
  arrays: SegmentArrays,
  address: number,
  room: number,
  text: string,
): number {
  const units = text.length;
  if (units * UNIT_BYTES <= room) return writeText(arrays, address, room, text);
  if (units > STAGED_UNITS) {
    return utf8Length(text) > room ? -1 : writeText(arrays, address, room, text);
  }
  const byteLength = stageText(text, address);
  if (byteLength > room) return -1;
  storeStaged(arrays, address, byteLength);
  return byteLength;
}

/** The view of a place that text goes to: those of the last places are kept, as they are made slowly. */
function placeAt(
  arrays: SegmentArrays,
  address: number,
  byteLength: number,
): Uint8Array<SharedArrayBuffer> {
  const { places } = arrays;
  const index = (address >>> 3) & (PLACES - 1);
  const kept = places[index]!;
  // Such a one was looked at when it was made.
  if (kept.byteOffset === address && kept.length === byteLength) return kept;
  checkSpan(arrays, "write", address, byteLength);
  return places[index] = new Uint8Array(arrays.buffer, address, byteLength);
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
  return encoder.encodeInto(text, starts[address & 7]!).written;
}

/** How often text was staged: whether what one has staged is still there. */
export function stagedSinceStart(): number {
  return stagings;
}

/** Copies what was staged last to its address. */
export function storeStaged(arrays: SegmentArrays, address: number, byteLength: number): void {
  const { u8, i64 } = arrays;
  let at = address;
  let from = address & 7;
  let left = byteLength;
  for (; (from & 7) !== 0 && left > 0; at++, from++, left--) u8[at] = staged[from]!;
  const words = left >>> 3;
  if (words > 0) {
    const to = at / 8;
    const start = from >>> 3;
    let i = 0;
    // Four words a turn: one a turn takes half as long again.
    for (; i + 4 <= words; i += 4) {
      i64[to + i] = stagedWords[start + i]!;
      i64[to + i + 1] = stagedWords[start + i + 1]!;
      i64[to + i + 2] = stagedWords[start + i + 2]!;
      i64[to + i + 3] = stagedWords[start + i + 3]!;
    }
    for (; i < words; i++) i64[to + i] = stagedWords[start + i]!;
    at += words * 8;
    from += words * 8;
    left &= 7;
  }
  for (; left > 0; at++, from++, left--) u8[at] = staged[from]!;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}
