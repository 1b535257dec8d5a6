/**
 * Iteration over a shared map while it changes: in the order of the list, by batches that are copied within
 * one reading.
 *
 * A batch ends between two orders, and the next begins at the first node of a higher one. Orders of keys do
 * not change, whatever grows; so what is there from the beginning to the end is met once, and no key twice.
 *
 * @module
 */

import { ORDER_WORD } from "./map_layout.ts";
import type { ListReader } from "./split_list.ts";
import { hashOfOrder } from "./split_order.ts";

/** So many entries are copied within one reading. */
const BATCH_ENTRIES = 64;

/** What iteration needs of a map. */
export interface WalkedMap {
  /** The slice that it lies in. */
  readonly words: Int32Array;
  /** Walks along its list. */
  readonly list: ListReader;
  /** The place of the slot that stands in front of the nodes of a hash. */
  slotFor(hash: number): number;
}

/**
 * The entries of a map, as `copy` copies a node, which it is given the place of.
 *
 * @param begin Begins a reading.
 * @param end Ends it.
 */
export function* batches<Entry>(
  map: WalkedMap,
  begin: () => void,
  end: () => void,
  copy: (place: number) => Entry,
): Generator<Entry[]> {
  // Below that of any node.
  let last = -0x80000000;
  while (true) {
    const batch: Entry[] = [];
    begin();
    try {
      let place = map.list.firstAbove(map.slotFor(hashOfOrder(last)), last);
      while (place !== 0) {
        const order = map.words[place + ORDER_WORD]!;
        if (batch.length >= BATCH_ENTRIES && order !== last) break;
        last = order;
        batch.push(copy(place));
        place = map.list.nodeAfter(place);
      }
    } finally {
      end();
    }
    if (batch.length === 0) return;
    yield batch;
  }
}
