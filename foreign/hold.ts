/**
 * What a foreign pointer holds, apart from the pointer itself: so that it can be found when the
 * pointer is lost to the garbage collector.
 *
 * @module
 */

import { NO_HANDLE, UNIQUE } from "./handle_layout.ts";
import { type AnyPointer, takeOwned } from "./handle_table.ts";
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
  /** The object's number or place: see handle_layout.ts. */
  object = 0;
  /** Whether the object is a struct. */
  isStruct = false;
  /** Where it was made, if that is remembered. */
  madeAt: string | undefined;

  constructor(home: Home, owner: number) {
    this.home = home;
    this.owner = owner;
  }

  /** Whether there is no object. */
  get isNull(): boolean {
    return this.pointer === null ? this.handle === NO_HANDLE : this.pointer.get() === null;
  }

  /** Holds `pointer`, on its home shard. */
  put(pointer: AnyPointer): void {
    this.pointer = pointer;
    this.copies = pointer instanceof SharedPtr ? 0 : UNIQUE;
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
    this.isStruct = other.isStruct;
    this.madeAt = other.madeAt;
    other.clear();
  }

  /** Takes the pointer out, on its home shard, and out of the table if it is there. */
  withdraw(): AnyPointer {
    const pointer = this.handle === NO_HANDLE
      ? this.pointer!
      : this.home.handles.take(this.handle, this.generation, this.copies);
    this.clear();
    return pointer;
  }

  /** The foreign pointer is gone, and has not let go of this: brings the object home. */
  lost(): void {
    if (this.isNull) return;
    const { home, owner, handle, generation, copies, madeAt } = this;
    if (this.pointer !== null) {
      home.destroyHere(takeOwned(this.withdraw()), owner, madeAt);
    } else {
      this.clear();
      home.lose(owner, handle, generation, copies);
    }
  }
}

const lostPointers = new FinalizationRegistry<Hold>((hold) => hold.lost());

/** Has `hold` come home when `pointer` is garbage and still holds something. */
export function watch(pointer: object, hold: Hold): void {
  lostPointers.register(pointer, hold);
}
