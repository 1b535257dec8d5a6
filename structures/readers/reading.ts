/**
 * One endpoint's readings of what another owns.
 *
 * Read-copy-update (McKenney and Slingwine, 1998), with readers that are counted as in the flavour of
 * Desnoyers et al., "User-Level Implementations of Read-Copy Update" (2012) that orders by memory barriers.
 * Here the word's parity says whether its endpoint reads; the owner does not look at the word but adds to it,
 * so that it also tells the reader whether anything may have been freed since its last look.
 *
 * Invariant: what begin() can reach is not freed before end(). Why: additions to one word have an order. If
 * that of begin() comes before the owner's, the owner finds the word odd, and waits until it has changed. If
 * it comes after, it also comes after the unlinking, and the reader's loads do not find the block. So each
 * step from one block to the next has to be an `Atomics.load`, and what lies in a block can be read plainly.
 *
 * Invariant: what was read since the last look is what was there, if isUndisturbed() says so. Why: its addition
 * then comes before the owner's, after which alone the owner frees, so that none of those reads can have seen
 * what was written to freed memory; and a look that came after the owner's addition came after the unlinking.
 *
 * @module
 */
import { isReading, LIFE_WORD, READING_WORD } from "./readings_layout.ts";

/** What a reading asks of its owner's life. */
export interface OwnersLife {
  /** Whether the owner has died: then nothing of it may be read any more. */
  readonly isOver: boolean;
}

/** The readings of one endpoint, of what one other owns in one life. */
export class Reading {
  /** How often this endpoint has met a round of the owner: what it knows may be gone since. */
  rounds = 0;
  readonly #words: Int32Array;
  readonly #word: number;
  readonly #life: OwnersLife;
  readonly #over: () => Error;
  /** What READING holds unless the owner has made a round. */
  #value: number;
  #depth = 0;

  /**
   * @param words The control words of the segment.
   * @param line Index of the line about this endpoint and that owner.
   * @param life The owner's.
   * @param over Gives the error of an owner that has died.
   * @param epoch Which life of this endpoint it is.
   */
  constructor(
    words: Int32Array,
    line: number,
    life: OwnersLife,
    over: () => Error,
    epoch: number,
  ) {
    this.#words = words;
    this.#word = line + READING_WORD;
    this.#life = life;
    this.#over = over;
    // A former life of this endpoint may have ended while it read. Nobody else changes the parity.
    this.#value = Atomics.load(words, this.#word);
    if (isReading(this.#value)) this.#value = (Atomics.add(words, this.#word, 1) + 1) | 0;
    // After the parity is right, so that the owner takes no reading of the former life for one of this.
    // Published by the first begin().
    words[line + LIFE_WORD] = epoch;
  }

  /** Whether the owner lives, and no reading is under way: then what is read can be looked at afterwards. */
  get mayGlance(): boolean {
    return this.#depth === 0 && !this.#life.isOver;
  }

  /**
   * From now until end() nothing that can be reached is freed. May be nested. Two or three plain reads and an
   * atomic addition; nested, one plain addition.
   *
   * @throws What `over` gives, if the owner has died: then nothing has begun.
   */
  begin(): void {
    if (this.#depth === 0) {
      // The memory of a dead owner belongs to its next life.
      if (this.#life.isOver) throw this.#over();
      this.#add(1);
    }
    this.#depth++;
  }

  /** Ends what begin() began. */
  end(): void {
    if (--this.#depth === 0) this.#add(1);
  }

  /** Whether the owner has freed nothing since this endpoint's last look: see above. One atomic addition. */
  isUndisturbed(): boolean {
    return this.#add(0);
  }

  /** Adds to READING. Whether it was as it was left. */
  #add(count: number): boolean {
    const before = Atomics.add(this.#words, this.#word, count);
    const isAsLeft = before === this.#value;
    if (!isAsLeft) this.rounds++;
    this.#value = (before + count) | 0;
    return isAsLeft;
  }
}
