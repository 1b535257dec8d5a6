/**
 * How long calls took: every sample is kept and sorted when asked, so the percentiles are exact
 * (nearest rank). Replays make thousands of calls, not billions; no histogram of buckets is needed.
 *
 * @module
 */

/** Exact percentiles of a set of samples, in milliseconds; undefined where there is no sample. */
export interface LatencySummary {
  readonly count: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly max?: number;
}

/** Collects the durations of calls. */
export class LatencySamples {
  #samples = new Float64Array(1024);
  #count = 0;

  /** Adds the duration of one call, in milliseconds. */
  add(milliseconds: number): void {
    if (this.#count === this.#samples.length) {
      const grown = new Float64Array(2 * this.#count);
      grown.set(this.#samples);
      this.#samples = grown;
    }
    this.#samples[this.#count++] = milliseconds;
  }

  /** The percentiles of all samples so far. Sorts them: takes n log n. */
  summary(): LatencySummary {
    const count = this.#count;
    if (count === 0) return { count };
    const sorted = this.#samples.subarray(0, count).sort();
    return {
      count,
      p50: nearestRank(sorted, 0.5),
      p99: nearestRank(sorted, 0.99),
      max: sorted[count - 1]!,
    };
  }
}

/** The smallest sample that at least `share` of the samples do not exceed. */
function nearestRank(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}
