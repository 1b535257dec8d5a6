/**
 * Numbers as they stand in commands and in values: read as C's strtoul() and its kin do in memcached
 * (util.c), which is more than digits. White space may come before a number and anything behind the
 * white space or the NUL that ends it; a number of 64 bits is cut to the 32 that are wanted; and text below zero
 * is read without a sign, as long as the outcome looks like a number from 0 to 2^63.
 *
 * @module
 */

const NUL = 0;
const SPACE = 32;
const ZERO = 48;
const PLUS = 43;
const MINUS = 45;

/** Returned for what is not a number. */
export const NO_NUMBER = Number.NaN;

/** The most digits that a JS number holds exactly. */
const EXACT_DIGITS = 15;
/** Digits of 2^64 - 1. */
const MOST_DIGITS = 20;
const HALF_RANGE = 2n ** 63n;
const RANGE = 2n ** 64n;

/** A number from 0 to 2^32 - 1; one of 64 bits is cut. */
export function readUnsigned32(bytes: Uint8Array, start: number, end: number): number {
  const digits = readDigits(bytes, start, end);
  if (digits !== -1) return digits < 2 ** 32 ? digits : digits % 2 ** 32;
  const number = readUnsigned64(bytes, start, end);
  return number === undefined ? NO_NUMBER : Number(BigInt.asUintN(32, number));
}

/** A number from -2^31 to 2^31 - 1; one of 64 bits is cut. */
export function readSigned32(bytes: Uint8Array, start: number, end: number): number {
  const digits = readDigits(bytes, start, end);
  if (digits !== -1) return digits | 0; // which is the low half of it, up to 2^53
  const number = readInteger(bytes, start, end);
  if (number === undefined || number < -HALF_RANGE || number >= HALF_RANGE) return NO_NUMBER;
  return Number(BigInt.asIntN(32, number));
}

/** A number from 0 to 2^64 - 1; undefined for what is none. */
export function readUnsigned64(bytes: Uint8Array, start: number, end: number): bigint | undefined {
  const digits = readDigits(bytes, start, end);
  if (digits !== -1) return BigInt(digits);
  const number = readInteger(bytes, start, end);
  if (number === undefined || number <= -RANGE || number >= RANGE) return undefined;
  const unsigned = BigInt.asUintN(64, number);
  if (unsigned < HALF_RANGE) return unsigned;
  const text = bytes.subarray(start, end);
  const minus = text.indexOf(MINUS);
  return minus === -1 || text.subarray(0, minus).includes(NUL) ? unsigned : undefined;
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

/** The number that all of the bytes are, if they are a few digits and no more; else -1. */
function readDigits(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end || end - start > EXACT_DIGITS) return -1;
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** The whole number that the bytes begin with; undefined if there is none, or one past 2^64. */
function readInteger(bytes: Uint8Array, start: number, end: number): bigint | undefined {
  let at = start;
  while (at < end && isSpace(bytes[at]!)) at++;
  const isNegative = bytes[at] === MINUS && at < end;
  if (isNegative || (bytes[at] === PLUS && at < end)) at++;
  const first = at;
  while (at < end && bytes[at] === ZERO) at++;
  let text = "";
  for (; at < end && isDigit(bytes[at]!) && text.length <= MOST_DIGITS; at++) {
    text += String.fromCharCode(bytes[at]!);
  }
  if (at === first || text.length > MOST_DIGITS) return undefined;
  if (at < end && !isSpace(bytes[at]!) && bytes[at] !== NUL) return undefined;
  return isNegative ? -BigInt(text) : BigInt(text);
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

/** White space as C sees it: blank, and tab to carriage return. */
function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 9 && byte <= 13);
}
