/**
 * A counted pointer for one thread, after `seastar::lw_shared_ptr`: only the owner's shard ever
 * touches the count, so it is a plain number.
 *
 * @module
 */

import { destroyObject } from "./destroy_object.ts";
import { UniquePtr } from "./unique_ptr.ts";

interface Counted<T extends object> {
  readonly object: T;
  count: number;
}

/**
 * One of several owners of an object: the last to be disposed of destroys it.
 *
 * @typeParam T The class of the object.
 *
 * @see `seastar::lw_shared_ptr`
 *
 * @example
 * ```ts
 * import { SharedPtr } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 *
 * using first = new SharedPtr({ hits: 0 });
 * using second = first.clone();
 * assertEquals(second.useCount, 2);
 * ```
 */
export class SharedPtr<T extends object> {
  #counted: Counted<T> | null;

  /** Takes `object` and counts 1. */
  constructor(object: T) {
    this.#counted = { object, count: 1 };
  }

  /** The object, or null once this pointer was released or destroyed. O(1). */
  get(): T | null {
    return this.#counted === null ? null : this.#counted.object;
  }

  /** How many pointers share the object; 0 for a null pointer. O(1). */
  get useCount(): number {
    return this.#counted === null ? 0 : this.#counted.count;
  }

  /** Whether this is the only pointer to the object. O(1). */
  get owned(): boolean {
    return this.useCount === 1;
  }

  /**
   * Another pointer to the same object. O(1).
   *
   * @throws {TypeError} If this pointer is null.
   */
  clone(): SharedPtr<T> {
    const counted = this.#counted;
    if (counted === null) throw new TypeError("Cannot clone a null SharedPtr");
    const other = new SharedPtr<T>(counted.object);
    other.#counted = counted;
    counted.count++;
    return other;
  }

  /**
   * Gives this pointer's share up; it is null afterwards. O(1).
   *
   * @returns The object, if this was its last pointer; null otherwise.
   */
  release(): UniquePtr<T> | null {
    const counted = this.#counted;
    this.#counted = null;
    if (counted === null || --counted.count > 0) return null;
    return new UniquePtr(counted.object);
  }

  /** Gives this pointer's share up; if it was the last, resolves when the destructor has run. */
  async destroy(): Promise<void> {
    const object = this.release()?.release();
    if (object) await destroyObject(object);
  }

  /** Gives this pointer's share up; an asynchronous destructor is not waited for. */
  [Symbol.dispose](): void {
    this.release()?.[Symbol.dispose]();
  }

  /** Calls `destroy()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }
}
