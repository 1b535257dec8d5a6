/**
 * Figures of a bus: float64 counters in the endpoint's control page, which it writes plainly and any
 * thread may read.
 *
 * @module
 */

import { COUNTERS_BYTES, LATENCIES_BYTES } from "./control_page.ts";
import { BUCKET_COUNT, type LatencyStatistics, readLatencies } from "./latency_histogram.ts";

/** Figures of one endpoint's bus. */
export interface BusStatistics {
  /** Calls sent to other endpoints. */
  readonly callsSent: number;
  /** Replies received. */
  readonly repliesReceived: number;
  /** Calls of other endpoints taken in. */
  readonly callsReceived: number;
  /** Replies sent. */
  readonly repliesSent: number;
  /** Calls that had to wait for room or memory before they were sent. */
  readonly callsDelayed: number;
  /** Calls that wait for room or memory now. */
  readonly callsWaiting: number;
  /** Batches published: one or more records to one endpoint. */
  readonly batches: number;
  /** Times that this endpoint slept. */
  readonly sleeps: number;
  /** Times that it woke another. */
  readonly wakeUps: number;
  /** Round trips of its calls, in microseconds. */
  readonly latencyMicroseconds: LatencyStatistics;
}

/** Index of each counter. */
export const CALLS_SENT = 0;
/** Index of repliesReceived. */
export const REPLIES_RECEIVED = 1;
/** Index of callsReceived. */
export const CALLS_RECEIVED = 2;
/** Index of repliesSent. */
export const REPLIES_SENT = 3;
/** Index of callsDelayed. */
export const CALLS_DELAYED = 4;
/** Index of callsWaiting. */
export const CALLS_WAITING = 5;
/** Index of batches. */
export const BATCHES = 6;
/** Index of sleeps. */
export const SLEEPS = 7;
/** Index of wakeUps. */
export const WAKE_UPS = 8;
/** Counters of an endpoint. */
export const COUNTER_COUNT = 9;

/** Reads the figures in the control page at `pageByteOffset`, from any thread. */
export function readBusStatistics(
  buffer: SharedArrayBuffer,
  pageByteOffset: number,
): BusStatistics {
  const counters = new Float64Array(buffer, pageByteOffset + COUNTERS_BYTES, COUNTER_COUNT);
  const latencies = new Int32Array(buffer, pageByteOffset + LATENCIES_BYTES, BUCKET_COUNT);
  return {
    callsSent: counters[CALLS_SENT]!,
    repliesReceived: counters[REPLIES_RECEIVED]!,
    callsReceived: counters[CALLS_RECEIVED]!,
    repliesSent: counters[REPLIES_SENT]!,
    callsDelayed: counters[CALLS_DELAYED]!,
    callsWaiting: counters[CALLS_WAITING]!,
    batches: counters[BATCHES]!,
    sleeps: counters[SLEEPS]!,
    wakeUps: counters[WAKE_UPS]!,
    latencyMicroseconds: readLatencies(latencies),
  };
}
