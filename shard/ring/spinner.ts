/**
 * What an endpoint does for a moment before it sleeps: whether it spins, blocks, or neither, which it
 * learns from how its last waits went. wait_strategy.ts does it.
 *
 * @module
 */

import type { Attended, Doorbells } from "./wait_strategy.ts";

/** Looks at the rings between two turns of the microtask queue, which cost as much as so many looks. */
const LOOKS_PER_TURN = 16;
/** Turns of the microtask queue between two looks at the clock in a spin. */
const TURNS_PER_CLOCK = 8;

/**
 * A spin that has seen nothing in its microseconds goes on for so many times as long in all, and the
 * event loop turns meanwhile. It must outlast the wake-up of another endpoint, 25 µs on an idle
 * machine and 170 on a virtual one that is not: else a single delay puts both ends to sleep, each
 * wakes the other too late for its spin, and calls take a hundred times as long from then on.
 */
const LINGER_TIMES = 8;
/** After so many spins in a row that ended without a message, spinning is not worth while just now. */
const MISSES_IN_A_ROW = 4;
/**
 * Then one wait in so many is a trial all the same, to find out whether that has changed; after each that
 * fails, one in twice as many. Where the system has put both ends on one core, as it does when other
 * programs use the cores, each spin keeps the other end from running.
 */
const WAITS_PER_TRIAL = 8;
const MOST_WAITS_PER_TRIAL = 256;

/**
 * Where there are more endpoints than cores, only a message that comes within so many milliseconds speaks for
 * spinning, as from an end that spins too: others may need the core.
 */
const QUICK_MS = 0.012;
/** And a trial is of so many waits, three quarters of which must be so short: some are, by chance. */
const CROWDED_TRIAL_WAITS = 8;
const MOST_WAITS_PER_CROWDED_TRIAL = 512;

/**
 * Blocking ends after so many milliseconds without a ring: sockets wait meanwhile. Beside a busy process a
 * core, 0.2 halves the time of a call at a time, and 0.05 does not: that process has its turns, too.
 */
const BLOCK_MS = 0.2;
/** How waits of one sort have gone that were met in one way, and whether to meet the next so. */
class Habit {
  readonly #trialWaits: number;
  readonly #mostWaitsPerTrial: number;
  #pays = true;
  #missesInARow = 0;
  #waitsSinceTrial = 0;
  #waitsPerTrial = WAITS_PER_TRIAL;
  /** Waits to come of the trial under way, and hits in those that were. */
  #trialLeft = 0;
  #trialHits = 0;

  constructor(trialWaits: number, mostWaitsPerTrial: number) {
    this.#trialWaits = trialWaits;
    this.#mostWaitsPerTrial = mostWaitsPerTrial;
  }

  /** Whether that has paid of late. */
  get pays(): boolean {
    return this.#pays;
  }

