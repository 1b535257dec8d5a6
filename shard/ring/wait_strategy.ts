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

import type { Spinner } from "./spinner.ts";

/** Deno's global, which its types leave out. Its first use in a thread loads `node:timers`. */
declare function setImmediate(callback: () => void): unknown;

/**
 * So many turns of a thread do without `setImmediate()`. Its first use takes a thread 10 ms and 2 MiB, and each
 * turn 3 µs in place of 4.5: they are worth it for who has waited as long in vain.
 */
const TURNS_BEFORE_IMMEDIATES = 7000;

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

/**
 * After so many milliseconds without a look at the sockets an endpoint sleeps where it would block, before
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

/** Turns that this thread has made without `setImmediate()`. */
let turnCount = 0;
/** Nobody else has it. */
let turnWord: Int32Array | undefined;

/** Resolves after a turn of the event loop, in which timers are served, and keeps the process alive until then. */
export function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * The same for the loop that serves an endpoint, which needs not keep the process alive: the host's Workers do,
 * and a Worker's port.
 */
export async function eventLoopTurn(): Promise<void> {
  if (turnCount >= TURNS_BEFORE_IMMEDIATES) return await immediate();
  turnCount++;
  turnWord ??= new Int32Array(new SharedArrayBuffer(4));
  // Who is woken goes on in a task of the event loop, as who waits for an immediate.
  const woken = Atomics.waitAsync(turnWord, 0, 0);
  Atomics.notify(turnWord, 0);
  await woken.value;
}

/** Stores a value that somebody waits for with `waitUntilAtLeast()`. */
export function announce(words: Int32Array, wordIndex: number, value: number): void {
  Atomics.store(words, wordIndex, value);
  Atomics.notify(words, wordIndex);
}

/** Counts what somebody may wait for with `untilMoreThan()`. */
export function announceOneMore(words: Int32Array, wordIndex: number): void {
  Atomics.add(words, wordIndex, 1);
  Atomics.notify(words, wordIndex);
}

/** Resolves when the word is no longer `seen`. Its writers must use `announceOneMore()`. */
export async function untilMoreThan(
  words: Int32Array,
  wordIndex: number,
  seen: number,
): Promise<void> {
  const waiting = Atomics.waitAsync(words, wordIndex, seen);
  if (waiting.async) await waiting.value;
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
