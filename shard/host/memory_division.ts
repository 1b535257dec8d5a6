/**
 * How the memory of a runtime is divided between its shards. The division is static, as in Seastar,
 * and equal unless weights say otherwise, which Seastar cannot.
 *
 * @module
 */

import { MAX_SLICE_BYTES, MIN_SLICE_BYTES } from "../../allocator/mod.ts";
import { PAGE_BYTES } from "../calls/mod.ts";

/**
 * The least that an endpoint is given, in bytes. The smallest slice has room for the allocator's lists
 * and a few blocks: this is for messages and objects, in some pages.
 */
export const MIN_SHARE_BYTES: number = 64 * MIN_SLICE_BYTES;

/**
 * Bytes of each shard's slice, in whole pages. Pages that do not divide evenly are left out, so that
 * equal weights give equal slices.
 *
 * @param totalBytes memory of all shards together
 * @param shardCount how many shards
 * @param weights share of each shard in relation to the others; equal if left out
 * @returns bytes by shard
 * @throws {TypeError} if `weights` is not an array of numbers
 * @throws {RangeError} if there is not one weight above 0 for each shard, or a slice would be smaller
 * or larger than a slice can be
 */
export function divideMemory(
  totalBytes: number,
  shardCount: number,
  weights?: readonly number[],
): number[] {
  return divisorsOf(shardCount, weights).map((divisor, shard) => {
    // Whole pages, and so a multiple of what a slice is aligned to.
    const sliceBytes = Math.floor(totalBytes / divisor / PAGE_BYTES) * PAGE_BYTES;
    if (sliceBytes < MIN_SHARE_BYTES || sliceBytes > MAX_SLICE_BYTES) {
      const weighted = weights === undefined ? "" : ` weighted ${weights.join(", ")}`;
      throw new RangeError(
        `Cannot divide ${totalBytes} bytes of memory between ${shardCount} shards${weighted}: ` +
          `shard ${shard} would have ${sliceBytes} bytes, ` +
          `expected ${MIN_SHARE_BYTES} to ${MAX_SLICE_BYTES}`,
      );
    }
    return sliceBytes;
  });
}

/**
 * The most memory that shards of these weights can use: the largest of them then has all that a
 * slice can hold.
 *
 * @param shardCount how many shards
 * @param weights as for {@linkcode divideMemory}
 * @returns bytes
 */
export function divisibleMemory(shardCount: number, weights?: readonly number[]): number {
  return Math.floor(MAX_SLICE_BYTES * Math.min(...divisorsOf(shardCount, weights)));
}

/**
 * What to divide the total by for each shard. Divisors and not shares of one, as a division by 3 is
 * exact where it comes out even, and a multiplication by a third is not.
 */
function divisorsOf(shardCount: number, weights: readonly number[] | undefined): number[] {
  if (weights === undefined) return new Array<number>(shardCount).fill(shardCount);
  if (!Array.isArray(weights) || weights.some((weight) => typeof weight !== "number")) {
    const shown = Array.isArray(weights) ? `[${weights.join(", ")}]` : typeof weights;
    throw new TypeError(`Cannot weight shards by ${shown}: expected an array of numbers`);
  }
  if (weights.length !== shardCount) {
    throw new RangeError(
      `Cannot weight ${shardCount} shards by ${weights.length} weights: expected one each`,
    );
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  // Weights near the largest number add up to Infinity, and tiny ones beside large ones divide to it.
  const divisors = weights.map((weight) => sum / weight);
  if (weights.some((weight) => !(weight > 0)) || !divisors.every(Number.isFinite)) {
    throw new RangeError(
      `Cannot weight shards by ${weights.join(", ")}: expected numbers above 0, and finite`,
    );
  }
  return divisors;
}
