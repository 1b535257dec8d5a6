/**
 * Alignment of byte offsets. Plain arithmetic rather than bit masks, as addresses of a segment
 * above 4 GiB do not fit in the 32 bits that JavaScript's bitwise operators keep.
 *
 * @module
 */

/** Whether `value` is 1, 2, 4, 8, … up to 2^52. */
export function isPowerOfTwo(value: number): boolean {
  if (!Number.isSafeInteger(value) || value < 1) return false;
  const high = Math.floor(value / 0x1_0000_0000);
  const low = value >>> 0;
  return high === 0 ? (low & (low - 1)) === 0 : low === 0 && (high & (high - 1)) === 0;
}

/** The distance from `value` up to the next multiple of `alignment`, 0 when it is one already. */
export function distanceToAligned(value: number, alignment: number): number {
  const past = value % alignment;
  return past === 0 ? 0 : alignment - past;
}

/** Throws unless `alignment` can be one. */
export function checkAlignment(alignment: number): void {
  if (typeof alignment !== "number") {
    throw new TypeError(`Cannot align to ${String(alignment)} bytes: expected a number`);
  }
  if (!isPowerOfTwo(alignment)) {
    throw new RangeError(`Cannot align to ${alignment} bytes: an alignment is a power of two`);
  }
}
