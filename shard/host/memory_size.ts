/**
 * Sizes of memory: as people write them, and as the machine suggests.
 *
 * @module
 */
import type { MachineMemory } from "./machine_memory.ts";

const UNITS: Record<string, number> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** Seastar's reserve, for everything in the machine but slices: this much, or this share. */
const RESERVE_BYTES = 1536 * 2 ** 20;
const RESERVE_SHARE = 0.07;

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

/**
 * How much memory a runtime takes when nobody says: what is available and allowed, less a reserve,
 * and no more than its slices can hold.
 *
 * The reserve is Seastar's, the larger of 1536 MiB and 7 %, and at most half of what there is: below
 * 3 GiB, where Seastar's would leave next to nothing, the runtime takes one half and leaves the other
 * to the JavaScript heaps, which lie outside the slices. Seastar takes 500 MB there, come what may.
 *
 * @param machine What the machine has.
 * @param mostBytes What all slices together can hold.
 * @returns Bytes.
 */
export function automaticMemory(machine: MachineMemory, mostBytes: number): number {
  const available = Math.min(machine.availableBytes, machine.limitBytes);
  const reserve = Math.min(Math.max(RESERVE_BYTES, RESERVE_SHARE * available), available / 2);
  return Math.floor(Math.min(available - reserve, mostBytes));
}
