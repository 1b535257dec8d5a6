/**
 * The clock that ends entries, alike on all threads.
 *
 * A wall clock can be set: an entry for a second could stay for an hour. So an end is a time of the owner's
 * monotonic clock, and the others have to know what it shows. Each thread's begins at another moment, and
 * there is no third one that all can see; but each can look how far the wall clock is ahead of its own. The
 * owner writes down its lead, SKEW. A reader subtracts that from its own lead, and has the difference of the
 * two monotonic clocks, if nobody has set the wall clock between the two looks. The owner looks again once
 * a second when it is asked for the time, and readers look again when SKEW has changed: a step is of no
 * consequence to who has looked before it, and to others until the owner has looked.
 *
 * Wall clocks are read in whole milliseconds. So a reader's time is ahead of the owner's, by up to three in
 * general, and never behind: it takes no entry for alive that the owner takes for ended.
 *
 * @module
 */

/** The clocks of a thread, in milliseconds. */
export interface Clocks {
  /** Counts from anywhere, and is never set. */
  monotonic(): number;
  /** The time of day, in whole milliseconds. */
  wall(): number;
}

/** Those that a thread has. */
export const SYSTEM_CLOCKS: Clocks = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};

/** The owner looks at the wall clock so often at most. */
const LOOK_MS = 1000;
/** Milliseconds by which two looks may differ though nobody has set a clock. */
const JITTER_MS = 2;

/** A look that took longer is made again, as the thread was stopped in its middle. */
const SLOW_MS = 0.5;
const MOST_LOOKS = 10;

/** How far the wall clock is ahead of the monotonic one: never more than it is, or never more than 1 less. */
function lookAt(clocks: Clocks, bound: "not more" | "not less"): number {
  let lead = 0;
  for (let look = 0; look < MOST_LOOKS; look++) {
    const before = clocks.monotonic();
    const wall = clocks.wall();
    const after = clocks.monotonic();
    // However long the thread stood still between two of them.
    lead = wall - (bound === "not more" ? after : before);
    if (after - before < SLOW_MS) break;
  }
  return lead;
}

/** The owner's time. */
export class OwnersTime {
  readonly #doubles: Float64Array;
  readonly #skew: number;
  readonly #clocks: Clocks;
  #lookAt = -Infinity;

  /** @param skew Index of SKEW in `doubles`. */
  constructor(doubles: Float64Array, skew: number, clocks: Clocks) {
    this.#doubles = doubles;
    this.#skew = skew;
    this.#clocks = clocks;
    doubles[skew] = NaN;
    this.now();
  }

  /** Milliseconds of its monotonic clock. */
  now(): number {
    const now = this.#clocks.monotonic();
    if (now >= this.#lookAt) this.#look(now);
    return now;
  }

  #look(now: number): void {
    this.#lookAt = now + LOOK_MS;
    const skew = lookAt(this.#clocks, "not more");
    // The comparison is false for the NaN of the beginning.
    if (Math.abs(skew - this.#doubles[this.#skew]!) < JITTER_MS) return;
    this.#doubles[this.#skew] = skew;
  }
}

/** The same time on another thread. */
export class ReadersTime {
  readonly #doubles: Float64Array;
  readonly #skew: number;
  readonly #clocks: Clocks;
  #seen = NaN;
  #lead = 0;

  /** @param skew Index of SKEW in `doubles`. */
  constructor(doubles: Float64Array, skew: number, clocks: Clocks) {
    this.#doubles = doubles;
    this.#skew = skew;
    this.#clocks = clocks;
  }

  /** Milliseconds of the owner's monotonic clock, or up to two more. Within a reading. */
  now(): number {
    const now = this.#clocks.monotonic();
    // An aligned double, which is written by one store.
    const skew = this.#doubles[this.#skew]!;
    if (skew !== this.#seen) {
      this.#seen = skew;
      // SKEW is not more than it is, and the other look less than 1 too low at most, as wall clocks leave out
      // what is below. So this is never too low.
      this.#lead = lookAt(this.#clocks, "not less") - skew + 1;
    }
    return now + this.#lead;
  }
}
