/**
 * The items of one shard, more or less in the order of their use: a doubly linked list for each size
 * class, after memcached's lists for each slab class (items.c). The classes are no pages of memory
 * here, only lists: when an item must go so that another fits, one of about its size leaves a hole
 * that fits.
 *
 * An item that is used stays where it is, and is marked. At the end of its list it is not evicted but
 * becomes the newest, without its mark: the second chance of the CLOCK algorithm. To move it at every
 * use would cost as much as to find it, as its neighbours are in memory that nobody has looked at.
 *
 * @module
 */

import type { Allocator } from "@tidepool/core";
import { Item, type ItemView, USED } from "./item.ts";

/** Lists for each doubling of the size. */
const CLASSES_PER_DOUBLING = 8;
/** Binary logarithm of the size where the first class begins. */
const FIRST_LEVEL = 6;
/** Size classes: the last is that of items from 15/16 of 2 MiB. */
export const CLASS_COUNT = (21 - FIRST_LEVEL) * CLASSES_PER_DOUBLING;

/** The size class of an item of so many bytes. */
export function sizeClassOf(byteLength: number): number {
  if (byteLength < 1 << FIRST_LEVEL) return 0;
  const level = 31 - Math.clz32(byteLength);
  const part = (byteLength >>> (level - 3)) & (CLASSES_PER_DOUBLING - 1);
  return Math.min((level - FIRST_LEVEL) * CLASSES_PER_DOUBLING + part, CLASS_COUNT - 1);
}

/** The number of a size class as clients see it: they are used to numbers from 1 on. */
export function classNumberOf(sizeClass: number): number {
  return sizeClass + 1;
}

/** Bytes of the smallest item of a size class. */
export function smallestOf(sizeClass: number): number {
  const level = FIRST_LEVEL + Math.floor(sizeClass / CLASSES_PER_DOUBLING);
  return (CLASSES_PER_DOUBLING + sizeClass % CLASSES_PER_DOUBLING) * 2 ** (level - 3);
}

/** Items in a row that get a second chance, before one goes that has earned it too. */
const MOST_CHANCES = 64;

/** The lists of one shard. */
export class LruLists {
  /** Items of each list. */
  readonly counts: Uint32Array = new Uint32Array(CLASS_COUNT);
  readonly #newest: Float64Array = new Float64Array(CLASS_COUNT);
  readonly #oldest: Float64Array = new Float64Array(CLASS_COUNT);
  readonly #item: ItemView;

  constructor(allocator: Allocator) {
    // A view has to be somewhere; it is moved before every use.
    this.#item = Item.at(allocator, allocator.slice.byteOffset + 8);
  }

  /** The item of a class that is to go first, 0 if there is none. */
  oldestOf(sizeClass: number): number {
    for (let chances = 0; chances < MOST_CHANCES; chances++) {
      const address = this.#oldest[sizeClass]!;
      if (address === 0) return 0;
      const item = this.#item.at(address);
      if ((item.state & USED) === 0) return address;
      item.state &= ~USED;
      this.bump(address);
    }
    return this.#oldest[sizeClass]!;
  }

  /** The item at the end of a list that has one, which is not changed. */
  lastOf(sizeClass: number): number {
    return this.#oldest[sizeClass]!;
  }

  /** The class whose first to go was used before those of all others, -1 if there is no item. */
  oldestClass(): number {
    let oldest = -1;
    let oldestTime = Infinity;
    for (let sizeClass = 0; sizeClass < CLASS_COUNT; sizeClass++) {
      const address = this.oldestOf(sizeClass);
      if (address === 0) continue;
      const time = this.#item.at(address).time;
      if (time >= oldestTime) continue;
      oldest = sizeClass;
      oldestTime = time;
    }
    return oldest;
  }

  /** The addresses of the items of a class, the newest first. They must stay while it is gone through. */
  *itemsOf(sizeClass: number): Generator<number> {
    for (let address = this.#newest[sizeClass]!; address !== 0;) {
      yield address;
      address = this.#item.at(address).older;
    }
  }

  /** Adds an item to the list of its size class, as the newest. */
  add(address: number): void {
    const item = this.#item.at(address);
    const { sizeClass } = item;
    const second = this.#newest[sizeClass]!;
    item.newer = 0;
    item.older = second;
    if (second === 0) this.#oldest[sizeClass] = address;
    else item.at(second).newer = address;
    this.#newest[sizeClass] = address;
    this.counts[sizeClass]!++;
  }

  /** Takes an item off its list. */
  remove(address: number): void {
    const item = this.#item.at(address);
    const { sizeClass, newer, older } = item;
    if (newer === 0) this.#newest[sizeClass] = older;
    else item.at(newer).older = older;
    if (older === 0) this.#oldest[sizeClass] = newer;
    else item.at(older).newer = newer;
    this.counts[sizeClass]!--;
  }

  /** Makes an item the newest of its list. */
  bump(address: number): void {
    if (this.#item.at(address).newer === 0) return;
    this.remove(address);
    this.add(address);
  }
}
