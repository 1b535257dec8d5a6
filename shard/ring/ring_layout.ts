/**
 * Where the words of one ring lie. A ring carries the records of one ordered pair of endpoints.
 *
 * ```
 * byte   0..3  HEAD   written by the consumer   records taken, a monotonic i32 that wraps
 *      128..   SLOTS  written by the producer   slotCount × 64 bytes, a power of two of them
 * ```
 *
 * HEAD keeps 128 bytes to itself: processors fetch lines in pairs, and a line that both sides write
 * would travel between the cores at every message. TAIL, the producer's word, lies with those of the
 * receiver's other senders: see arrivals.ts.
 *
 * @module
 */

import { RECORD_BYTES } from "./record_layout.ts";

/** Processors fetch lines of 64 bytes in pairs. */
const LINE_BYTES = 128;

/** Bytes from a ring's start to the word that its consumer publishes. */
export const RING_HEAD_BYTES = 0;
/** Bytes from a ring's start to its first slot. */
export const RING_SLOTS_BYTES: number = RING_HEAD_BYTES + LINE_BYTES;

/** Bytes that a ring of `slotCount` slots takes in the segment. */
export function ringBytes(slotCount: number): number {
  return RING_SLOTS_BYTES + slotCount * RECORD_BYTES;
}
