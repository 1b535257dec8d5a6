/**
 * Where the words of one ring lie. A ring carries the records of one ordered pair of endpoints.
 *
 * ```
 * byte      0: TAIL   written by the producer   records published, a monotonic i32 that wraps
 *         128: HEAD   written by the consumer   records taken, a monotonic i32 that wraps
 *         256: slots  written by the producer   slotCount × 64 bytes, a power of two of them
 * ```
 *
 * TAIL and HEAD keep 128 bytes to themselves each: processors fetch lines in pairs, and a line that
 * both sides write would travel between the cores at every message.
 *
 * @module
 */

import { RECORD_BYTES } from "./record_layout.ts";

/** Bytes from a ring's start to the word that its producer publishes. */
export const RING_TAIL_BYTES = 0;
/** Bytes from a ring's start to the word that its consumer publishes. */
export const RING_HEAD_BYTES = 128;
/** Bytes from a ring's start to its first slot. */
export const RING_SLOTS_BYTES = 256;

/** Bytes that a ring of `slotCount` slots takes in the segment. */
export function ringBytes(slotCount: number): number {
  return RING_SLOTS_BYTES + slotCount * RECORD_BYTES;
}
