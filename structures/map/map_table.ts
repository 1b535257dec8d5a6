/**
 * The table of a shared map, as its owner changes it: the list, the slots into it, and the directory by
 * which readers find the slots.
 *
 * It grows by one slot with each entry that there is no slot for. Nothing is moved, and no slot is ever
 * taken away. If there is no memory for more slots, chains get longer.
 *
 * @module
 */

import { badAlloc } from "../../allocator/unstable_layers.ts";
import type { Readers, RetiredOwner } from "../readers/mod.ts";
import {
  BUCKETS_WORD,
  MAP_HEADER_BYTES,
  MAX_BUCKETS,
  NEXT_WORD,
  ORDER_WORD,
  PAGE_BYTES,
  PAGE_PIECES,
  PAGES_LIMIT,
  PAGES_WORD,
  PIECE_BYTES,
  PIECE_SHIFT,
  PLACE_MASK,
  SEED_0_WORD,
  SEED_1_WORD,
  SIZE_WORD,
  SLOT_BIT,
} from "./map_layout.ts";
import { hashOfOrder, orderOfBucket, orderOfHash } from "./split_order.ts";
import { ListOwner, type SoughtKey } from "./split_list.ts";
import { Buckets } from "./buckets.ts";

/** Processors fetch lines of 64 bytes in pairs. */
const LINE_BYTES = 128;
/** Pieces that are made at once take no more than this part of the slice. */
const RUN_PART = 64;
const MAX_PIECES = PAGES_LIMIT * PAGE_PIECES;

/** The table of one map. */
export class MapTable {
  /** The owner's slice. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Index of the header. */
  readonly index: number;
  /** Key of the hash. */
  readonly seed0: number;
  /** Key of the hash. */
  readonly seed1: number;
  /** How often a node was linked or unlinked: whether what was found is still so. */
  changes = 0;
  readonly #readers: Readers;
  readonly #list: ListOwner;
  readonly #buckets: Buckets;
  /** Addresses of the blocks that the pieces lie in. */
  readonly #runs: number[] = [];
  #size = 0;

  /**
   * @param readers What the owner has.
   * @param definition The definition of the map as text.
   * @throws {BadAllocError} If there is no room.
   */
  constructor(readers: Readers, definition: string) {
    const { words } = readers;
    this.words = words;
    this.#readers = readers;
    this.#list = new ListOwner(words);
    const index = readers.allocate(MAP_HEADER_BYTES, definition, LINE_BYTES);
    this.index = index;
    this.#buckets = new Buckets(words, index, this.#list);
    words.fill(0, index, index + (MAP_HEADER_BYTES >> 2));
    const seeds = crypto.getRandomValues(new Int32Array(2));
    this.seed0 = words[index + SEED_0_WORD] = seeds[0]!;
    this.seed1 = words[index + SEED_1_WORD] = seeds[1]!;
    try {
      if (!this.#addPieces(0)) {
        throw badAlloc(readers.endpoint.allocator, PIECE_BYTES, 8, definition);
      }
      readers.open(index, definition);
    } catch (error) {
      this.#freeTable((address) => readers.release(address));
      throw error;
    }
    const first = this.#buckets.slotOf(0);
    words[first + NEXT_WORD] = 0;
    words[first + ORDER_WORD] = orderOfBucket(0);
    words[index + BUCKETS_WORD] = 1;
  }

  /** How many nodes there are. */
  get size(): number {
    return this.#size;
  }

  /** How many buckets there are. */
  get buckets(): number {
    return this.#buckets.count;
  }

  /** The place of the node with the key, 0 if there is none. O(1), on average over keys. */
  find(hash: number, key: SoughtKey): number {
    return this.#list.find(this.slotFor(hash), orderOfHash(hash), key);
  }

  /** The place of the slot that stands in front of the nodes of a hash. */
  slotFor(hash: number): number {
    return this.#buckets.slotFor(hash);
  }

