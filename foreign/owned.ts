/**
 * An object together with what its destruction takes: what `UniquePtr` and `SharedPtr` own.
 *
 * @module
 */

import { type AnyView, freeStruct, isStructView, segmentOf } from "../allocator/mod.ts";
import { isShard, localAllocator } from "../shard/mod.ts";
import { classNameOf } from "../shard/unstable_layers.ts";

/** Destroys an object; runs on its home shard. */
export type Destructor<T extends object> = (object: T) => void | PromiseLike<void>;

/** Refuses a view of memory that this shard's allocator knows nothing of, and would free all the same. */
function checkSegment(view: AnyView): void {
  if (segmentOf(view) === localAllocator().buffer) return;
  throw new TypeError(
    `Cannot own the struct at ${view.address}: it lies in the segment of another runtime`,
  );
}

/** An object that somebody owns. */
export class Owned<T extends object> {
  /** The object. */
  readonly object: T;
  /** Where the block of a struct begins; 0 for an object of the JS heap. */
  readonly address: number;
  /** How many SharedPtrs share it. */
  count = 1;
  /** By which its pointers elsewhere know it as the same; 0 until there are some. */
  number = 0;
  /** Where the foreign pointer to it was made, if that is remembered. */
  madeAt: string | undefined;
  readonly #destructor: (() => void | PromiseLike<void>) | undefined;

  constructor(object: T, destructor: Destructor<T> | undefined) {
    this.object = object;
    this.#destructor = destructor === undefined ? undefined : () => destructor(object);
    // A view can be moved: the block to free is the one that it is at now.
    this.address = isStructView(object) ? object.address : 0;
    if (isStructView(object) && isShard()) checkSegment(object);
  }

  /** The object's class, for messages. */
  get className(): string {
    return this.address === 0 ? classNameOf(this.object) ?? "an object" : "a struct";
  }

  /**
   * Runs the destructor, or else `[Symbol.dispose]` or `[Symbol.asyncDispose]`, and frees a struct's
   * block and what its fields own, also if the destructor throws. A promise if the destructor is asynchronous.
   */
  destroy(): void | PromiseLike<void> {
    let ending: void | PromiseLike<void> = undefined;
    try {
      ending = this.#destruct();
    } finally {
      if (this.address !== 0 && ending === undefined) this.#free();
    }
    return this.address === 0 || ending === undefined ? ending : this.#freeAfter(ending);
  }

  #destruct(): void | PromiseLike<void> {
    const { object } = this;
    if (this.#destructor !== undefined) return this.#destructor() ?? undefined;
    if (this.address !== 0) return; // a field of a struct may have any name
    if (Symbol.dispose in object) return void (object as Disposable)[Symbol.dispose]();
    if (Symbol.asyncDispose in object) return (object as AsyncDisposable)[Symbol.asyncDispose]();
  }

  /** Frees the block of a struct, and those that its fields own. */
  #free(): void {
    freeStruct(localAllocator(), this.object as unknown as AnyView, this.address);
  }

  async #freeAfter(ending: PromiseLike<void>): Promise<void> {
    try {
      await ending;
    } finally {
      this.#free();
    }
  }
}
