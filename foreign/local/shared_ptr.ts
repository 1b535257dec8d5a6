/**
 * A counted pointer for one thread, after `seastar::lw_shared_ptr`: only the owner's shard ever
 * touches the count, so it is a plain number.
 *
 * @module
 */

import { destroyInBackground } from "./background_destructions.ts";
import { type Destructor, Owned } from "./owned.ts";
import { UniquePtr } from "./unique_ptr.ts";

/**
 * One of several owners of an object: the last to be disposed of destroys it, as `UniquePtr` would.
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
  #owned: Owned<T> | null;

  /**
   * Takes `object` and counts 1.
   *
   * @param object What to own; null for a null pointer.
   * @param destructor Destroys the object, in place of its own methods.
   */
  constructor(object: T | null = null, destructor?: Destructor<T>) {
    this.#owned = object === null ? null : new Owned(object, destructor);
  }

  /** The object, or null once this pointer was released or destroyed. O(1). */
  get(): T | null {
    return this.#owned === null ? null : this.#owned.object;
  }

  /** How many pointers share the object; 0 for a null pointer. O(1). */
  get useCount(): number {
    return this.#owned === null ? 0 : this.#owned.count;
  }

  /** Whether this is the only pointer to the object. O(1). */
  get owned(): boolean {
    return this.useCount === 1;
  }

  /** Another pointer to the same object; a null pointer has null clones. O(1). */
  clone(): SharedPtr<T> {
    const other = new SharedPtr<T>();
    other.#owned = this.#owned;
    if (this.#owned !== null) this.#owned.count++;
    return other;
  }

  /**
   * Gives this pointer's share up; it is null afterwards. O(1).
   *
   * @returns The object, if this was its last pointer; null otherwise.
   */
  release(): UniquePtr<T> | null {
    const owned = SharedPtr.take(this);
    return owned === null ? null : UniquePtr["of"](owned);
  }

  /** Gives this pointer's share up; if it was the last, resolves when the destructor has run. */
  async destroy(): Promise<void> {
    await SharedPtr.take(this)?.destroy();
  }

  /** Gives this pointer's share up; an asynchronous destructor is not waited for. */
  [Symbol.dispose](): void {
    destroyInBackground(SharedPtr.take(this));
  }

  /** Calls `destroy()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  /**
   * A pointer to what it is counted for already.
   * @internal
   */
  private static of<T extends object>(owned: Owned<T>): SharedPtr<T> {
    const pointer = new SharedPtr<T>();
    pointer.#owned = owned;
    return pointer;
  }

  /**
   * What the pointer shares, which stays there.
   * @internal
   */
  private static peek<T extends object>(pointer: SharedPtr<T>): Owned<T> | null {
    return pointer.#owned;
  }

  /**
   * What the pointer owned, if it was the last one; the pointer is null afterwards.
   * @internal
   */
  private static take<T extends object>(pointer: SharedPtr<T>): Owned<T> | null {
    const owned = pointer.#owned;
    pointer.#owned = null;
    return owned === null || --owned.count > 0 ? null : owned;
  }
}
