/**
 * The objects of a message that is being written, so that one that comes again is written as a reference.
 *
 * @module
 */

/**
 * Among so many objects a scan finds one faster than a Map: indexOf() looks at three a nanosecond, and an
 * object that was never in a Map has to be given a hash, 0.1 µs in all.
 */
const SCANNED_OBJECTS = 256;

/** Objects and their numbers, in the order in which they were met. */
export class MetObjects {
  #objects: object[] = [];
  /** Their numbers, once they are SCANNED_OBJECTS. */
  readonly #numbers = new Map<object, number>();

  /** How many they are. */
  get count(): number {
    return this.#objects.length;
  }

  /** The number of `object`; -1 if it has none yet, and from now on it has the next. */
  meet(object: object): number {
    const objects = this.#objects;
    const count = objects.length;
    const isScanned = count < SCANNED_OBJECTS;
    const number = isScanned ? objects.indexOf(object) : this.#numbers.get(object) ?? -1;
    if (number >= 0) return number;
    objects.push(object);
    if (!isScanned) this.#numbers.set(object, count);
    else if (count === SCANNED_OBJECTS - 1) {
      for (let i = 0; i <= count; i++) this.#numbers.set(objects[i]!, i);
    }
    return -1;
  }

  /** Takes back the numbers from `count` on. */
  forgetFrom(count: number): void {
    const objects = this.#objects;
    while (objects.length > count) this.#numbers.delete(objects.pop()!);
  }

  /** Lets go of all: nothing of the application's is kept alive between messages. */
  clear(): void {
    // To set the length calls into the runtime, 50 ns; pop() is compiled.
    if (this.#objects.length > SCANNED_OBJECTS) this.#objects = [];
    else while (this.#objects.length > 0) this.#objects.pop();
    if (this.#numbers.size > 0) this.#numbers.clear();
  }
}
