/**
 * The list that a shared map is: walked by readers while its owner links and unlinks. Words and places
 * alone: what a key or a value is, others know.
 *
 * Invariant: every NEXT that was ever published leads, by NEXTs, to the end of the list, past every node
 * that stands behind it for as long as the walk takes. Why: the owner writes a node or a slot whole before
 * it publishes it, by one store of the NEXT in front of it; it changes no ORDER and no key of what others can
 * see; and what it unlinks keeps its NEXT until no reader is left who may stand there (../readers/reading.ts).
 * So a reader waits for nobody and tries nothing twice.
 *
 * @module
 */

import {
  KEY_INFO_WORD,
  KEY_WORD,
  NEXT_WORD,
  ORDER_WORD,
  PLACE_MASK,
  SLOT_BIT,
} from "./map_layout.ts";

/** A key, as a list is searched for it. */
export interface SoughtKey {
  /** Its words, from the first. */
  readonly words: Int32Array;
  /** How many. */
  readonly wordCount: number;
  /** KEY_INFO of its node. */
  readonly info: number;
}

/** So many nodes in a row may have one order, which are 31 bits of a hash that nobody can foretell. */
const MAX_ALIKE = 4096;

/** What find() gives where orders go down. */
export const OUT_OF_ORDER = -1;

/** The error of a list whose orders go down: something else has written there. */
export function overwritten(place: number): Error {
  return new Error(
    `A shared map was overwritten: what stands at word ${place} of its owner's slice is out of order`,
  );
}

/** Whether the node at a place has the key. */
function hasKey(words: Int32Array, place: number, key: SoughtKey): boolean {
  if (words[place + KEY_INFO_WORD] !== key.info) return false;
  const { wordCount, words: sought } = key;
  for (let i = 0; i < wordCount; i++) {
    if (words[place + KEY_WORD + i] !== sought[i]) return false;
  }
  return true;
}

/** A walk by a reader. */
export class ListReader {
  /** Whether the last walk passed a slot: then there are more buckets than it began with. */
  passedSlot = false;
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /**
   * The place of the node with the key, from the slot at `slot` on; 0 if there is none, OUT_OF_ORDER if what lies
   * there is not a list, and never another throw. O(length of a chain).
   */
  find(slot: number, order: number, key: SoughtKey): number {
    const words = this.#words;
    this.passedSlot = false;
    let last = words[slot + ORDER_WORD]!;
    let alike = 0;
    // Pairs with the owner's store of that NEXT, which publishes what lies there.
    let next = Atomics.load(words, slot + NEXT_WORD);
    while (next !== 0) {
      const place = next & PLACE_MASK;
      const found = words[place + ORDER_WORD]!;
      // Invariant: orders go up, so that a walk ends; those of places outside of the slice are undefined.
      if (!(found > last) && (found !== last || ++alike > MAX_ALIKE)) return OUT_OF_ORDER;
      if (found >= order) {
        if (found > order) return 0;
        if (hasKey(words, place, key)) return place;
      } else if ((next & SLOT_BIT) !== 0) this.passedSlot = true;
      last = found;
      next = Atomics.load(words, place + NEXT_WORD);
    }
    return 0;
  }

  /** The place of the first node behind the slot at `slot` whose order is above `order`; 0 if there is none. */
  firstAbove(slot: number, order: number): number {
    const words = this.#words;
    let last = words[slot + ORDER_WORD]!;
    let alike = 0;
    let next = Atomics.load(words, slot + NEXT_WORD);
    while (next !== 0) {
      const place = next & PLACE_MASK;
      const found = words[place + ORDER_WORD]!;
      if (!(found > last) && (found !== last || ++alike > MAX_ALIKE)) throw overwritten(place);
      if (found > order && (next & SLOT_BIT) === 0) return place;
      last = found;
      next = Atomics.load(words, place + NEXT_WORD);
    }
    return 0;
  }

  /** The place of the node after that at `place`; 0 if it is the last. */
  nodeAfter(place: number): number {
    const words = this.#words;
    let last = words[place + ORDER_WORD]!;
    let next = Atomics.load(words, place + NEXT_WORD);
    while ((next & SLOT_BIT) !== 0) {
      const slot = next & PLACE_MASK;
      const found = words[slot + ORDER_WORD]!;
      if (!(found > last)) throw overwritten(slot);
      last = found;
      next = Atomics.load(words, slot + NEXT_WORD);
    }
    return next;
  }
}

/** The owner's side. Nobody else writes, so that its plain reads are exact. */
export class ListOwner {
  /** Place of what stands in front of what find() found, or of where that would stand. */
  previous = 0;
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** The place of the node with the key, from the slot at `slot` on, and `previous`; 0 if there is none. */
  find(slot: number, order: number, key: SoughtKey): number {
    const words = this.#words;
    let previous = slot;
    let place = words[slot + NEXT_WORD]! & PLACE_MASK;
    while (place !== 0) {
      const found = words[place + ORDER_WORD]!;
      if (found >= order) {
        if (found > order) break;
        if (hasKey(words, place, key)) {
          this.previous = previous;
          return place;
        }
      }
      previous = place;
      place = words[place + NEXT_WORD]! & PLACE_MASK;
    }
    this.previous = previous;
    return 0;
  }

  /** Finds the node at `node` itself, from the slot at `slot` on: `previous`. O(length of a chain). */
  seek(slot: number, node: number): void {
    const words = this.#words;
    let previous = slot;
    let place = words[slot + NEXT_WORD]! & PLACE_MASK;
    while (place !== node) {
      if (place === 0) throw overwritten(node);
      previous = place;
      place = words[place + NEXT_WORD]! & PLACE_MASK;
    }
    this.previous = previous;
  }

  /** Links the slot or node that `reference` names, written but for NEXT, behind `previous`. */
  link(previous: number, reference: number): void {
    const words = this.#words;
    words[(reference & PLACE_MASK) + NEXT_WORD] = words[previous + NEXT_WORD]!;
    // Publishes all of it; a reader loads this NEXT before it looks there.
    Atomics.store(words, previous + NEXT_WORD, reference);
  }

  /** Puts the node at `node`, written but for NEXT, in the place of the one behind `previous`. */
  replace(previous: number, old: number, node: number): void {
    const words = this.#words;
    words[node + NEXT_WORD] = words[old + NEXT_WORD]!;
    Atomics.store(words, previous + NEXT_WORD, node);
  }

  /** Unlinks the node at `node`, which stands behind `previous`. It keeps its own NEXT for who stands there. */
  unlink(previous: number, node: number): void {
    const words = this.#words;
    Atomics.store(words, previous + NEXT_WORD, words[node + NEXT_WORD]!);
  }

  /** Links the slot at `slot`, of a bucket that is split off the one whose slot is at `parent`. */
  split(parent: number, slot: number, order: number): void {
    const words = this.#words;
    let previous = parent;
    let next = words[parent + NEXT_WORD]! & PLACE_MASK;
    while (next !== 0 && words[next + ORDER_WORD]! < order) {
      previous = next;
      next = words[next + NEXT_WORD]! & PLACE_MASK;
    }
    words[slot + ORDER_WORD] = order;
    this.link(previous, slot | SLOT_BIT);
  }
}
