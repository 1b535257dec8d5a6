/**
 * Which entry is to go: CLOCK (Corbató, "A Paging Experiment with the Multics System", 1968).
 *
 * The entries stand in a ring. Whoever uses one sets its TOUCHED, by a plain store, and only if it is not set
 * yet, so that no line goes from core to core for what is used all the time. The hand goes round: what is
 * touched it lets stay, and clears the mark; what is not goes. A new entry comes behind the hand, which so
 * comes to it last.
 *
 * It differs from the paper in two ways. A hand that has let MOST_CHANCES entries stay in a row takes the next
 * one, touched or not: otherwise one `set()` might go round the whole ring. And a second hand looks for
 * entries that have ended, and leaves the others as they are.
 *
 * Invariant: a node is in the ring as long as it is in the table, and both hands are at nodes of the ring.
 * The ring is the owner's alone. A reader that sets TOUCHED of a node that has gone does no harm: its memory
 * is not used again while it reads. A mark may be lost when both write TOUCHED at once; then an entry goes
 * one round earlier.
 *
 * @module
 */

import { AFTER_WORD, BEFORE_WORD, EXPIRES_WORD, TOUCHED_WORD } from "./cache_layout.ts";

/** So many entries in a row are let stay. */
export const MOST_CHANCES = 64;

/** Says that a node was used. Anyone may, within a reading. */
export function touch(words: Int32Array, node: number): void {
  if (words[node + TOUCHED_WORD] === 0) words[node + TOUCHED_WORD] = 1;
}

/** The ring of one cache. */
export class ClockRing {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  #count = 0;
  /** Where the hand is, 0 if the ring is empty. */
  #hand = 0;
  /** Where the second hand is. */
  #sweeper = 0;

  /** @param doubles The same memory as `words`. */
  constructor(words: Int32Array, doubles: Float64Array) {
    this.#words = words;
    this.#doubles = doubles;
  }

  /** How many nodes there are. */
  get count(): number {
    return this.#count;
  }

  /** Adds a node behind the hand. O(1). */
  add(node: number): void {
    const words = this.#words;
    const hand = this.#hand;
    this.#count++;
    if (hand === 0) {
      words[node + AFTER_WORD] = node;
      words[node + BEFORE_WORD] = node;
      this.#hand = node;
      this.#sweeper = node;
      return;
    }
    const last = words[hand + BEFORE_WORD]!;
    words[node + AFTER_WORD] = hand;
    words[node + BEFORE_WORD] = last;
    words[last + AFTER_WORD] = node;
    words[hand + BEFORE_WORD] = node;
  }

  /** Takes a node out; a hand that is there goes on. O(1). */
  remove(node: number): void {
    const words = this.#words;
    const after = words[node + AFTER_WORD]!;
    if (--this.#count === 0) {
      this.#hand = 0;
      this.#sweeper = 0;
      return;
    }
    const before = words[node + BEFORE_WORD]!;
    words[before + AFTER_WORD] = after;
    words[after + BEFORE_WORD] = before;
    if (this.#hand === node) this.#hand = after;
    if (this.#sweeper === node) this.#sweeper = after;
  }

  /** The node that is to go, which remove() is to be told; 0 if there is none. O(1). */
  next(now: number): number {
    const words = this.#words;
    let hand = this.#hand;
    if (hand === 0) return 0;
    for (let chances = 0; chances < MOST_CHANCES; chances++) {
      if (words[hand + TOUCHED_WORD] === 0 || this.hasEnded(hand, now)) break;
      words[hand + TOUCHED_WORD] = 0;
      hand = words[hand + AFTER_WORD]!;
    }
    this.#hand = hand;
    return hand;
  }

  /** Looks at up to `looks` nodes; gives one that has ended, which remove() is to be told, or 0. */
  sweep(now: number, looks: number): number {
    const words = this.#words;
    let node = this.#sweeper;
    for (let look = Math.min(looks, this.#count); look > 0; look--) {
      if (this.hasEnded(node, now)) {
        this.#sweeper = node;
        return node;
      }
      node = words[node + AFTER_WORD]!;
    }
    this.#sweeper = node;
    return 0;
  }

  /** Whether the entry of a node has ended. */
  hasEnded(node: number, now: number): boolean {
    const expires = this.#doubles[(node + EXPIRES_WORD) >> 1]!;
    return expires !== 0 && expires <= now;
  }
}
