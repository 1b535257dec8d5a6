/**
 * What a foreign pointer holds, apart from the pointer itself, so that it can be found when the pointer
 * is lost to the garbage collector; and the watch that finds it.
 *
 * @module
 */

import type { EndpointPointers } from "./endpoint_pointers.ts";
import { type AnyPointer, ownedBy, SharedPtr } from "./local/mod.ts";
import { giveBack } from "./loans.ts";
import { LENT, NO_HANDLE, UNIQUE } from "./pointer_wire_layout.ts";

/** The state of a foreign pointer. */
export class PointerState {
  /** The pointers of the endpoint that it is on. */
  here: EndpointPointers;
  /** The shard that owns the object. */
  owner: number;
  /** On the home shard, the pointer itself. */
  pointer: AnyPointer | null = null;
  /** Handle in the owner's table; on the home shard only once the pointer was to be sent. */
  handle: number = NO_HANDLE;
  /** Generation of the handle. */
  generation = 0;
  /** Requests for copies made through it, or UNIQUE, or LENT. */
  copies: number = UNIQUE;
  /** What all copies have in common: OBJECT of pointer_wire_layout.ts. */
  object = 0;
  /** The foreign pointer itself, until it is watched: see `PointerWatch`. */
  unwatched: object | undefined = undefined;

  constructor(here: EndpointPointers, owner: number) {
    this.here = here;
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

  /** Where the struct or the lent block begins; 0 for an object of the JS heap. Not of a null pointer. */
  get address(): number {
    const { here, owner, pointer, object } = this;
    if (pointer !== null) return ownedBy(pointer)!.address;
    return object < 0 ? here.addressOf(owner, object) : 0;
  }

  /** Whether its object is a block of lent bytes. */
  get isLent(): boolean {
    return this.copies === LENT || this.pointer !== null && ownedBy(this.pointer)!.isLent;
  }

  /** Gets a handle, if it has none: on the home shard, before others can hold the pointer. */
  takeHandle(): void {
    if (this.isNull || this.handle !== NO_HANDLE) return;
    const { here: { home }, owner, pointer } = this;
    const owned = ownedBy(pointer!)!;
    const handle = home.givenAway.add(pointer!, owner);
    const copies = owned.isLent && this.copies === UNIQUE ? LENT : this.copies;
    this.setHandle(handle, home.givenAway.generation(handle), copies, home.objectWord(owned));
  }

  /**
   * Gives a block back that is on loan, and holds nothing afterwards. False if it is not, or not any more:
   * then it is to be destroyed. Only where COPIES is LENT, which callers ask: most pointers go past this.
   */
  giveBack(): boolean {
    if (this.handle === NO_HANDLE || !giveBack(this.here, this)) return false;
    this.clear();
    return true;
  }

  /** Takes over what `other` holds, which holds nothing afterwards. */
  takeFrom(other: PointerState): void {
    this.here = other.here;
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
    const { here, owner, handle, generation, copies } = this;
    const isAway = handle !== NO_HANDLE && here.holders.isOpen(owner, handle, generation);
    const pointer = isAway ? here.home.givenAway.take(handle, generation, copies) : this.pointer!;
    this.clear();
    return pointer;
  }

  /** The foreign pointer is gone, and has not let go of this: brings the object home. */
  lost(): void {
    if (this.isNull) return;
    const { here, owner, handle, generation, copies } = this;
    if (this.pointer !== null) {
      const { madeAt } = ownedBy(this.pointer)!;
      here.home.endLost(this.withdraw(), owner, madeAt);
    } else {
      this.clear();
      here.lose(owner, handle, generation, copies);
    }
  }
}

/** The most pointers that are not watched yet. */
const MAX_UNWATCHED = 1024;

/**
 * Finds the pointers of one endpoint that the garbage collector has taken while they held something.
 * Most pointers are put away within moments, and to watch one costs more than to make it: so those that
 * come wait until the thread has nothing to do, or they are many.
 */
export class PointerWatch {
  readonly #lost = new FinalizationRegistry<PointerState>((state) => state.lost());
  readonly #waiting: (PointerState | undefined)[] = [];
  #waitingCount = 0;

  /** How many pointers are not watched yet. */
  get unwatched(): number {
    return this.#waitingCount;
  }

  /** Has what `state` holds come home when `pointer` is garbage and still holds something. */
  add(pointer: object, state: PointerState): void {
    if (this.#waitingCount === MAX_UNWATCHED) this.begin();
    state.unwatched = pointer;
    this.#waiting[this.#waitingCount++] = state;
  }

  /** Watches those that wait; called when the thread has nothing to do. */
  begin(): void {
    for (let i = 0; i < this.#waitingCount; i++) {
      const state = this.#waiting[i]!;
      if (!state.isNull) this.#lost.register(state.unwatched!, state);
      state.unwatched = undefined;
      this.#waiting[i] = undefined;
    }
    this.#waitingCount = 0;
  }
}
