/**
 * Classes that an upper layer teaches the bus: how an object of the class becomes a few words, and
 * back. Foreign pointers travel this way; the bus itself knows no pointer.
 *
 * @module
 */

/** The most words that a wire type may take. */
export const MAX_WIRE_WORDS = 8;

/**
 * How the objects of one class travel. Of fixed size, so that they fit a slot of the ring too.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export interface WireType<T extends object> {
  /**
   * The class whose objects, those of its subclasses included, travel this way. Whether an object is
   * one is asked once for each prototype.
   */
  readonly class: { readonly prototype: T; [Symbol.hasInstance](value: unknown): boolean };
  /** Words on the wire, 1 to 8. */
  readonly words: number;
  /** Why an object travels only as a whole argument or result, if so; it follows "Cannot send … as". */
  readonly onlyWhole?: string;
  /**
   * Writes the object into `words` from `wordIndex`. A TypeError says that it cannot travel; the sender
   * is told where in the message the object was. Called again when the message is complete, as a getter
   * further on in it may have sent the object away.
   */
  write(value: T, words: Int32Array, wordIndex: number): void;
  /**
   * Makes the receiver's object from the words. If it throws, nobody reads the message: its other
   * values go to `abandon()` and `undelivered()`, and the call fails with what was thrown.
   */
  read(words: Int32Array, wordIndex: number): T;
  /** The message was admitted for endpoint `to`: the sender's handle lets go. */
  moved(value: T, to: number): void;
  /**
   * What `read()` made, or the result of a task, will reach nobody: its message has failed. Left out
   * by types whose values own nothing.
   */
  abandon?(value: T): void;
  /** The message was admitted, but will never be read by anyone. Must not throw. */
  undelivered(words: Int32Array, wordIndex: number): void;
}

/** The wire types of an endpoint, to find that of an object. */
export class WireTypes {
  /** Their index is their number on the wire. */
  readonly list: readonly WireType<object>[];
  // To ask each class by instanceof takes 15 ns a class, and what a prototype inherits from does not
  // change.
  readonly #byPrototype = new WeakMap<object, number>();

  constructor(list: readonly WireType<object>[]) {
    this.list = list;
  }

  /** Index of the wire type of `value`, -1 if it has none. O(1). */
  indexOf(value: object): number {
    const prototype = Object.getPrototypeOf(value);
    if (prototype === null) return -1;
    let index = this.#byPrototype.get(prototype);
    if (index === undefined) {
      index = this.list.findIndex((type) => value instanceof type.class);
      this.#byPrototype.set(prototype, index);
    }
    return index;
  }
}
