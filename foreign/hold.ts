/**
 * What a foreign pointer holds, apart from the pointer itself: so that it can be found when the
 * pointer is lost to the garbage collector.
 *
 * @module
 */

import { type AnyPointer, ownedBy, takeOwned } from "./any_pointer.ts";
import { NO_HANDLE, UNIQUE } from "./handle_layout.ts";
import type { Home } from "./home.ts";
import { SharedPtr } from "./shared_ptr.ts";

/** The state of a foreign pointer. */
export class Hold {
  /** The pointers of the endpoint that it is on. */
  home: Home;
  /** The shard that owns the object. */
  owner: number;
  /** On the home shard, the pointer itself. */
  pointer: AnyPointer | null = null;
  /** Handle in the owner's table; on the home shard only once the pointer was to be sent. */
  handle: number = NO_HANDLE;
  /** Generation of the handle. */
  generation = 0;
  /** Requests for copies made through it, or UNIQUE. */
  copies: number = UNIQUE;
  /** What all copies have in common: OBJECT of handle_layout.ts. */
  object = 0;
  /** The foreign pointer itself, until it is watched: see `watch()`. */
  unwatched: object | undefined = undefined;

  constructor(home: Home, owner: number) {
    this.home = home;
    this.owner = owner;
  }

  /** Whether there is no object. */
  get isNull(): boolean {
    return this.pointer === null ? this.handle === NO_HANDLE : this.pointer.get() === null;
  }

  /** Holds `pointer`, on its home shard. */
  put(pointer: AnyPointer): this {
    this.pointer = pointer;
    this.copies = pointer instanceof SharedPtr ? 0 : UNIQUE;
    return this;
  }

  /** Holds what a handle of the owner's stands for. */
  setHandle(handle: number, generation: number, copies: number, object: number): this {
    this.handle = handle;
    this.generation = generation;
    this.copies = copies;
    this.object = object;
    return this;
  }

  /** Holds nothing. */
  clear(): void {
    this.pointer = null;
    this.handle = NO_HANDLE;
  }

  /** Takes over what `other` holds, which holds nothing afterwards. */
  takeFrom(other: Hold): void {
    this.home = other.home;
    this.owner = other.owner;
    this.pointer = other.pointer;
    this.handle = other.handle;
    this.generation = other.generation;
    this.copies = other.copies;
    this.object = other.object;
    other.clear();
  }

  /** Takes the pointer out, on its home shard, and out of the table if it is there. */
  withdraw(): AnyPointer {
    const { home, owner, handle, generation, copies } = this;
    const inTable = handle !== NO_HANDLE && home.words.isOpen(owner, handle, generation);
    const pointer = inTable ? home.handles.take(handle, generation, copies) : this.pointer!;
    this.clear();
    return pointer;
  }

  /** The foreign pointer is gone, and has not let go of this: brings the object home. */
  lost(): void {
    if (this.isNull) return;
    const { home, owner, handle, generation, copies } = this;
    if (this.pointer !== null) {
      const { madeAt } = ownedBy(this.pointer)!;
      home.endLost(takeOwned(this.withdraw()), owner, madeAt);
    } else {
      this.clear();
      home.lose(owner, handle, generation, copies);
    }
  }
}

const lostPointers = new FinalizationRegistry<Hold>((hold) => hold.lost());

/** The most pointers that are not watched yet. */
const MAX_YOUNG = 1024;

// Most pointers are put away within moments, and to watch one costs more than to make it: so those
// that come wait here until the thread has nothing to do, or they are many.
const young: (Hold | undefined)[] = [];
let youngCount = 0;

/** Has `hold` come home when `pointer` is garbage and still holds something. */
export function watch(pointer: object, hold: Hold): void {
  if (youngCount === MAX_YOUNG) watchYoung();
  hold.unwatched = pointer;
  young[youngCount++] = hold;
}

/** Watches those that wait; called when the thread has nothing to do. */
export function watchYoung(): void {
  for (let i = 0; i < youngCount; i++) {
    const hold = young[i]!;
    if (!hold.isNull) lostPointers.register(hold.unwatched!, hold);
    hold.unwatched = undefined;
    young[i] = undefined;
  }
  youngCount = 0;
}
