/**
 * Numbers as they stand in commands and in values: decimal digits, read as C's strtoul() and its kin
 * do in memcached (util.c), but never with an exception for what is no number.
 *
 * @module
 */

const SPACE = 32;
const ZERO = 48;
const PLUS = 43;
const MINUS = 45;

/** Returned for what is no number. */
export const NO_NUMBER = Number.NaN;

/** The most digits that a JS number holds exactly. */
const EXACT_DIGITS = 15;

/**
 * The whole number in the bytes from `start` to `end`, which may have a sign; NO_NUMBER if they are
 * anything else. What is past 2^53 is near the number, no more: see `readUnsigned64()`.
 */
export function readNumber(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === MINUS;
  let at = negative || bytes[start] === PLUS ? start + 1 : start;
  if (at >= end) return NO_NUMBER;
  let number = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return NO_NUMBER;
    number = number * 10 + digit;
  }
  return negative ? -number : number;
}

/** A number from 0 to 2^32 - 1. */
export function readUnsigned32(bytes: Uint8Array, start: number, end: number): number {
  const number = readNumber(bytes, start, end);
  return number >= 0 && number < 2 ** 32 ? number : NO_NUMBER;
}

/** A number from -2^31 to 2^31 - 1. */
export function readSigned32(bytes: Uint8Array, start: number, end: number): number {
  const number = readNumber(bytes, start, end);
  return number >= -(2 ** 31) && number < 2 ** 31 ? number : NO_NUMBER;
}

/** A number from 0 to 2^64 - 1; undefined for what is none. */
export function readUnsigned64(bytes: Uint8Array, start: number, end: number): bigint | undefined {
  const near = readNumber(bytes, start, end);
  if (!(near >= 0)) return undefined;
  if (end - start <= EXACT_DIGITS) return BigInt(near);
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  const number = BigInt(text.replace("+", ""));
  return number < 2n ** 64n ? number : undefined;
}

/** The number that begins a value and ends at white space or with it; undefined if there is none. */
export function readValueNumber(
  bytes: Uint8Array,
  start: number,
  end: number,
): bigint | undefined {
  let from = start;
  while (from < end && isSpace(bytes[from]!)) from++;
  let to = from;
  while (to < end && !isSpace(bytes[to]!)) to++;
  return readUnsigned64(bytes, from, to);
}

/** Writes a number over the bytes from `start` to `end`, spaces behind it. It must fit. */
export function writeValueNumber(
  bytes: Uint8Array,
  start: number,
  end: number,
  text: string,
): void {
  for (let at = start; at < end; at++) {
    const digit = at - start;
    bytes[at] = digit < text.length ? text.charCodeAt(digit) : SPACE;
  }
}

/** White space as C sees it: blank, and tab to carriage return. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 9 && byte <= 13);
}
