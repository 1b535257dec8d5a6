/**
 * The pointers that a shard has given away, by their handles: each entry keeps one alive while a foreign
 * pointer on another shard stands for it.
 *
 * An entry goes when its foreign pointer is destroyed, wherever that is by then. Copies asked for
 * through the pointer may still be on their way, on another ring: so the pointer counts the requests
 * made through it, the entry counts those heard, and it stays until the two agree. That is what makes
 * it safe to drop or move a pointer while it is being copied (in Seastar the source must stay alive
 * and unmoved: scylladb#24174).
 *
 * @module
 */

import { GivenAwayRegion } from "../shard/unstable_layers.ts";
import { StaleForeignPtrError, uniqueHasNoCopies } from "./errors.ts";
import {
  type AnyPointer,
  type Owned,
  ownedBy,
  SharedPtr,
  takeOwned,
  UniquePtr,
} from "./local/mod.ts";
import type { PointerHolders } from "./pointer_holders.ts";

class Entry {
  /** The pointer; null in a copy that has not been asked for it, and in an entry out of use. */
  pointer: AnyPointer | null = null;
  /** The object of such a copy, which counts there: so `copy()` makes no pointer for each. */
  shared: Owned<object> | null = null;
  /** 0: out of use. */
  generation = 0;
  /** Requests for copies heard through this entry. */
  served = 0;
  /** Not -1 once the foreign pointer is destroyed: the requests that must be heard first. */
  expected = -1;
}

/** The pointer of an entry in use. */
function pointerOf(entry: Entry): AnyPointer {
  if (entry.pointer === null) {
    entry.pointer = SharedPtr["of"](entry.shared!);
    entry.shared = null;
  }
  return entry.pointer;
}

/** What the pointer of an entry in use owns. */
function objectOf(entry: Entry): Owned<object> | null {
  return entry.pointer === null ? entry.shared : ownedBy(entry.pointer);
}

/** A pointer that is away, as others may see its entry. */
export interface GivenAwayPointer {
  /** The handle. */
  readonly handle: number;
  /** Its generation. */
  readonly generation: number;
  /** The endpoint that holds the pointer. */
  readonly holder: number;
  /** Its object; null if the pointer was emptied by who had it at home. */
  readonly owned: Owned<object> | null;
}

/** The table of one shard. */
export class GivenAwayTable {
  readonly #shard: number;
  readonly #holders: PointerHolders;
  readonly #entries: Entry[] = [];
  readonly #free: number[] = [];
  /** Handles that have run out of generations. */
  #retired = 0;
  #lastNumber = 0;

  /** Closes what an earlier life of the shard has left open. O(handles ever in use). */
  constructor(shard: number, holders: PointerHolders) {
    this.#shard = shard;
    this.#holders = holders;
    for (let handle = holders.used(shard) - 1; handle >= 0; handle--) {
      if (holders.holder(shard, handle) >= 0) holders.close(shard, handle);
    }
  }

  /** Entries in use. */
  get size(): number {
    return this.#entries.length - this.#free.length - this.#retired;
  }

  /**
   * Keeps `pointer`, which is not null, for the endpoint `holder`; returns the handle. O(1).
   *
   * @throws {RangeError} If the shard has given away as many pointers as it can.
   */
  add(pointer: AnyPointer, holder: number): number {
    const handle = this.#free.pop() ?? this.#grow();
    const entry = this.#entries[handle]!;
    entry.pointer = pointer;
    entry.generation = this.#holders.open(this.#shard, handle, holder);
    const owned = ownedBy(pointer)!;
    if (owned.number === 0 && pointer instanceof SharedPtr) {
      owned.number = this.#lastNumber = (this.#lastNumber + 1) | 0 || 1;
    }
    return handle;
  }