  /** Whether to meet this wait so; to be asked once. */
  isDue(): boolean {
    if (this.#pays || this.#trialLeft > 0) return true;
    if (++this.#waitsSinceTrial < this.#waitsPerTrial) return false;
    this.#waitsSinceTrial = 0;
    this.#waitsPerTrial = Math.min(this.#waitsPerTrial * 2, this.#mostWaitsPerTrial);
    this.#trialLeft = this.#trialWaits;
    this.#trialHits = 0;
    return true;
  }

  /** Learns how it went: whether a message came in time. */
  learn(hit: boolean): void {
    if (this.#pays) {
      this.#missesInARow = hit ? 0 : this.#missesInARow + 1;
      this.#pays = this.#missesInARow < MISSES_IN_A_ROW;
      return;
    }
    if (hit) this.#trialHits++;
    if (--this.#trialLeft > 0 || this.#trialHits * 4 < this.#trialWaits * 3) return;
    this.#pays = true;
    this.#missesInARow = 0;
    this.#waitsPerTrial = WAITS_PER_TRIAL;
  }
}

/** What was learned of waits of one sort. */
class Habits {
  readonly spin: Habit;
  readonly block: Habit = new Habit(1, MOST_WAITS_PER_TRIAL);

  constructor(isCrowded: boolean) {
    this.spin = isCrowded
      ? new Habit(CROWDED_TRIAL_WAITS, MOST_WAITS_PER_CROWDED_TRIAL)
      : new Habit(1, MOST_WAITS_PER_TRIAL);
  }
}

/**
 * What an endpoint does for a moment before it sleeps. Spinning is quickest where the other end runs
 * on another core. Where the system has put both on one, or gives the other's core to somebody else,
 * spins miss; then blocking is: half the time of a sleep's wake-up, and the other end has the core at
 * once. Where neither brings anything, as between calls that are seldom, it sleeps.
 *
 * Where there are more endpoints than cores, it never blocks, and spins while messages come quickly: a call
 * at a time between two of them is as quick as if they were alone, and shards that serve sockets on all
 * cores don't take them from each other.
 *
 * Which it is depends on what others do, so it learns from how the last waits went. Waits for replies
 * and waits for calls are told apart: an endpoint that calls now and then has short ones of the one
 * sort and long ones of the other, in turn.
 */
export class Spinner {
  readonly #microseconds: number;
  readonly #isCrowded: boolean;
  readonly #forReplies: Habits;
  readonly #forCalls: Habits;
  /** What the spin that goes on is to teach; undefined while none does. */
  #spun: Habit | undefined;
  #tightEnd = 0;
  #end = 0;
  /** A message that comes later does not speak for spinning. */
  #hitEnd = 0;
  #turns = 0;

  /** With 0 microseconds it never spins or blocks; crowded are more endpoints than cores. */
  constructor(microseconds: number, isCrowded: boolean) {
    this.#microseconds = microseconds;
    this.#isCrowded = isCrowded;
    this.#forReplies = new Habits(isCrowded);
    this.#forCalls = new Habits(isCrowded);
  }

  /** Whether spinning has paid of late in waits like the one that `bus` is in. */
  pays(bus: Attended): boolean {
    return this.#microseconds > 0 && this.#habitsOf(bus).spin.pays;
  }

  #habitsOf(bus: Attended): Habits {
    return bus.awaitsReply ? this.#forReplies : this.#forCalls;
  }

  /**
   * Looks for work for a moment, in the spin that goes on or in a new one, if one is due: "seen" if there
   * seems to be some, and else what is to pass before the next step: "again", a turn of the microtask queue;
   * "turn", one of the event loop, after the first `microseconds`; "over", a sleep. If the caller has just
   * looked at the clock, it is `now`.
   */
  step(bus: Attended, now?: number): "seen" | "again" | "turn" | "over" {
    if (this.#spun === undefined) {
      if (!this.#begin(bus, now)) return "over";
    } else if (++this.#turns >= TURNS_PER_CLOCK) {
      now = performance.now();
      if (now >= this.#end || !bus.maySpin()) {
        if (now >= this.#end) this.#spun.learn(false);
        this.#spun = undefined;
        return "over";
      }
      // The clock is nothing beside a turn of the event loop.
      if (now < this.#tightEnd) this.#turns = 0;
    }
    for (let look = 0; look < LOOKS_PER_TURN; look++) {
      if (bus.looksBusy()) return "seen";
    }
    return this.#turns < TURNS_PER_CLOCK ? "again" : "turn";
  }

  #begin(bus: Attended, now?: number): boolean {
    if (this.#microseconds === 0 || !bus.maySpin()) return false;
    const habit = this.#habitsOf(bus).spin;
    if (!habit.isDue()) return false;
    now ??= performance.now();
    this.#spun = habit;
    this.#turns = 0;
    this.#tightEnd = now + this.#microseconds / 1000;
    this.#end = now + this.#microseconds * LINGER_TIMES / 1000;
    this.#hitEnd = this.#isCrowded ? now + QUICK_MS : this.#end;
    return true;
  }

  /**
   * Blocks the thread for a moment, once the sleep is announced, where spinning does not pay and this may;
   * true if it was rung.
   */
  block(bus: Attended, doorbells: Doorbells): boolean {
    if (this.#microseconds === 0 || this.#isCrowded) return false;
    const { spin, block } = this.#habitsOf(bus);
    if (spin.pays || !block.isDue()) return false;
    const rung = doorbells.block(BLOCK_MS);
    block.learn(rung);
    return rung;
  }

  /** Messages have come, and it is `now`: so ends the spin, if one goes on. */
  end(now: number): void {
    // One that was not given the core meanwhile may see what came long after its end.
    this.#spun?.learn(now < this.#hitEnd);
    this.#spun = undefined;
  }
}
