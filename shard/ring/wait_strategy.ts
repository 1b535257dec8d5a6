/**
 * Sleeping and waking: the one file that waits and notifies. An endpoint with nothing to do spins
 * for a moment, since a reply on another core is nearer than a wake-up, and then parks on its
 * PARKED word without blocking its event loop. Where spinning has not paid of late it blocks its thread
 * for the same moment: then what it waits for may need the core that it is on.
 *
 * The handshake is Dekker's: the sleeper stores PARKED and then looks at every ring; the sender
 * publishes and then looks at PARKED. Both orders are sequentially consistent, so one of the two
 * sees the other. Seastar needs a system-wide barrier for the same (reactor.cc,
 * `try_enter_interrupt_mode`).
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** An endpoint runs this long, in microseconds, before the event loop turns and timers are served. */
const TURN_MICROSECONDS = 500;
/** And this long, in milliseconds, before sockets are. */
const SOCKETS_MILLISECONDS = 5;
/**
 * Turns in a row until Deno looks at its sockets. It does so when it has nothing else to do, and else
 * at every 61st turn only (tokio's `event_interval`); an empty turn takes 3 µs.
 */
const TURNS_TO_SOCKETS = 63;

/**
 * Turns of the microtask queue that an endpoint lets pass before it sleeps. What a message sets in
 * motion takes a few, and whoever sends something meanwhile need not wake it.
 */
const LOOKS_BEFORE_SLEEP = 4;

/**
 * The clock costs as much as three turns of the microtask queue: it is looked at once for so many
 * messages, or when there are no more and what they have set in motion has been sent.
 */
const MESSAGES_PER_CLOCK = 4;

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
/**
 * And after so many milliseconds without a look at the sockets an endpoint sleeps where it would block, before
 * its event loop is due to turn: messages that come by a ring each would else keep sockets waiting for 5.
 */
const MOST_BLOCKING_MS = 0.4;

/** The PARKED words of all endpoints, as one endpoint uses them. */
export class Doorbells {
  readonly #words: Int32Array;
  readonly #parkedWords: readonly number[];
  readonly #own: number;

  /** `parkedWords[endpoint]` is the index in `words` of that endpoint's PARKED word. */
  constructor(words: Int32Array, parkedWords: readonly number[], endpoint: number) {
    this.#words = words;
    this.#parkedWords = parkedWords;
    this.#own = parkedWords[endpoint]!;
  }

  /**
   * Wakes `endpoint` if it sleeps; true if it did. Call it after publishing, once a batch.
   * It must be Atomics.load: a plain read may pass before the store that published the batch.
   */
  ring(endpoint: number): boolean {
    return this.#wake(this.#parkedWords[endpoint]!);
  }

  /** Ends the own sleep from the same thread. */
  ringSelf(): boolean {
    return this.#wake(this.#own);
  }

  /** Whether `endpoint` seems to sleep: a plain look, may lag. */
  looksAsleep(endpoint: number): boolean {
    return this.#words[this.#parkedWords[endpoint]!] === 1;
  }