  #grow(): number {
    for (;;) {
      this.#expectRoom(1);
      const handle = this.#entries.push(new Entry()) - 1;
      // An earlier life of the shard may have used it up.
      if (this.#holders.generation(this.#shard, handle) < GivenAwayRegion.MAX_GENERATION) {
        return handle;
      }
      this.#retired++;
    }
  }

  #expectRoom(count: number): void {
    const { capacity } = this.#holders;
    if (this.#entries.length - this.#free.length + count <= capacity) return;
    throw new RangeError(
      `Cannot give ${count} more pointers away: shard ${this.#shard} has given away ${this.size}, and ${capacity} are the most`,
    );
  }

  /** The generation that goes with a handle in use. */
  generation(handle: number): number {
    return this.#entries[handle]!.generation;
  }

  /**
   * The pointer behind a handle. O(1).
   *
   * @throws {StaleForeignPtrError} If the entry is another object's by now, or nobody's.
   */
  get(handle: number, generation: number): AnyPointer {
    return pointerOf(this.#entry(handle, generation));
  }

  /**
   * Further pointers to the shared object behind a handle, as one request of `holder` asks: writes
   * `count` handles into `into`, from index `at`, and returns what they share. If it throws, the
   * request still has to be `heard()`.
   */
  copy(
    handle: number,
    generation: number,
    holder: number,
    count: number,
    into: Int32Array | number[],
    at: number,
  ): Owned<object> {
    const entry = this.#entry(handle, generation);
    if (entry.pointer instanceof UniquePtr) throw uniqueHasNoCopies();
    const owned = objectOf(entry);
    if (owned === null) throw new StaleForeignPtrError(this.#shard); // it was emptied at home
    this.#expectRoom(count);
    for (let i = 0; i < count; i++) {
      const copied = this.#free.pop() ?? this.#grow();
      const copy = this.#entries[copied]!;
      copy.shared = owned;
      owned.count++;
      copy.generation = this.#holders.open(this.#shard, copied, holder);
      into[at + i] = copied;
    }
    this.heard(handle, generation); // never the object's end: the copies share it by now
    return owned;
  }

  /**
   * One request for copies is over, granted or not; a pointer that is destroyed already waits for it.
   * What it owned, if this was the last.
   */
  heard(handle: number, generation: number): Owned<object> | null {
    const entry = this.#entries[handle];
    if (entry?.generation !== generation) return null;
    return ++entry.served === entry.expected ? takeOwned(this.#remove(handle)) : null;
  }

  /**
   * Takes the pointer out: its foreign pointer is no more, after `copies` requests for copies were
   * made through it. While some are on their way the entry keeps a share of its own.
   */
  take(handle: number, generation: number, copies: number): AnyPointer {
    const entry = this.#entry(handle, generation);
    const pointer = pointerOf(entry);
    if (!(pointer instanceof SharedPtr) || entry.served === copies) return this.#remove(handle);
    entry.expected = copies;
    const holder = this.#holders.holder(this.#shard, handle);
    this.#holders.pass(this.#shard, handle, generation, holder, this.#shard);
    return pointer.clone();
  }

  /** Takes the pointer out, whatever is on its way. */
  seize(handle: number, generation: number): AnyPointer {
    this.#entry(handle, generation);
    return this.#remove(handle);
  }

  /** The pointers that another endpoint holds. O(handles in use at once, ever). */
  *heldBy(isHolder: (endpoint: number) => boolean): Generator<GivenAwayPointer> {
    for (let handle = 0; handle < this.#entries.length; handle++) {
      const entry = this.#entries[handle]!;
      const { generation } = entry;
      if (generation === 0) continue;
      const holder = this.#holders.holder(this.#shard, handle);
      if (!isHolder(holder)) continue;
      yield { handle, generation, holder, owned: objectOf(entry) };
    }
  }

  /** Handles whose foreign pointers are destroyed, and that wait for requests that did not come. */
  *lingering(): Generator<{ readonly handle: number; readonly generation: number }> {
    for (let handle = 0; handle < this.#entries.length; handle++) {
      const { expected, generation } = this.#entries[handle]!;
      if (expected >= 0) yield { handle, generation };
    }
  }

  #entry(handle: number, generation: number): Entry {
    const entry = this.#entries[handle];
    if (entry === undefined || entry.generation !== generation || generation === 0) {
      throw new StaleForeignPtrError(this.#shard);
    }
    return entry;
  }

  #remove(handle: number): AnyPointer {
    const entry = this.#entries[handle]!;
    const pointer = pointerOf(entry);
    entry.pointer = null;
    entry.served = 0;
    entry.expected = -1;
    this.#holders.close(this.#shard, handle);
    // Invariant: a generation comes once, so a stale handle never names another object.
    if (entry.generation < GivenAwayRegion.MAX_GENERATION) this.#free.push(handle);
    else this.#retired++;
    entry.generation = 0;
    return pointer;
  }
}
