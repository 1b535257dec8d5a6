/**
 * The hash table of one shard: buckets in its slice, chained through the items themselves. It grows
 * by one bucket at a time (linear hashing, Litwin 1980), so that no command ever waits for a table
 * to be copied; memcached has a thread for that (assoc.c).
 *
 * A bucket is the number of the 8-byte granule of the slice where its first item begins, 0 for none:
 * half the size of an address.
 *
 * @module
 */

import type { Allocator } from "@tidepool/core";
import { HEADER_BYTES, Item, type ItemView } from "./item.ts";

/** Buckets in one block of the slice. */
const SEGMENT_BUCKETS = 4096;
const GRANULE_BYTES = 8;

/** The items of one shard by their keys. */
export class HashTable {
  readonly #allocator: Allocator;
  readonly #bytes: Uint8Array;
  readonly #base: number;
  readonly #item: ItemView;
  /** Blocks of buckets, in order. */
  readonly #segments: Uint32Array[] = [];
  /** Buckets of the round: a power of two, split one after the other into as many again. */
  #roundBuckets = SEGMENT_BUCKETS;
  /** Buckets of the round that are split already. */
  #split = 0;
  #size = 0;

  /** @throws {RangeError} If the slice has no room for the smallest table. */
  constructor(allocator: Allocator) {
    this.#allocator = allocator;
    this.#bytes = allocator.bytes(0, allocator.buffer.byteLength);
    this.#base = allocator.slice.byteOffset;
    // A view has to be somewhere; it is moved before every use.
    this.#item = Item.at(allocator, this.#base + GRANULE_BYTES);
    if (!this.#addSegment()) {
      throw new RangeError(
        `Cannot make a hash table: the slice of ${allocator.slice.byteLength} bytes has no room for it`,
      );
    }
  }

  /** How many items there are. */
  get size(): number {
    return this.#size;
  }

  /** How many buckets. */
  get bucketCount(): number {
    return this.#roundBuckets + this.#split;
  }

  /** The item with that key, 0 if there is none. */
  find(keyAddress: number, keyLength: number, hash: number): number {
    const item = this.#item;
    let found = this.#head(this.#bucketOf(hash));
    while (found !== 0) {
      item.at(found);
      if (item.hash === hash && item.keyLength === keyLength) {
        if (this.#isKey(found + HEADER_BYTES, keyAddress, keyLength)) return found;
      }
      found = item.next;
    }
    return 0;
  }

  /** The items of a bucket. */
  itemsOf(bucket: number): number[] {
    const found: number[] = [];
    for (let item = this.#head(bucket); item !== 0; item = this.#item.at(item).next) {
      found.push(item);
    }
    return found;
  }

  /** Adds an item whose key is not in the table. May allocate, and so evict other items first. */
  add(address: number): void {
    if (this.#size >= this.bucketCount) this.#grow();
    const bucket = this.#bucketOf(this.#item.at(address).hash);
    this.#item.next = this.#head(bucket);
    this.#setHead(bucket, address);
    this.#size++;
  }

  /** Takes an item out. */
  remove(address: number): void {
    const item = this.#item.at(address);
    const next = item.next;
    const bucket = this.#bucketOf(item.hash);
    let before = this.#head(bucket);
    if (before === address) this.#setHead(bucket, next);
    else {
      // Invariant: an item is in the chain of its bucket, so this ends at the item before it.
      while (item.at(before).next !== address) before = item.next;
      item.next = next;
    }
    this.#size--;
  }

  /** Whether an item of the table begins at `address`, whatever is there now. */
  holds(address: number): boolean {
    const item = this.#item.at(address);
    let found = this.#head(this.#bucketOf(item.hash));
    while (found !== 0 && found !== address) found = item.at(found).next;
    return found !== 0;
  }

  /** Splits the next bucket in two. Without memory the chains get longer, and that is all. */
  #grow(): void {
    const added = this.bucketCount;
    if (added === this.#segments.length * SEGMENT_BUCKETS && !this.#addSegment()) return;
    const item = this.#item;
    let moving = this.#head(this.#split);
    let staying = 0;
    let leaving = 0;
    while (moving !== 0) {
      const next = item.at(moving).next;
      if ((item.hash & this.#roundBuckets) === 0) {
        item.next = staying;
        staying = moving;
      } else {
        item.next = leaving;
        leaving = moving;
      }
      moving = next;
    }
    this.#setHead(this.#split, staying);
    this.#setHead(added, leaving);
    if (++this.#split === this.#roundBuckets) {
      this.#roundBuckets *= 2;
      this.#split = 0;
    }
  }

  #addSegment(): boolean {
    const address = this.#allocator.calloc(SEGMENT_BUCKETS, Uint32Array.BYTES_PER_ELEMENT);
    if (address === 0) return false;
    this.#segments.push(new Uint32Array(this.#allocator.buffer, address, SEGMENT_BUCKETS));
    return true;
  }

  #bucketOf(hash: number): number {
    const bucket = hash & (this.#roundBuckets - 1);
    return bucket < this.#split ? hash & (this.#roundBuckets * 2 - 1) : bucket;
  }

  #head(bucket: number): number {
    const granule = this.#segments[bucket >>> 12]![bucket & (SEGMENT_BUCKETS - 1)]!;
    return granule === 0 ? 0 : this.#base + granule * GRANULE_BYTES;
  }

  #setHead(bucket: number, address: number): void {
    const granule = address === 0 ? 0 : (address - this.#base) / GRANULE_BYTES;
    this.#segments[bucket >>> 12]![bucket & (SEGMENT_BUCKETS - 1)] = granule;
  }

  #isKey(at: number, keyAddress: number, keyLength: number): boolean {
    const bytes = this.#bytes;
    for (let i = 0; i < keyLength; i++) {
      if (bytes[at + i] !== bytes[keyAddress + i]) return false;
    }
    return true;
  }
}
