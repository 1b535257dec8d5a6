/**
 * One endpoint's readings of what another owns.
 *
 * Read-copy-update (McKenney and Slingwine, 1998), with readers that are counted as in the flavour of
 * Desnoyers et al., "User-Level Implementations of Read-Copy Update" (2012) that orders by memory
 * barriers; here the word's parity says whether its endpoint reads, and an addition in place of a store
 * tells the reader of what was closed meanwhile.
 *
 * Invariant: what was unlinked while READING was odd is not freed before READING has changed. Why: the
 * addition of begin() comes either before the owner's look at READING, which sees it odd and waits, or
 * after it. Then it also comes after the unlinking, and the reader's atomic loads do not find the block.
 * So each step from one block to the next has to be an `Atomics.load`, and what lies in a block can be read
 * plainly. end() publishes that all reads are over to the owner's next look.
 *
 * @module
 */
import { CLOSED_ONE, isReading, LIFE_WORD, READING_WORD } from "./readings_layout.ts";

/** What a reading asks of its owner's life. */
export interface OwnersLife {
  /** Whether the owner has died: then nothing of it may be read or written any more. */
  readonly isOver: boolean;
}

/** The readings of one endpoint, of what one other owns in one life. */
export class Reading {
  /** How often the owner has closed something, as far as this endpoint was told. */
  closings = 0;
  readonly #words: Int32Array;
  readonly #word: number;
  readonly #life: OwnersLife;
  readonly #over: () => Error;
  /** What READING holds if the owner closes nothing. */
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
      const before = Atomics.add(this.#words, this.#word, 1);
      if (before !== this.#value) this.closings++;
      this.#value = (before + 1) | 0;
    }
    this.#depth++;
  }

  /** Ends what begin() began. */
  end(): void {
    if (--this.#depth !== 0) return;
    const before = Atomics.add(this.#words, this.#word, 1);
    if (before !== this.#value) this.closings++;
    this.#value = (before + 1) | 0;
  }
}

/** Tells the readers that something was closed: each looks at what it reads at its next beginning. */
export function announceClosing(words: Int32Array, lines: readonly number[]): void {
  for (const line of lines) Atomics.add(words, line + READING_WORD, CLOSED_ONE);
}