  /** Says that this endpoint is about to sleep; look at everything once more after it. */
  announceSleep(): void {
    Atomics.store(this.#words, this.#own, 1);
  }

  /** Takes it back: the last look found something. */
  cancelSleep(): void {
    Atomics.store(this.#words, this.#own, 0);
  }

  /** Blocks the thread until the next ring; false if there was none within `ms`. */
  block(ms: number): boolean {
    return Atomics.wait(this.#words, this.#own, 1, ms) !== "timed-out";
  }

  /** Resolves at the next ring; undefined if it has already rung. */
  sleep(): Promise<unknown> | undefined {
    const waiting = Atomics.waitAsync(this.#words, this.#own, 1);
    return waiting.async ? waiting.value : undefined;
  }

  #wake(word: number): boolean {
    // Swapping 1 for 0 makes sure that a sleep is notified once, whoever else rings.
    if (Atomics.load(this.#words, word) !== 1) return false;
    if (Atomics.compareExchange(this.#words, word, 1, 0) !== 1) return false;
    Atomics.notify(this.#words, word, 1);
    return true;
  }
}

/** What `attend()` serves. */
export interface Attended {
  /** Handles what has come; returns how much. Synchronous. */
  poll(): number;
  /** Whether something seems to wait: cheap, may lag. */
  looksBusy(): boolean;
  /** Whether something waits that a sleep must not pass over: exact. */
  isBusy(): boolean;
  /** False once the endpoint is closed: `attend()` returns. */
  readonly open: boolean;
  /** Whether calls of its own are under way, so that it waits for a reply. */
  readonly awaitsReply: boolean;
  /** Whether a core is free for this endpoint to spin on. */
  maySpin(): boolean;
  /** Called on the way into and out of a sleep. */
  sleeping(asleep: boolean): void;
}

/**
 * Serves `bus` until it is closed: polls while there is work, spins or blocks for a moment after the
 * last of it, then sleeps. Between two polls one microtask passes, so whatever the messages set in
 * motion runs first; every 500 µs the event loop turns, every 5 ms as far as to the sockets.
 */
export async function attend(
  bus: Attended,
  doorbells: Doorbells,
  spinner: Spinner,
): Promise<void> {
  /** Since when the event loop has not turned; undefined before the first message after a sleep. */
  let turnStart: number | undefined;
  /** The same of the sockets. */
  let socketsStart: number | undefined;
  /** Turns in a row in which nothing came. */
  let emptyTurns = 0;
  /** Messages since the last look at the clock. */
  let untimed = 0;
  while (bus.open) {
    const handled = bus.poll();
    if (handled > 0) {
      emptyTurns = 0;
      untimed += handled;
    } else emptyTurns++;
    let now: number | undefined;
    if (untimed >= MESSAGES_PER_CLOCK || untimed > 0 && emptyTurns > LOOKS_BEFORE_SLEEP) {
      untimed = 0;
      now = performance.now();
      spinner.end(now);
      turnStart ??= now;
      socketsStart ??= now;
      if (now - socketsStart >= SOCKETS_MILLISECONDS) {
        for (let turn = 0; turn < TURNS_TO_SOCKETS; turn++) await eventLoopTurn();
        socketsStart = turnStart = performance.now();
        continue;
      }
      if ((now - turnStart) * 1000 >= TURN_MICROSECONDS) {
        await eventLoopTurn();
        turnStart = performance.now();
        continue;
      }
    }
    if (emptyTurns <= LOOKS_BEFORE_SLEEP) {
      await undefined;
      continue;
    }
    const step = spinner.step(bus, now);
    if (step !== "over") {
      // Spinning must not hold up what the messages set in motion.
      if (step === "turn") await eventLoopTurn();
      else if (step === "again") await undefined;
      continue;
    }
    doorbells.announceSleep();
    if (bus.isBusy() || !bus.open) {
      doorbells.cancelSleep();
      continue;
    }
    const mayBlock = socketsStart === undefined ||
      (now ?? performance.now()) - socketsStart < MOST_BLOCKING_MS;
    if (mayBlock && spinner.block(bus, doorbells)) {
      emptyTurns = 0;
      untimed++; // it may have been rung for another reason than a message, and for ever
      continue;
    }
    const rung = doorbells.sleep();
    if (rung !== undefined) {
      bus.sleeping(true);
      await rung;
      bus.sleeping(false);
    }
    turnStart = socketsStart = undefined;
    emptyTurns = 0;
  }
}

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

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Stores a value that somebody waits for with `waitUntilAtLeast()`. */
export function announce(words: Int32Array, wordIndex: number, value: number): void {
  Atomics.store(words, wordIndex, value);
  Atomics.notify(words, wordIndex);
}

/**
 * Resolves when the word has reached `value`, or when `signal` aborts. Its writer must use `announce()`.
 */
export async function waitUntilAtLeast(
  words: Int32Array,
  wordIndex: number,
  value: number,
  signal: AbortSignal,
): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  for (;;) {
    const seen = Atomics.load(words, wordIndex);
    if (((seen - value) | 0) >= 0 || signal.aborted) return;
    const waiting = Atomics.waitAsync(words, wordIndex, seen);
    if (waiting.async) await Promise.race([waiting.value, ended]);
  }
}
