/**
 * Whether bytes lie in a segment, and what is wrong with a request for text there.
 *
 * @module
 */
import type { SegmentArrays } from "./segment_arrays.ts";
import { utf8Length } from "./write_text.ts";

/** Whether `byteLength` bytes lie at the address, null included. What is not a number never does. */
export function isSpan(arrays: SegmentArrays, address: number, byteLength: number): boolean {
  // Numbers.isInteger() of both, and comparisons that NaN fails.
  return address >= 0 && byteLength >= 0 && address <= arrays.byteLength - byteLength &&
    Number.isInteger(address) && Number.isInteger(byteLength);
}

/**
 * Throws unless the bytes lie in the segment.
 *
 * @throws {TypeError} if either is not a number
 * @throws {RangeError} if they do not lie there
 */
export function checkSpan(
  arrays: SegmentArrays,
  operation: "read" | "write",
  address: number,
  byteLength: number,
): void {
  if (isSpan(arrays, address, byteLength)) return;
  const start = `Cannot ${operation} ${String(byteLength)} bytes of text at address ${
    String(address)
  }`;
  if (typeof address !== "number" || typeof byteLength !== "number") {
    throw new TypeError(`${start}: expected numbers`);
  }
  throw new RangeError(`${start}: the segment has ${arrays.byteLength} bytes`);
}

/**
 * Throws unless what is to be written is text.
 *
 * @throws {TypeError} if it is not
 */
export function checkText(operation: "allocate" | "write", text: unknown): asserts text is string {
  if (typeof text === "string") return;
  throw new TypeError(`Cannot ${operation} text: expected a string, received ${typeof text}`);
}

/** The error of text that takes more bytes than there are for it. */
export function roomError(address: number, byteLength: number, text: string): RangeError {
  return new RangeError(
    `Cannot write ${utf8Length(text)} bytes of text at address ${address}: ` +
      `expected ${byteLength} at most`,
  );
}
