/**
 * The pointers that a shard has given away: each entry keeps one alive while a foreign pointer on
 * another shard stands for it.
 *
 * An entry goes when its foreign pointer is destroyed, wherever that is by then. Copies asked for
 * through the pointer may still be on their way, on another ring: so the pointer counts the copies
 * asked for through it, the entry counts those served, and it stays until the two agree. That is
 * what makes it safe to drop or move a pointer while it is being copied (in Seastar the source must
 * stay alive and unmoved: scylladb#24174).
 *
 * @module
 */

import { StaleForeignPtrError } from "./errors.ts";
import { SharedPtr } from "./shared_ptr.ts";
import type { UniquePtr } from "./unique_ptr.ts";

/** What a foreign pointer holds on its home shard. */
export type AnyPointer = UniquePtr<object> | SharedPtr<object>;

class Entry {
  pointer: AnyPointer | null = null;
  generation = 0;
  /** Copies made through this entry. */
  served = 0;
  /** Not -1 once the foreign pointer is destroyed: the copies that must be served first. */
  expected = -1;
}

/** The table of one shard. */
export class HandleTable {
  readonly #shard: number;
  readonly #entries: Entry[] = [];
  readonly #free: number[] = [];

  constructor(shard: number) {
    this.#shard = shard;
  }

  /** Entries in use. */
  get size(): number {
    return this.#entries.length - this.#free.length;
  }

  /** Keeps `pointer`; returns the handle. O(1). */
  add(pointer: AnyPointer): number {
    const handle = this.#free.pop() ?? this.#entries.push(new Entry()) - 1;
    this.#entries[handle]!.pointer = pointer;
    return handle;
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
    return this.#entry(handle, generation).pointer!;
  }

  /** A further pointer to the shared object behind a handle. */
  copy(handle: number, generation: number): SharedPtr<object> {
    const entry = this.#entry(handle, generation);
    const pointer = entry.pointer;
    if (!(pointer instanceof SharedPtr)) {
      throw new TypeError(
        "Cannot copy a foreign pointer to a UniquePtr: only shared objects have copies",
      );
    }
    const copy = pointer.clone();
    entry.served++;
    if (entry.served === entry.expected) this.#remove(handle).pointer![Symbol.dispose]();
    return copy;
  }

  /**
   * Takes the pointer out: its foreign pointer is no more, after `copies` copies were asked for
   * through it. While some are on their way the entry keeps a share of its own.
   */
  take(handle: number, generation: number, copies: number): AnyPointer {
    const entry = this.#entry(handle, generation);
    const pointer = entry.pointer!;
    if (!(pointer instanceof SharedPtr) || entry.served === copies) {
      this.#remove(handle);
      return pointer;
    }
    entry.expected = copies;
    return pointer.clone();
  }

  #entry(handle: number, generation: number): Entry {
    const entry = this.#entries[handle];
    if (entry === undefined || entry.pointer === null || entry.generation !== generation) {
      throw new StaleForeignPtrError(
        `The object of handle ${handle} on shard ${this.#shard} is no longer there: it was destroyed, or given back to its home shard`,
        this.#shard,
      );
    }
    return entry;
  }

  #remove(handle: number): { readonly pointer: AnyPointer | null } {
    const entry = this.#entries[handle]!;
    const { pointer } = entry;
    entry.pointer = null;
    entry.generation = (entry.generation + 1) | 0;
    entry.served = 0;
    entry.expected = -1;
    this.#free.push(handle);
    return { pointer };
  }
}
