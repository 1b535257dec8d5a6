/**
 * Where the words of an endpoint's control page lie. Lines of 128 bytes, each with one writer unless
 * said otherwise.
 *
 * ```
 * byte    0: PARKED           endpoint stores 1 before it sleeps; whoever wakes it swaps 0 in
 *       128: PENDING          senders mark their line of TAILS after they publish; the endpoint takes all marks
 *       256: STATE            host      whether the endpoint lives
 *       260: EPOCH            host      which life it is, from 0
 *       264: OBITUARY_LENGTH  host      bytes of OBITUARY, written before STATE says dead
 *       384: CHANGES_SEEN     endpoint  how many changes of anyone's STATE it has acted on
 *       388: HEARTBEAT        endpoint  counts its polls
 *       512: COUNTERS         endpoint  float64 figures, see bus_statistics.ts
 *      1024: LATENCIES        endpoint  int32 buckets, see latency_histogram.ts
 *      2048: TAILS            senders, one word each: records published to the ring from there, an i32 that wraps
 *      4096: OBITUARY         host      what it died of, in the value codec's bytes
 * ```
 *
 * @module
 */

/** Bytes of a control page. */
export const CONTROL_PAGE_BYTES = 8192;
/** Bytes to PARKED. */
export const PARKED_BYTES = 0;
/** Bytes to PENDING. */
export const PENDING_BYTES = 128;
/** Senders whose TAILs lie in one line, and share a bit of PENDING. */
export const SENDERS_PER_LINE = 16;
/** Bytes to STATE. */
export const STATE_BYTES = 256;
/** Bytes to EPOCH. */
export const EPOCH_BYTES = 260;
/** Bytes to OBITUARY_LENGTH. */
export const OBITUARY_LENGTH_BYTES = 264;
/** Bytes to CHANGES_SEEN. */
export const CHANGES_SEEN_BYTES = 384;
/** Bytes to HEARTBEAT. */
export const HEARTBEAT_BYTES = 388;
/** Bytes to COUNTERS. */
export const COUNTERS_BYTES = 512;
/** Bytes to LATENCIES. */
export const LATENCIES_BYTES = 1024;
/** Bytes to TAILS: 32 lines of them, as PENDING has bits. */
export const TAILS_BYTES = 2048;
/** Bytes to OBITUARY. */
export const OBITUARY_BYTES = 4096;
/** Room for OBITUARY. */
export const OBITUARY_CAPACITY_BYTES = 2048;

/** STATE: not there, or not ready. */
export const STATE_ABSENT = 0;
/** STATE: takes calls. */
export const STATE_RUNNING = 1;
/** STATE: gone without being asked to; OBITUARY says why. */
export const STATE_DEAD = 2;
/** STATE: the same, but its thread has not ended: it may still come back and read what was sent to it. */
export const STATE_STUCK = 3;
