/**
 * Sizes of memory as people write them.
 *
 * @module
 */

const UNITS: Record<string, number> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/**
 * Bytes of a size given as a number, or as text like "512MiB", "4G" or "65536". The units are powers
 * of two, as with Seastar's `--memory`: K, M, G, T, with or without "B" or "iB". O(1).
 *
 * @param size A number of bytes, or text.
 * @returns Bytes, an integer.
 * @throws {TypeError} If it is neither a number nor text.
 * @throws {RangeError} If it is not a size.
 *
 * @example
 * ```ts
 * import { parseMemorySize } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseMemorySize("512MiB"), 536_870_912);
 * ```
 */
export function parseMemorySize(size: number | string): number {
  if (typeof size !== "number" && typeof size !== "string") {
    throw new TypeError(
      `Cannot read a memory size: expected a number of bytes or text like "512MiB", received ${typeof size}`,
    );
  }
  let bytes = typeof size === "number" ? size : NaN;
  if (typeof size === "string") {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*$/i.exec(size);
    if (match !== null) bytes = Number(match[1]) * UNITS[match[2]!.toUpperCase()]!;
  }
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    const shown = typeof size === "string" ? `"${size}"` : String(size);
    throw new RangeError(
      `Cannot read memory size ${shown}: expected whole bytes, as a number or as text like "512MiB", "4G" or "65536"`,
    );
  }
  return bytes;
}
