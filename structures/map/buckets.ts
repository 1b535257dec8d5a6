/**
 * The slots of a table, as its owner finds and adds them. Words and places alone: where a slot's memory comes
 * from, map_table.ts knows.
 *
 * @module
 */

import { BUCKETS_WORD, PIECE_SHIFT, PIECE_SLOTS, SLOT_WORDS } from "./map_layout.ts";
import type { ListOwner } from "./split_list.ts";
import { bucketOf, orderOfBucket, parentOf } from "./split_order.ts";

/** The buckets of one map. */
export class Buckets {
  /** How many there are. */
  count = 1;
  /** Places of the pieces, as the directory has them. */
  readonly pieces: number[] = [];
  readonly #words: Int32Array;
  readonly #index: number;
  readonly #list: ListOwner;

  /** @param index The header of the map. */
  constructor(words: Int32Array, index: number, list: ListOwner) {
    this.#words = words;
    this.#index = index;
    this.#list = list;
  }

  /** The place of the slot of a bucket. */
  slotOf(bucket: number): number {
    return this.pieces[bucket >>> PIECE_SHIFT]! + (bucket & (PIECE_SLOTS - 1)) * SLOT_WORDS;
  }

  /** The place of the slot that stands in front of the nodes of a hash. */
  slotFor(hash: number): number {
    return this.slotOf(bucketOf(hash, this.count));
  }

  /** Splits the next bucket in turn in two. Its piece is in the directory. */
  split(): void {
    const bucket = this.count;
    const parent = this.slotOf(parentOf(bucket));
    this.#list.split(parent, this.slotOf(bucket), orderOfBucket(bucket));
    this.count = bucket + 1;
    // After the slot is linked, and after its piece is in the directory: a reader loads this first.
    Atomics.store(this.#words, this.#index + BUCKETS_WORD, bucket + 1);
  }
}
