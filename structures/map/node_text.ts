/**
 * Text in a node: a byte a character if all are below U+0100, else two, and nothing lost, not half a
 * surrogate pair either. Each text has one form only, so that equal texts are equal words.
 *
 * KEY_INFO and VALUE_INFO of text are its bytes, times two, plus 1 if characters take two.
 *
 * @module
 */

import { readLatin1, type SegmentArrays } from "../../allocator/unstable_layers.ts";

/** Up to so many characters are put together one by one. */
const FEW_CHARACTERS = 8;
/** So many arguments a call takes. */
const CHARACTERS_A_CALL = 4096;

/** Bytes that an info tells of. */
export function bytesOfInfo(info: number): number {
  return info >>> 1;
}

/** Words that so many bytes take. */
export function wordsOf(byteLength: number): number {
  return (byteLength + 3) >>> 2;
}

/** Words that any text of so many characters fits. */
export function roomForText(length: number): number {
  return ((length + 1) >>> 1) + 1;
}

/** Writes text to words from `at` on, the last padded with zeros. There is room for it. @returns its info */
export function packText(text: string, words: Int32Array, at: number): number {
  const { length } = text;
  let all = 0;
  let to = at;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    all |= a | b | c | d;
    words[to++] = a | (b << 8) | (c << 16) | (d << 24);
  }
  if (i < length) {
    let word = 0;
    for (let shift = 0; i < length; i++, shift += 8) {
      const a = text.charCodeAt(i);
      all |= a;
      word |= a << shift;
    }
    words[to] = word;
  }
  return all < 0x100 ? length * 2 : packWide(text, words, at);
}

function packWide(text: string, words: Int32Array, at: number): number {
  const { length } = text;
  let to = at;
  let i = 0;
  for (; i + 2 <= length; i += 2) {
    words[to++] = text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16);
  }
  if (i < length) words[to] = text.charCodeAt(i);
  return length * 4 + 1;
}

/** The text at an address, a multiple of 4, of that info. */
export function unpackText(arrays: SegmentArrays, address: number, info: number): string {
  const byteLength = bytesOfInfo(info);
  if ((info & 1) === 0) {
    if (byteLength > FEW_CHARACTERS) return readLatin1(arrays.u8, address, address + byteLength);
    let text = "";
    for (let i = 0; i < byteLength; i++) text += String.fromCharCode(arrays.u8[address + i]!);
    return text;
  }
  const first = address / 2;
  const end = first + byteLength / 2;
  let text = "";
  for (let from = first; from < end; from += CHARACTERS_A_CALL) {
    const units = arrays.u16.subarray(from, Math.min(from + CHARACTERS_A_CALL, end));
    text += String.fromCharCode(...units);
  }
  return text;
}
