/**
 * How often a cache was of use: each endpoint counts on a line of its own, so that none disturbs another, and
 * who wants to know adds up.
 *
 * @module
 */

import { BYTES_HELD, EVICTIONS, EXPIRATIONS, HITS, LINE_WORDS, MISSES } from "./cache_layout.ts";

/** What a cache has done since it was made. */
export interface CacheStatistics {
  /** How often `get()`, `read()` and `getOrLoad()` have found an entry, on all shards. */
  readonly hits: number;
  /** How often they have found none. */
  readonly misses: number;
  /** Entries that have gone to make room. */
  readonly evictions: number;
  /** Entries that have gone as their time was over. Those that nobody has come by yet do not count. */
  readonly expirations: number;
  /** Entries that there are, with those whose time is over that nobody has come by yet. */
  readonly entries: number;
  /** Bytes that they take. */
  readonly bytes: number;
}

const LINE_DOUBLES = LINE_WORDS / 2;

/** The figures of one cache, for one endpoint. Only it writes its line, so that a plain addition is exact. */
export class CacheFigures {
  readonly #doubles: Float64Array;
  readonly #first: number;
  readonly #own: number;
  readonly #owner: number;
  readonly #endpointCount: number;

  /**
   * @param doubles The owner's slice.
   * @param first Index of the first line there.
   * @param own Which line is this endpoint's.
   * @param owner Which is the owner's.
   * @param endpointCount How many there are.
   */
  constructor(
    doubles: Float64Array,
    first: number,
    own: number,
    owner: number,
    endpointCount: number,
  ) {
    this.#doubles = doubles;
    this.#first = first;
    this.#own = first + own * LINE_DOUBLES;
    this.#owner = first + owner * LINE_DOUBLES;
    this.#endpointCount = endpointCount;
  }

  /** Counts one that was found. */
  hit(): void {
    this.#doubles[this.#own + HITS]!++;
  }

  /** Counts one that was not. */
  miss(): void {
    this.#doubles[this.#own + MISSES]!++;
  }

  /** Counts one that has gone to make room. For the owner. */
  evicted(): void {
    this.#doubles[this.#own + EVICTIONS]!++;
  }

  /** Counts one whose time was over. For the owner. */
  expired(): void {
    this.#doubles[this.#own + EXPIRATIONS]!++;
  }

  /** Says how many bytes there are. For the owner. */
  holds(bytes: number): void {
    this.#doubles[this.#own + BYTES_HELD] = bytes;
  }

  /** What was counted. Figures of others may be late. */
  read(entries: number): CacheStatistics {
    const doubles = this.#doubles;
    let hits = 0;
    let misses = 0;
    for (let endpoint = 0; endpoint < this.#endpointCount; endpoint++) {
      const line = this.#first + endpoint * LINE_DOUBLES;
      hits += doubles[line + HITS]!;
      misses += doubles[line + MISSES]!;
    }
    return {
      hits,
      misses,
      evictions: doubles[this.#owner + EVICTIONS]!,
      expirations: doubles[this.#owner + EXPIRATIONS]!,
      entries,
      bytes: doubles[this.#owner + BYTES_HELD]!,
    };
  }
}
