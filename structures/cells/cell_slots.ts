/**
 * One writer, many readers, no waiting: after Peterson, "Concurrent reading while writing" (ACM TOPLAS
 * 5(1), 1983), which needs two buffers more than there are readers, with the readers' announcements of
 * Michael, "Hazard pointers" (IEEE TPDS 15(6), 2004). A reader announces the slot that it is about to read,
 * and makes sure that the slot is still the newest; the writer writes to no slot that is announced or the
 * newest. So the value that is read is never written meanwhile, and nothing is to be checked afterwards.
 *
 * This is what sets it apart from a seqlock, whose readers read while the writer may be writing, and look
 * afterwards whether it was: by JavaScript's memory model, as by that of C++ (Boehm, "Can seqlocks get along
 * with programming language memory models?", MSPC 2012), plain reads may see what was written after that
 * look, so that one is right only with an `Atomics` operation for each word, or one that writes. Here an
 * announcement stays, so that a reader that finds nothing new needs one `Atomics.load`, half of a seqlock's.
 *
 * Nothing here waits: both ends are synchronous and take their views as arguments, so that the model checker
 * runs this very code.
 *
 * @module
 */

import { WORD_BYTES } from "../header/mod.ts";
import { ANNOUNCED_BYTES, ANNOUNCED_STRIDE_WORDS, GONE, WAITING_BYTES } from "./cell_layout.ts";

/** A reader that the writer overtakes so often in a row, each time within some 50 ns, gives up. */
const MOST_TRIES = 10_000;

/** The word of `endpoint`. */
export function announcedWord(currentWord: number, endpoint: number): number {
  return currentWord + ANNOUNCED_BYTES / WORD_BYTES + endpoint * ANNOUNCED_STRIDE_WORDS;
}

/** The writing end. Only the owner may hold it. */
export class CellWriter {
  readonly #words: Int32Array;
  readonly #currentWord: number = 0;
  readonly #waitingWord: number = 0;
  readonly #endpointCount: number = 0;
  /** By slot, whether it may not be written to. */
  readonly #taken: Uint8Array;
  /** Slots that may be written to, the last `#freeCount` of which are left. */
  readonly #free: Int32Array;
  #freeCount = 0;
  #current = 0;

  /** The cell has a value in slot 0, and the words are 0. */
  constructor(words: Int32Array, currentWord: number, endpointCount: number) {
    this.#words = words;
    this.#currentWord = currentWord;
    this.#waitingWord = currentWord + WAITING_BYTES / WORD_BYTES;
    this.#endpointCount = endpointCount;
    this.#taken = new Uint8Array(endpointCount + 2);
    this.#free = new Int32Array(endpointCount + 2);
  }

  /** The slot of the newest value. */
  get current(): number {
    return this.#current;
  }

  /** A slot that nobody reads, to write the next value to. O(1) amortized over as many as are free. */
  take(): number {
    if (this.#freeCount === 0) this.#collect();
    return this.#free[--this.#freeCount]!;
  }

  /** The slot that was taken last is not written to after all. */
  giveBack(): void {
    this.#freeCount++;
  }

  /** The slot that was taken last holds the newest value. True if somebody waits for it: wake them. */
  publish(slot: number): boolean {
    // Publishes what the slot holds; CellReader loads CURRENT before it reads there.
    Atomics.store(this.#words, this.#currentWord, slot);
    this.#current = slot;
    return this.#hasWaiting();
  }

  /** The cell is disposed of. True if somebody waits: wake them. */
  end(): boolean {
    Atomics.store(this.#words, this.#currentWord, GONE);
    return this.#hasWaiting();
  }

  #hasWaiting(): boolean {
    // CellReader.mayWait() stores WAITING and then loads CURRENT: one of both sees the other. It is in the
    // list of those who wait by then, so that 0 may be stored before they are woken.
    if (Atomics.load(this.#words, this.#waitingWord) === 0) return false;
    Atomics.store(this.#words, this.#waitingWord, 0);
    return true;
  }

  /** Finds the slots that nobody reads: one at least, as there are two more than readers. */
  #collect(): void {
    const taken = this.#taken;
    taken.fill(0);
    taken[this.#current] = 1;
    for (let endpoint = 0; endpoint < this.#endpointCount; endpoint++) {
      // Loaded after CURRENT was stored, by which the slots that are free now were left: a reader that
      // announces one of them later sees that it is not the newest. One that has announced another slot
      // since has ended its reads of these.
      const announced = Atomics.load(this.#words, announcedWord(this.#currentWord, endpoint));
      if (announced > 0) taken[announced - 1] = 1;
    }
    for (let slot = taken.length - 1; slot >= 0; slot--) {
      if (taken[slot] === 0) this.#free[this.#freeCount++] = slot;
    }
  }
}

/** The reading end. Only one thread may hold it, and one alone of each endpoint. */
export class CellReader {
  readonly #words: Int32Array;
  readonly #currentWord: number = 0;
  readonly #waitingWord: number = 0;
  readonly #announcedWord: number = 0;
  readonly #slotCount: number = 0;
  /** The slot that this endpoint has announced; -1 before the first. */
  #announced = -1;

  constructor(words: Int32Array, currentWord: number, endpointCount: number, endpoint: number) {
    this.#words = words;
    this.#currentWord = currentWord;
    this.#waitingWord = currentWord + WAITING_BYTES / WORD_BYTES;
    this.#announcedWord = announcedWord(currentWord, endpoint);
    this.#slotCount = endpointCount + 2;
  }

  /**
   * The slot of the newest value, which is not written to until this is called again; GONE if the cell is
   * disposed of, -2 if the writer overtook this reader again and again.
   */
  latest(): number {
    // Orders the reads of the slot behind CellWriter.publish()'s store.
    const current = Atomics.load(this.#words, this.#currentWord);
    return current === this.#announced ? current : this.#announce(current);
  }

  #announce(first: number): number {
    let current = first;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      if (current < 0 || current >= this.#slotCount) return GONE;
      // Ends the reads of the slot that was announced before; CellWriter loads the word before it writes.
      Atomics.store(this.#words, this.#announcedWord, current + 1);
      this.#announced = current;
      // The writer may have looked at the word before the store. Then it has left the slot by now.
      const now = Atomics.load(this.#words, this.#currentWord);
      if (now === current) return current;
      current = now;
    }
    this.#announced = -1;
    return OVERTAKEN;
  }

  /**
   * Whether the newest value is still the one in `slot`, for who is in the list of those who wait and wants
   * to go on waiting.
   */
  mayWait(slot: number): boolean {
    Atomics.store(this.#words, this.#waitingWord, 1);
    return Atomics.load(this.#words, this.#currentWord) === slot;
  }
}

/** What `latest()` gives when it has given up. */
export const OVERTAKEN = -2;
