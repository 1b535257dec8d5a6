/**
 * Whether bytes lie in a segment.
 *
 * @module
 */
import type { SegmentArrays } from "./segment_arrays.ts";

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
