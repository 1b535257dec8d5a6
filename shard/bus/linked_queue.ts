/**
 * A queue from whose middle, too, an element goes in O(1): a ring of links, each of which knows its
 * neighbours. For what waits in order and may be given up: 65,536 calls that an array would look for
 * and close ranks behind, one after the other, take seconds to give up.
 *
 * @module
 */

/** The place of an element in a queue. */
export class Link<T> {
  /** The element. */
  readonly value: T;
  /** Neighbours in the ring; the link itself when it is in no queue. */
  previous: Link<T> = this;
  next: Link<T> = this;

  constructor(value: T) {
    this.value = value;
  }

  /** Whether the element is still in its queue. */
  get isLinked(): boolean {
    return this.next !== this;
  }
}

/** Elements in the order in which they came. */
export class LinkedQueue<T> {
  /** Closes the ring, and has no element: the oldest is next to it. */
  readonly #end = new Link<T>(undefined as T);
  #size = 0;

  /** How many there are. O(1). */
  get size(): number {
    return this.#size;
  }

  /** The place of the oldest; undefined if there is none. O(1). */
  get first(): Link<T> | undefined {
    return this.#size === 0 ? undefined : this.#end.next;
  }

  /** Adds the youngest; returns its place. O(1). */
  push(value: T): Link<T> {
    const link = new Link(value);
    const end = this.#end;
    link.next = end;
    link.previous = end.previous;
    end.previous.next = link;
    end.previous = link;
    this.#size++;
    return link;
  }

  /** Takes one out; false if it was out already. O(1). */
  remove(link: Link<T>): boolean {
    if (!link.isLinked) return false;
    link.previous.next = link.next;
    link.next.previous = link.previous;
    link.previous = link.next = link;
    this.#size--;
    return true;
  }
}
