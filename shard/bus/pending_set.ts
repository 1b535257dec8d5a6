/**
 * Which peers may have sent something: a bit each, in the receiver's control page. So an endpoint
 * looks at a word instead of at the ring of every silent peer, whose number grows with the shards.
 *
 * A sender publishes to its ring and then sets its bit; the receiver takes all bits and then looks at
 * those rings. A bit that is set after it was taken is found the next time.
 *
 * @module
 */

import { PENDING_BYTES, PENDING_WORDS } from "./control_page.ts";

/** One endpoint's set, as its senders and it use it. */
export class PendingSet {
  readonly #words: Int32Array;
  readonly #firstWord: number;
  readonly #wordCount: number;

  /** The set in the control page at `pageByteOffset`, with bits for `endpointCount` senders. */
  constructor(words: Int32Array, pageByteOffset: number, endpointCount: number) {
    this.#words = words;
    this.#firstWord = (pageByteOffset + PENDING_BYTES) >> 2;
    this.#wordCount = Math.min((endpointCount + 31) >> 5, PENDING_WORDS);
  }

  /** Says that `sender` has published. After `RingProducer.publish()`, before `Doorbells.ring()`. */
  add(sender: number): void {
    const word = this.#firstWord + (sender >> 5);
    const bit = 1 << (sender & 31);
    Atomics.or(this.#words, word, bit);
  }

  /** Whether some bit seems to be set: a plain look at a word or a few. */
  looksEmpty(): boolean {
    for (let i = 0; i < this.#wordCount; i++) {
      if (this.#words[this.#firstWord + i] !== 0) return false;
    }
    return true;
  }

  /** Whether no bit is set, exactly: the check that must precede a sleep. */
  isEmpty(): boolean {
    for (let i = 0; i < this.#wordCount; i++) {
      if (Atomics.load(this.#words, this.#firstWord + i) !== 0) return false;
    }
    return true;
  }

  /** Takes the bits of the senders 32 × `index` to 32 × `index` + 31. */
  take(index: number): number {
    const word = this.#firstWord + index;
    // The exchange orders the look at the rings behind the publications that set the bits.
    return this.#words[word] === 0 ? 0 : Atomics.exchange(this.#words, word, 0);
  }

  /** How many words `take()` knows. */
  get wordCount(): number {
    return this.#wordCount;
  }
}
