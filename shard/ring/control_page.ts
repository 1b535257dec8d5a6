/**
 * Where the words of an endpoint's control page lie. Lines of 128 bytes, each with one writer unless
 * said otherwise.
 *
 * ```
 * byte     0..3     PARKED           endpoint stores 1 before it sleeps; whoever wakes it swaps 0 in
 *          4..7     RETURNS          whoever gives a lent block back to the endpoint counts
 *        128..131   PENDING          senders mark their line of TAILS after they publish; the endpoint takes all marks
 *        256..259   STATE            host      whether the endpoint lives
 *        260..263   EPOCH            host      which life it is, from 0
 *        264..267   OBITUARY_LENGTH  host      bytes of OBITUARY, written before STATE says dead
 *        384..387   CHANGES_SEEN     endpoint  how many changes of anyone's STATE it has acted on
 *        388..391   HEARTBEAT        endpoint  counts its polls
 *        512..1023  COUNTERS         endpoint  float64 figures, see bus_statistics.ts
 *       1024..2047  LATENCIES        endpoint  int32 buckets, see latency_histogram.ts
 *       2048..4095  TAILS            senders, one word each: records published to the ring from there, an i32 that wraps
 *       4096..6143  OBITUARY         host      what it died of, in the value codec's bytes
 * ```
 *
 * @module
 */

const WORD_BYTES = 4;
/** Processors fetch lines of 64 bytes in pairs. */
const LINE_BYTES = 128;

/** Senders whose TAILs lie in one line, and share a bit of PENDING. */
export const SENDERS_PER_LINE = 16;
/** Lines of TAILs: as many as PENDING has bits. */
const TAIL_LINES = 32;

/** Room for COUNTERS, of which not all is used. */
export const COUNTERS_CAPACITY_BYTES = 512;
/** Room for LATENCIES. */
export const LATENCIES_CAPACITY_BYTES = 1024;
/** Room for TAILS. */
export const TAILS_CAPACITY_BYTES: number = TAIL_LINES * SENDERS_PER_LINE * WORD_BYTES;
/** Room for OBITUARY. */
export const OBITUARY_CAPACITY_BYTES = 2048;

/** Bytes to PARKED. */
export const PARKED_BYTES = 0;
/** Bytes to RETURNS: it wakes, too. */
export const RETURNS_BYTES: number = PARKED_BYTES + WORD_BYTES;
/** Bytes to PENDING. */
export const PENDING_BYTES: number = PARKED_BYTES + LINE_BYTES;
/** Bytes to STATE. */
export const STATE_BYTES: number = PENDING_BYTES + LINE_BYTES;
/** Bytes to EPOCH. */
export const EPOCH_BYTES: number = STATE_BYTES + WORD_BYTES;
/** Bytes to OBITUARY_LENGTH. */
export const OBITUARY_LENGTH_BYTES: number = EPOCH_BYTES + WORD_BYTES;
/** Bytes to CHANGES_SEEN. */
export const CHANGES_SEEN_BYTES: number = STATE_BYTES + LINE_BYTES;
/** Bytes to HEARTBEAT. */
export const HEARTBEAT_BYTES: number = CHANGES_SEEN_BYTES + WORD_BYTES;
/** Bytes to COUNTERS. */
export const COUNTERS_BYTES: number = CHANGES_SEEN_BYTES + LINE_BYTES;
/** Bytes to LATENCIES. */
export const LATENCIES_BYTES: number = COUNTERS_BYTES + COUNTERS_CAPACITY_BYTES;
/** Bytes to TAILS. */
export const TAILS_BYTES: number = LATENCIES_BYTES + LATENCIES_CAPACITY_BYTES;
/** Bytes to OBITUARY. */
export const OBITUARY_BYTES: number = TAILS_BYTES + TAILS_CAPACITY_BYTES;
/** Bytes of a control page: two pages of most machines. */
export const CONTROL_PAGE_BYTES = 8192;

/** STATE: not there, or not ready. */
export const STATE_ABSENT = 0;
/** STATE: takes calls. */
export const STATE_RUNNING = 1;
/** STATE: gone without being asked to; OBITUARY says why. */
export const STATE_DEAD = 2;
/** STATE: the same, but its thread has not ended: it may still come back and read what was sent to it. */
export const STATE_STUCK = 3;
/** STATE: lives again, and takes no calls but those that open it. */
export const STATE_OPENING = 4;
