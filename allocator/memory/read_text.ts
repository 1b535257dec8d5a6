/**
 * UTF-8 in shared memory as text. `TextDecoder` copies shared bytes into a buffer that it makes for
 * the call, which takes 1 µs before the first byte. So ASCII, most of all text, is read as Latin-1 by
 * `latin1Slice` of `node:buffer`, which reads shared bytes where they are, and what is not ASCII is
 * copied into a scratch first. bench/results/variants.md has the ways that were measured.
 *
 * Another thread may write the bytes meanwhile: each way reads them once, into memory of its own.
 *
 * @module
 */
import { readLatin1, utf8Length } from "./latin1.ts";
import type { SegmentArrays } from "./segment_arrays.ts";

/** Up to so many bytes characters are put together one by one. */
const FEW_BYTES = 5;
/** So many bytes, four words, are looked at first: most text that is not ASCII shows it there. */
const LOOK_BYTES = 16;
/** So many bytes at a time are searched for the end of a longer one. */
const SEARCH_BYTES = 1024;
/** Longer text is copied by the decoder itself: the copy takes more time than the buffer for it. */
const SCRATCH_BYTES = 65_536;

// Made with the module, as it is stateless. A byte order mark is text like any other here.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** The thread's own; made when it is first needed. */
let scratch: Uint8Array<ArrayBuffer> | undefined;

/**
 * The text of `byteLength` bytes of UTF-8, which lie in the segment; what is none is U+FFFD. O(bytes).
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function readText(arrays: SegmentArrays, address: number, byteLength: number): string {
  const bytes = arrays.u8;
  if (byteLength <= FEW_BYTES) {
    let text = "";
    for (let at = address; at < address + byteLength; at++) {
      const byte = bytes[at]!;
      if (byte >= 0x80) return decode(arrays, address, byteLength);
      text += String.fromCharCode(byte);
    }
    return text;
  }
  if (byteLength < LOOK_BYTES) {
    for (let at = address; at < address + byteLength; at++) {
      if (bytes[at]! >= 0x80) return decode(arrays, address, byteLength);
    }
    return readLatin1(bytes, address, address + byteLength);
  }
  if (beginsWithMore(arrays, address)) return decode(arrays, address, byteLength);
  const text = readLatin1(bytes, address, address + byteLength);
  return isAscii(text) ? text : decode(arrays, address, byteLength);
}

/** The text of a field of `capacity` bytes of UTF-8: up to the first NUL, if there is one. */
export function readTextUpToNul(arrays: SegmentArrays, address: number, capacity: number): string {
  const bytes = arrays.u8;
  const looked = address + (capacity < LOOK_BYTES ? capacity : LOOK_BYTES);
  for (let at = address; at < looked; at++) {
    if (bytes[at] === 0) return readText(arrays, address, at - address);
  }
  for (let start = 0; start < capacity; start += SEARCH_BYTES) {
    const from = address + start;
    const end = Math.min(from + SEARCH_BYTES, address + capacity);
    const found = readLatin1(bytes, from, end);
    const index = found.indexOf("\0");
    if (index < 0) continue;
    const length = start + index;
    // A part keeps the whole in memory: not if that is much more.
    if (start > 0 || index < found.length / 2) return readText(arrays, address, length);
    const text = found.slice(0, index);
    return isAscii(text) ? text : decode(arrays, address, length);
  }
  return readText(arrays, address, capacity);
}

/** Whether the first bytes are not all ASCII. Only where they are whole words: to look is to save time. */
function beginsWithMore({ i32 }: SegmentArrays, address: number): boolean {
  if ((address & 3) !== 0) return false;
  const word = address / 4;
  return ((i32[word]! | i32[word + 1]! | i32[word + 2]! | i32[word + 3]!) & 0x80808080) !== 0;
}

/** Whether text of bytes read as Latin-1 is ASCII: any other character takes two bytes in UTF-8. */
function isAscii(latin1: string): boolean {
  return utf8Length(latin1) === latin1.length;
}

function decode(arrays: SegmentArrays, address: number, byteLength: number): string {
  const shared = new Uint8Array(arrays.buffer, address, byteLength);
  if (byteLength > SCRATCH_BYTES) return decoder.decode(shared);
  scratch ??= new Uint8Array(SCRATCH_BYTES + 8);
  // A copy goes a word at a time only if both ends lie alike within their 8 bytes.
  const start = address & 7;
  scratch.set(shared, start);
  return decoder.decode(new Uint8Array(scratch.buffer, start, byteLength));
}
