/**
 * A pointer that is the only owner of its object, after `std::unique_ptr`.
 *
 * @module
 */

import { destroyObject } from "./destroy_object.ts";

/**
 * Owns an object alone: when the pointer is disposed of, the object's `[Symbol.dispose]` or
 * `[Symbol.asyncDispose]` runs.
 *
 * @typeParam T The class of the object.
 *
 * @example
 * ```ts
 * import { UniquePtr } from "@tidepool/core";
 * import { assert } from "@std/assert";
 *
 * let closed = false;
 * {
 *   using file = new UniquePtr({ [Symbol.dispose]: () => closed = true });
 *   assert(file.get());
 * }
 * assert(closed);
 * ```
 */
export class UniquePtr<T extends object> {
  #object: T | null;

  /** Takes `object`; nobody else may dispose of it. */
  constructor(object: T) {
    this.#object = object;
  }

  /** The object, or null once it was released or destroyed. O(1). */
  get(): T | null {
    return this.#object;
  }

  /** Gives the object up without destroying it. O(1). */
  release(): T | null {
    const object = this.#object;
    this.#object = null;
    return object;
  }

  /** Destroys the object; resolves when its destructor has run. */
  async destroy(): Promise<void> {
    const object = this.release();
    if (object !== null) await destroyObject(object);
  }

  /** Destroys the object; a destructor that is asynchronous is not waited for. */
  [Symbol.dispose](): void {
    const object = this.release();
    if (object !== null) destroyObject(object);
  }

  /** Calls `destroy()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }
}
