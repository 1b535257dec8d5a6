/**
 * Sleeping and waking: the one file that waits and notifies. An endpoint with nothing to do spins
 * for a moment, since a reply on another core is nearer than a wake-up, and then parks on its
 * PARKED word without blocking its event loop.
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

/** Looks at the rings between two turns of the microtask queue, which cost as much as so many looks. */
const LOOKS_PER_TURN = 16;
/** Turns of the microtask queue between two looks at the clock, for the same reason. */
const TURNS_PER_CLOCK = 4;

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
 * Then one wait in so many spins all the same, to find out whether that has changed; after each that
 * misses too, one in twice as many. Where the system has put both ends on one core, each spin keeps
 * the other end from running.
 */
const WAITS_PER_TRIAL = 8;
const MOST_WAITS_PER_TRIAL = 256;

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
 * Serves `bus` until it is closed: polls while there is work, spins for a moment after the last of
 * it, then sleeps. Between two polls one microtask passes, so whatever the messages set in
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
  let emptyLooks = 0;
  while (bus.open) {
    if (bus.poll() > 0) {
      emptyLooks = 0;
      const now = performance.now();
      turnStart ??= now;
      socketsStart ??= now;
      if (now - socketsStart >= SOCKETS_MILLISECONDS) {
        for (let turn = 0; turn < TURNS_TO_SOCKETS; turn++) await eventLoopTurn();
        socketsStart = turnStart = performance.now();
      } else if ((now - turnStart) * 1000 >= TURN_MICROSECONDS) {
        await eventLoopTurn();
        turnStart = performance.now();
      } else await undefined;
      continue;
    }
    if (emptyLooks++ < LOOKS_BEFORE_SLEEP) {
      await undefined;
      continue;
    }
    if (spinner.isDue(bus) && await spinner.spin(bus, performance.now())) continue;
    doorbells.announceSleep();
    if (bus.isBusy() || !bus.open) {
      doorbells.cancelSleep();
      continue;
    }
    const rung = doorbells.sleep();
    if (rung !== undefined) {
      bus.sleeping(true);
      await rung;
      bus.sleeping(false);
    }
    turnStart = socketsStart = undefined;
    emptyLooks = 0;
  }
}

/** How spins through waits of one sort have ended, and whether to spin through the next. */
class Habit {
  #missesInARow = 0;
  #waitsSinceTrial = 0;
  #waitsPerTrial = WAITS_PER_TRIAL;

  /** Whether spinning has paid of late. */
  get pays(): boolean {
    return this.#missesInARow < MISSES_IN_A_ROW;
  }

  /** Whether to spin through this wait; to be asked once. */
  isDue(): boolean {
    if (this.pays) return true;
    if (++this.#waitsSinceTrial < this.#waitsPerTrial) return false;
    this.#waitsSinceTrial = 0;
    this.#waitsPerTrial = Math.min(this.#waitsPerTrial * 2, MOST_WAITS_PER_TRIAL);
    return true;
  }

  /** Learns how a spin has ended. */
  learn(hit: boolean): void {
    this.#missesInARow = hit ? 0 : this.#missesInARow + 1;
    if (hit) this.#waitsPerTrial = WAITS_PER_TRIAL;
  }
}

/**
 * Looks again and again for a moment before a sleep. Whether that pays depends on what the others do,
 * and on where the system has put them, so it learns from how the last spins went. Waits for replies
 * and waits for calls are told apart: an endpoint that calls now and then has short ones of the one
 * sort and long ones of the other, in turn.
 */
export class Spinner {
  readonly #microseconds: number;
  readonly #forReplies: Habit = new Habit();
  readonly #forCalls: Habit = new Habit();

  /** With 0 microseconds it never spins. */
  constructor(microseconds: number) {
    this.#microseconds = microseconds;
  }

  /** Whether spinning has paid of late in waits like the one that `bus` is in. */
  pays(bus: Attended): boolean {
    return this.#microseconds > 0 && this.#habitOf(bus).pays;
  }

  /** Whether to spin before this sleep. */
  isDue(bus: Attended): boolean {
    return this.#microseconds > 0 && bus.maySpin() && this.#habitOf(bus).isDue();
  }

  #habitOf(bus: Attended): Habit {
    return bus.awaitsReply ? this.#forReplies : this.#forCalls;
  }

  /**
   * True as soon as there is work, false when the time is over, which began at `since`. Other
   * microtasks run meanwhile, and after the first `microseconds` the event loop turns.
   */
  async spin(bus: Attended, since: number): Promise<boolean> {
    const habit = this.#habitOf(bus);
    const tightEnd = since + this.#microseconds / 1000;
    const end = since + this.#microseconds * LINGER_TIMES / 1000;
    for (let now = since; now < end; now = performance.now()) {
      if (now > tightEnd) await eventLoopTurn();
      for (let turn = 0; turn < TURNS_PER_CLOCK; turn++) {
        for (let look = 0; look < LOOKS_PER_TURN; look++) {
          if (!bus.looksBusy()) continue;
          // One that was not given the core meanwhile may see what came long after its end.
          habit.learn(performance.now() < end);
          return true;
        }
        if (!bus.open) return true;
        await undefined; // spinning must not hold up what the messages set in motion
      }
      if (!bus.maySpin()) return false;
    }
    habit.learn(false);
    return false;
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
