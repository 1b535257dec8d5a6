/**
 * What the senders to one endpoint have published: the TAILs of their rings lie side by side in the
 * receiver's control page, one line for each sixteen senders. So a batch costs the transfer of one
 * line between the cores, besides those of its records; a TAIL in the ring and a flag elsewhere cost
 * five, each as much as a call.
 *
 * With up to sixteen endpoints a poll looks at the TAILs themselves. With more, a sender also marks
 * its line in PENDING, and a poll looks at that: its cost does not grow with the endpoints that are
 * silent. The receiver takes all marks and then looks at those lines; a line that is marked after
 * that is found the next time.
 *
 * @module
 */

import { PENDING_BYTES, SENDERS_PER_LINE, TAILS_BYTES } from "./control_page.ts";

/** What has arrived at one endpoint, as its senders and it see it. */
export class Arrivals {
  /** Whether there are so many endpoints that lines are marked. */
  readonly marked: boolean;
  readonly #words: Int32Array;
  readonly #pendingWord: number;
  readonly #firstTailWord: number;

  /** Of the endpoint whose control page is at `pageByteOffset`, one of `endpointCount`. */
  constructor(words: Int32Array, pageByteOffset: number, endpointCount: number) {
    this.marked = endpointCount > SENDERS_PER_LINE;
    this.#words = words;
    this.#pendingWord = (pageByteOffset + PENDING_BYTES) >> 2;
    this.#firstTailWord = (pageByteOffset + TAILS_BYTES) >> 2;
  }

  /** Index of TAIL of the ring from `sender`. */
  tailWord(sender: number): number {
    return this.#firstTailWord + sender;
  }

  /** Says that `sender` has published. After `RingProducer.publish()`, before `Doorbells.ring()`. */
  mark(sender: number): void {
    if (!this.marked) return;
    Atomics.or(this.#words, this.#pendingWord, 1 << Math.trunc(sender / SENDERS_PER_LINE));
  }

  /** Whether some line seems to be marked: a plain look. */
  looksMarked(): boolean {
    return this.#words[this.#pendingWord] !== 0;
  }

  /** Whether some line is marked, exactly: the look that must precede a sleep. */
  isMarked(): boolean {
    return Atomics.load(this.#words, this.#pendingWord) !== 0;
  }

  /** The lines to look at, a bit each; their marks are taken. */
  take(): number {
    // The exchange orders the look at the TAILs behind the publications that the marks tell of.
    return this.marked ? Atomics.exchange(this.#words, this.#pendingWord, 0) : 1;
  }
}
