/**
 * The orders that rest in a book: structs in one block of the slice, of which the garbage collector
 * knows nothing. An id is 2^20 times a running number, plus the order's place in the block: so an id
 * leads to its order without a map, and one that has ended leads nowhere.
 *
 * @module
 */
import { array, bool, f64, localAllocator, sizeOf, struct, u32, type ViewOf } from "@tidepool/core";

const Order = struct("Order", {
  id: f64, // 0: the place is free
  price: u32,
  quantity: u32, // what is left of it
  next: u32, // the places of its neighbours in the queue of its price; 0: none
  previous: u32,
  isBuy: bool,
});
const ORDER_BYTES = sizeOf(Order);
const PLACES = 2 ** 20; // of which the first is not used

export class Orders {
  readonly #orders: ViewOf<typeof Order>;
  readonly #block: number;
  #used = 1;
  #free = 0; // the first of a list
  #count = 0;

  /** @param capacity the most that can rest, less than 2^20 */
  constructor(readonly capacity: number) {
    this.#orders = array(Order, capacity + 1).make(localAllocator()).get(0);
    this.#block = this.#orders.address;
  }

  /** The order in that place. It is always the same view, which each call moves. */
  at(place: number): ViewOf<typeof Order> {
    return this.#orders.at(this.#block + place * ORDER_BYTES);
  }

  /** A place for an order; 0 if there is none. */
  take(): number {
    const place = this.#free;
    if (place !== 0) this.#free = this.at(place).next;
    else if (this.#used <= this.capacity) return this.#used++;
    return place;
  }

  give(place: number): void {
    const order = this.at(place);
    order.id = 0;
    order.next = this.#free;
    this.#free = place;
  }

  newId(place: number): number {
    return ++this.#count * PLACES + place;
  }

  /** The place of the order with that id; 0 if it does not rest here. */
  find(id: number): number {
    const place = id % PLACES;
    return place > 0 && place < this.#used && this.at(place).id === id ? place : 0;
  }

  [Symbol.dispose](): void {
    localAllocator().free(this.#block);
  }
}
