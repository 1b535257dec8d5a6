/**
 * The table of a shared map, as one reader finds its way in it.
 *
 * @module
 */

import {
  BUCKETS_WORD,
  PAGE_PIECES,
  PAGES_WORD,
  PIECE_SHIFT,
  PIECE_SLOTS,
  SEED_0_WORD,
  SEED_1_WORD,
  SIZE_WORD,
  SLOT_WORDS,
} from "./map_layout.ts";
import { bucketOf, orderOfHash } from "./split_order.ts";
import { ListReader, OUT_OF_ORDER, overwritten, type SoughtKey } from "./split_list.ts";

/** The table of one map, for one reader. All of it but glance() is to be used inside of readings. */
export class TableReader {
  /** The owner's slice. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Walks along the list. */
  readonly list: ListReader;
  /** Key of the hash. */
  readonly seed0: number;
  /** Key of the hash. */
  readonly seed1: number;
  readonly #index: number;
  /** Places of the pieces that are known here. */
  readonly #pieces: number[] = [];
  /** Buckets that there were at the last look. There are never fewer. */
  #buckets = 0;

  /** The table of the map whose header is at `index`. */
  constructor(words: Int32Array<SharedArrayBuffer>, index: number) {
    this.words = words;
    this.#index = index;
    this.list = new ListReader(words);
    this.seed0 = words[index + SEED_0_WORD]!;
    this.seed1 = words[index + SEED_1_WORD]!;
    this.#look();
  }

  /** How many nodes there are. One atomic load. */
  get size(): number {
    return Atomics.load(this.words, this.#index + SIZE_WORD);
  }

  /**
   * The place of the node with the key, 0 if there is none. Inside of a reading.
   *
   * @throws {Error} If what lies there is not a list any more.
   */
  find(hash: number, key: SoughtKey): number {
    const place = this.glance(hash, key);
    if (place === OUT_OF_ORDER) throw overwritten(this.slotFor(hash));
    // There are more buckets by now: the next walk is to be short.
    if (this.list.passedSlot) this.#look();
    return place;
  }

  /** The same, but that it gives OUT_OF_ORDER, and writes down nothing of what it meets. */
  glance(hash: number, key: SoughtKey): number {
    return this.list.find(this.slotFor(hash), orderOfHash(hash), key);
  }

  /** The place of the slot that stands in front of the nodes of a hash. */
  slotFor(hash: number): number {
    const bucket = bucketOf(hash, this.#buckets);
    return this.#pieces[bucket >>> PIECE_SHIFT]! + (bucket & (PIECE_SLOTS - 1)) * SLOT_WORDS;
  }

  /** Looks how many buckets there are. */
  #look(): void {
    const { words } = this;
    // Pairs with the owner's store, before which it has written slots and directory up to there.
    const buckets = Atomics.load(words, this.#index + BUCKETS_WORD);
    const pieces = ((buckets - 1) >>> PIECE_SHIFT) + 1;
    for (let piece = this.#pieces.length; piece < pieces; piece++) {
      const page = words[this.#index + PAGES_WORD + Math.floor(piece / PAGE_PIECES)]!;
      this.#pieces.push(words[page + (piece % PAGE_PIECES)]!);
    }
    this.#buckets = buckets;
    this.list.passedSlot = false;
  }
}