  /** Links the node at `node`, written but for NEXT and ORDER, where find() has just found no other. */
  insert(hash: number, node: number): void {
    this.changes++;
    this.words[node + ORDER_WORD] = orderOfHash(hash);
    this.#list.link(this.#list.previous, node);
    this.#setSize(this.#size + 1);
    if (this.#size > this.#buckets.count) this.#grow();
  }

  /** Puts the node at `node` in the place of the one at `old`, which find() has just found. */
  replace(hash: number, old: number, node: number): void {
    this.changes++;
    this.words[node + ORDER_WORD] = orderOfHash(hash);
    this.#list.replace(this.#list.previous, old, node);
  }

  /** Unlinks the node at `node`, which find() has just found. */
  remove(node: number): void {
    this.changes++;
    this.#list.unlink(this.#list.previous, node);
    this.#setSize(this.#size - 1);
  }

  /** Unlinks the node at `node`, whose key nobody has looked for. O(1), on average over keys. */
  removeUnsought(node: number): void {
    this.#list.seek(this.slotFor(hashOfOrder(this.words[node + ORDER_WORD]!)), node);
    this.remove(node);
  }

  /** Unlinks all nodes. Gives each to `unlinked`, which must not change the table. O(buckets + nodes). */
  clear(unlinked: (node: number) => void): void {
    const { words } = this;
    this.changes++;
    let slot = this.#buckets.slotOf(0);
    while (slot !== 0) {
      let next = words[slot + NEXT_WORD]!;
      if (next !== 0 && (next & SLOT_BIT) === 0) {
        const first = next;
        while (next !== 0 && (next & SLOT_BIT) === 0) next = words[next + NEXT_WORD]!;
        Atomics.store(words, slot + NEXT_WORD, next);
        for (let node = first; node !== 0 && (node & SLOT_BIT) === 0;) {
          const after = words[node + NEXT_WORD]!;
          unlinked(node);
          node = after;
        }
      }
      slot = next & PLACE_MASK;
    }
    this.#setSize(0);
  }

  /**
   * Closes the map; its memory is freed when nobody reads it. Gives each node to `unlinked`, which retires it:
   * they stay linked for who still stands there.
   */
  close(unlinked: (node: number) => void): void {
    const { words } = this;
    this.#readers.close(this.index);
    for (let next = this.#buckets.slotOf(0); next !== 0;) {
      const place = next & PLACE_MASK;
      const isNode = (next & SLOT_BIT) === 0 && place !== this.#buckets.slotOf(0);
      next = words[place + NEXT_WORD]!;
      if (isNode) unlinked(place);
    }
    this.#freeTable((address) => this.#readers.retired.retire(address, this.#readers));
  }

  /** Retires a block that a node lies in. */
  retire(index: number, owner: RetiredOwner): void {
    this.#readers.retire(index, owner);
  }

  /** Only the owner writes SIZE, and readers load it: it may be late there, and needs to publish nothing. */
  #setSize(size: number): void {
    this.#size = size;
    this.words[this.index + SIZE_WORD] = size;
  }

  /** Splits the next bucket in turn in two, if there is room for its slot. */
  #grow(): void {
    const buckets = this.#buckets;
    const { count } = buckets;
    if (count >= MAX_BUCKETS) return;
    const piece = count >>> PIECE_SHIFT;
    if (piece === buckets.pieces.length && !this.#addPieces(piece)) return;
    // That allocation may have run anything that gives memory back: somebody may have come first.
    if (count === buckets.count) buckets.split();
  }

  /**
   * Whether there is the piece of that number now. Half as many again are made at once, in a row: what is
   * never freed must not lie all over the slice, or no large block fits between any more.
   */
  #addPieces(piece: number): boolean {
    const { allocator } = this.#readers.endpoint;
    const most = allocator.reclaimers.isShort() ? 0 : allocator.slice.byteLength / RUN_PART;
    const wanted = Math.min(1 + (piece >> 1), Math.floor(most / PIECE_BYTES), MAX_PIECES - piece);
    const count = Math.max(1, wanted);
    // An allocation may run anything that gives memory back: somebody may come first.
    const lastPage = Math.floor((piece + count - 1) / PAGE_PIECES);
    for (let page = Math.floor(piece / PAGE_PIECES); page <= lastPage; page++) {
      if (!this.#hasPage(page)) return this.#buckets.pieces.length > piece;
    }
    const address = allocator.malloc(count * PIECE_BYTES);
    if (address === 0) return false;
    if (this.#buckets.pieces.length > piece) {
      allocator.free(address);
      return true;
    }
    this.#runs.push(address);
    const { index, words } = this;
    for (let i = 0; i < count; i++) {
      const place = this.#readers.indexOf(address + i * PIECE_BYTES);
      const page = words[index + PAGES_WORD + Math.floor((piece + i) / PAGE_PIECES)]!;
      words[page + ((piece + i) % PAGE_PIECES)] = place;
      this.#buckets.pieces.push(place);
    }
    return true;
  }

  /** Whether there is that page of the directory now. */
  #hasPage(page: number): boolean {
    const { words } = this;
    const { allocator } = this.#readers.endpoint;
    const word = this.index + PAGES_WORD + page;
    if (words[word] !== 0) return true;
    const address = allocator.malloc(PAGE_BYTES);
    if (address === 0) return false;
    if (words[word] !== 0) allocator.free(address);
    else words[word] = this.#readers.indexOf(address);
    return true;
  }

  #freeTable(free: (address: number) => void): void {
    const readers = this.#readers;
    for (const run of this.#runs) free(run);
    for (let page = 0; page < PAGES_LIMIT; page++) {
      const place = this.words[this.index + PAGES_WORD + page]!;
      if (place !== 0) free(readers.addressOf(place));
    }
    free(readers.addressOf(this.index));
  }
}
