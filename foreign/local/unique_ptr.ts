/**
 * A pointer that is the only owner of its object, after `std::unique_ptr`.
 *
 * @module
 */

import { destroyInBackground } from "./background_destructions.ts";
import { type Destructor, Owned } from "./owned.ts";

/**
 * Owns an object alone. When the pointer is disposed of, the object is destroyed, by its
 * `[Symbol.dispose]`, its `[Symbol.asyncDispose]` or a destructor given here. A view of a struct in
 * this shard's slice owns the struct's block, which is freed after that.
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
  #owned: Owned<T> | null;

  /**
   * Takes `object`; nobody else may dispose of it.
   *
   * @param object What to own; null for a null pointer.
   * @param destructor Destroys the object, in place of its own methods.
   */
  constructor(object: T | null = null, destructor?: Destructor<T>) {
    this.#owned = object === null ? null : new Owned(object, destructor);
  }

  /** The object, or null once it was released or destroyed. O(1). */
  get(): T | null {
    return this.#owned === null ? null : this.#owned.object;
  }

  /** Gives the object up without destroying it. O(1). */
  release(): T | null {
    return UniquePtr.take(this)?.object ?? null;
  }

  /** Destroys the object; resolves when its destructor has run, rejects with what it throws. */
  async destroy(): Promise<void> {
    await UniquePtr.take(this)?.destroy();
  }

  /** Destroys the object; a destructor that is asynchronous is not waited for. */
  [Symbol.dispose](): void {
    destroyInBackground(UniquePtr.take(this));
  }

  /** Calls `destroy()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  /**
   * The pointer to what another pointer owned.
   * @internal
   */
  private static of<T extends object>(owned: Owned<T> | null): UniquePtr<T> {
    const pointer = new UniquePtr<T>();
    pointer.#owned = owned;
    return pointer;
  }

  /**
   * What the pointer owns, which stays there.
   * @internal
   */
  private static peek<T extends object>(pointer: UniquePtr<T>): Owned<T> | null {
    return pointer.#owned;
  }

  /**
   * What the pointer owns; the pointer is null afterwards.
   * @internal
   */
  private static take<T extends object>(pointer: UniquePtr<T>): Owned<T> | null {
    const owned = pointer.#owned;
    pointer.#owned = null;
    return owned;
  }
}
