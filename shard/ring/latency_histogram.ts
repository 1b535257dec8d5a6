/**
 * A histogram of round trips in shared memory, after HdrHistogram: eight buckets to each power of two,
 * so a reading is at most 12.5 % off. Of 64 calls one is timed, since reading the clock twice would
 * cost half as much as the call. No library of histograms keeps its buckets where another thread can
 * read them, so these are thirty lines of our own.
 *
 * @module
 */

/** Buckets of a histogram. */
export const BUCKET_COUNT = 256;
/** Nanoseconds of the first bucket's width. */
const UNIT_NANOSECONDS = 16;

/**
 * How long round trips of calls take, in microseconds. Each percentile is a value at or below which
 * that share of calls lies. A round trip of more than 34 s counts as 34 s.
 */
export interface LatencyStatistics {
  /** Calls timed: about one in 64. */
  readonly samples: number;
  /** Half of the calls took no longer. */
  readonly p50: number;
  /** 99 of 100. */
  readonly p99: number;
  /** 999 of 1,000. */
  readonly p999: number;
  /** All. */
  readonly max: number;
}

/** The bucket of a round trip of `units`. */
function bucketOf(units: number): number {
  if (units < 8) return units;
  const exponent = 31 - Math.clz32(units);
  return Math.min((exponent - 2) * 8 + ((units >>> (exponent - 3)) & 7), BUCKET_COUNT - 1);
}

/** The largest value of a bucket, in units. */
function topOf(bucket: number): number {
  if (bucket < 8) return bucket;
  const exponent = (bucket >> 3) + 2;
  return (((bucket & 7) + 9) * 2 ** (exponent - 3)) - 1;
}

/** The writing side: only the endpoint whose calls are timed. */
export class LatencyHistogram {
  readonly #buckets: Int32Array;

  constructor(buckets: Int32Array) {
    this.#buckets = buckets;
  }

  /** Counts a round trip. */
  add(milliseconds: number): void {
    const units = Math.min(Math.round(milliseconds * (1e6 / UNIT_NANOSECONDS)), 0x7fffffff);
    this.#buckets[bucketOf(units)]!++;
  }
}

/** Reads a histogram from any thread. */
export function readLatencies(buckets: Int32Array): LatencyStatistics {
  let samples = 0;
  for (const count of buckets) samples += count;
  const at = (share: number): number => {
    let left = Math.ceil(samples * share);
    for (let bucket = 0; bucket < BUCKET_COUNT && samples > 0; bucket++) {
      left -= buckets[bucket]!;
      if (left <= 0) return topOf(bucket) * UNIT_NANOSECONDS / 1000;
    }
    return 0;
  };
  return { samples, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
}
