/**
 * Foreign pointers, after `seastar::foreign_ptr` (sharded.hh): a pointer to an object of one shard
 * that other shards may hold, and whose object is destroyed where it lives.
 *
 * It differs on purpose: the owner is checked always; `copy()` pins its source (handle_table.ts);
 * destructions are batched for each owner; moving happens by sending the pointer, after which the
 * sender's handle is null and says where it went.
 *
 * @module
 */

import {
  type Endpoint,
  isShard,
  localEndpoint,
  type Reference,
  ShardCrashedError,
  StoppedError,
} from "../shard/mod.ts";
import { WrongShardError } from "./errors.ts";
import { foreignTasks } from "./foreign_tasks.ts";
import { COPIES_WORD, GENERATION_WORD, HANDLE_WORD, OWNER_WORD, UNIQUE } from "./handle_layout.ts";
import type { AnyPointer } from "./handle_table.ts";
import { type Home, homeOf } from "./home.ts";
import { ForeignReference } from "./reference.ts";
import { SharedPtr } from "./shared_ptr.ts";
import { UniquePtr } from "./unique_ptr.ts";

/** How a foreign pointer owns its object: alone, or as one of several. */
export type Ownership = "unique" | "shared";

/** The pointer inside a foreign pointer. */
export type PointerOf<T extends object, O extends Ownership> = O extends "shared" ? SharedPtr<T>
  : UniquePtr<T>;

/** The names of the methods of T. */
export type MethodOf<T> = {
  [Key in keyof T]: T[Key] extends (...args: never[]) => unknown ? Key : never;
}[keyof T];
/** What a method of T takes. */
export type ArgumentsOf<T, Key extends keyof T> = T[Key] extends
  (...args: infer Arguments) => unknown ? Arguments
  : never;
/** What a method of T gives. */
export type ResultOf<T, Key extends keyof T> = T[Key] extends (...args: never[]) => infer Result
  ? Awaited<Result>
  : never;

const NO_HANDLE = -1;

/**
 * A pointer to an object that lives on one shard, for others to hold. Passing it to another shard,
 * as an argument or as a result, moves it: the sender's pointer is null afterwards. Destroying it
 * runs the object's `[Symbol.dispose]` or `[Symbol.asyncDispose]` on the home shard.
 *
 * @typeParam T The class of the object.
 * @typeParam O Whether the object may have several pointers to it; only then is there `copy()`.
 *
 * @see `seastar::foreign_ptr`
 */
export class ForeignPtr<T extends object, O extends Ownership = "unique"> {
  #home: Home;
  #owner: number;
  /** On the home shard, the pointer itself. */
  #pointer: AnyPointer | null = null;
  /** Handle in the owner's table; on the home shard only once the pointer was to be sent. */
  #handle: number = NO_HANDLE;
  #generation = 0;
  #copies: number = UNIQUE;
  /** Where the pointer was moved to. */
  #movedTo: number | undefined;

  private constructor(home: Home, owner: number) {
    this.#home = home;
    this.#owner = owner;
  }

  /**
   * A foreign pointer on the home shard. Use {@linkcode makeForeign}.
   * @internal
   */
  static ofPointer<T extends object, O extends Ownership>(
    endpoint: Endpoint,
    pointer: AnyPointer,
  ): ForeignPtr<T, O> {
    const foreign = new ForeignPtr<T, O>(homeOf(endpoint), endpoint.id);
    foreign.#pointer = pointer;
    foreign.#copies = pointer instanceof SharedPtr ? 0 : UNIQUE;
    return foreign;
  }

  /** The shard that owns the object. O(1), no message. */
  get ownerShard(): number {
    return this.#owner;
  }

  /** Whether there is no object: released, destroyed or moved. O(1). */
  get isNull(): boolean {
    return this.#pointer === null && this.#handle === NO_HANDLE;
  }

  /**
   * Lends the object; it stays this pointer's. On the home shard, the object itself. Anywhere else,
   * a reference that arrives as the object when it is passed to a task on the home shard:
   * `submitTo(p.ownerShard, task, p.get())`. O(1), no message.
   *
   * @throws {TypeError} If the pointer is null; the message says where it went.
   */
  get(): T | Reference<T> {
    this.#expectNotNull("get the object");
    if (this.#pointer !== null) return this.#pointer.get() as T;
    return new ForeignReference(this.#owner, this.#handle, this.#generation).as<T>();
  }

  /**
   * The pointer inside, which stays there: to read `useCount`, say. Home shard only. O(1).
   *
   * @throws {TypeError} If the pointer is null.
   * @throws {WrongShardError} On any other shard.
   */
  unwrapOnOwnerShard(): PointerOf<T, O> {
    this.#expectNotNull("unwrap the pointer");
    if (this.#pointer === null) {
      throw new WrongShardError(
        `Cannot unwrap a foreign pointer here: its object lives on shard ${this.#owner}`,
        this.#owner,
      );
    }
    return this.#pointer as PointerOf<T, O>;
  }

  /**
   * Takes the pointer out; this one is null afterwards. Home shard only. O(1).
   *
   * @throws {TypeError} If the pointer is null.
   * @throws {WrongShardError} On any other shard.
   */
  release(): PointerOf<T, O> {
    const pointer = this.unwrapOnOwnerShard();
    this.#withdraw();
    return pointer;
  }

  /**
   * Destroys what this pointer held, at home and in the background, and takes `object` instead,
   * which belongs to the calling shard; without it the pointer is null.
   *
   * @throws {TypeError} If there is an object and this thread is no shard.
   */
  reset(object?: PointerOf<T, O>): void {
    const endpoint = isShard() ? localEndpoint() : this.#home.endpoint;
    if (object !== undefined && !isShard()) localEndpoint(); // throws: the host owns no objects
    this[Symbol.dispose]();
    this.#home = homeOf(endpoint);
    this.#owner = endpoint.id;
    if (object !== undefined) {
      this.#pointer = object;
      this.#copies = object instanceof SharedPtr ? 0 : UNIQUE;
    }
  }

  /**
   * Takes over what `other` holds, which is null afterwards; what this pointer held is destroyed at
   * home, in the background. Assigning a pointer to itself does nothing.
   *
   * @see `seastar::foreign_ptr::operator=(foreign_ptr&&)`
   */
  assign(other: ForeignPtr<T, O>): void {
    if (other === this) return;
    this[Symbol.dispose]();
    this.#home = other.#home;
    this.#owner = other.#owner;
    this.#pointer = other.#pointer;
    this.#handle = other.#handle;
    this.#generation = other.#generation;
    this.#copies = other.#copies;
    this.#movedTo = undefined;
    other.#clear();
  }

  /**
   * Another foreign pointer to the same shared object. One round trip to the owner, none on it. This
   * pointer may be moved or destroyed meanwhile.
   *
   * @throws {TypeError} As a rejection: if the pointer is null.
   * @throws {ShardCrashedError} As a rejection: if the owner has died.
   */
  copy(this: ForeignPtr<T, "shared">): Promise<ForeignPtr<T, "shared">> {
    try {
      this.#expectNotNull("copy it");
      if (this.#pointer !== null) {
        const copy = (this.#pointer as SharedPtr<T>).clone();
        return Promise.resolve(ForeignPtr.ofPointer<T, "shared">(this.#home.endpoint, copy));
      }
      if (this.#copies === UNIQUE) {
        throw new TypeError("Cannot copy a foreign pointer to a UniquePtr: it can only be moved");
      }
    } catch (error) {
      return Promise.reject(error);
    }
    this.#copies++;
    return this.#home.endpoint.submitTo(this.#owner, foreignTasks.copy, [
      this.#handle,
      this.#generation,
    ]) as Promise<ForeignPtr<object, "shared">> as Promise<ForeignPtr<T, "shared">>;
  }

  /**
   * Calls a method of the object on its home shard. One round trip; arguments and result travel as
   * with `submitTo()`.
   *
   * @throws {TypeError} As a rejection: if the pointer is null.
   */
  async invoke<Key extends MethodOf<T> & string>(
    method: Key,
    ...args: ArgumentsOf<T, Key>
  ): Promise<ResultOf<T, Key>> {
    const result = await this.#home.endpoint.submitTo(this.#owner, foreignTasks.invoke, [
      this.get(),
      method,
      ...args,
    ]);
    return result as ResultOf<T, Key>;
  }

  /**
   * Destroys the object on its home shard; this pointer is null from now on. Resolves when the
   * destructor has run. A null pointer resolves at once. One round trip, shared by all that this
   * turn destroys on that shard.
   *
   * @throws What the destructor throws, as a rejection.
   */
  async destroy(): Promise<void> {
    if (this.isNull) return;
    if (this.#pointer !== null) {
      const pointer = this.#pointer;
      this.#withdraw();
      return await pointer.destroy();
    }
    const destroyed = this.#home.destroy(
      this.#owner,
      this.#handle,
      this.#generation,
      this.#copies,
    );
    this.#clear();
    await destroyed;
  }

  /**
   * Destroys the object on its home shard, in the background. What a destructor throws there is an
   * unhandled rejection here. If the home shard is gone, so is the object, and nothing is left to do.
   */
  [Symbol.dispose](): void {
    this.destroy().catch((error) => {
      if (!(error instanceof StoppedError || error instanceof ShardCrashedError)) throw error;
    });
  }

  /** Calls `destroy()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  /**
   * Writes the pointer as a message carries it; on the home shard it gets a handle first.
   * @internal
   */
  static write(foreign: ForeignPtr<object, Ownership>, words: Int32Array, at: number): void {
    foreign.#expectNotNull("send it");
    const { handles } = foreign.#home;
    if (foreign.#handle === NO_HANDLE) {
      foreign.#handle = handles.add(foreign.#pointer!);
      foreign.#generation = handles.generation(foreign.#handle);
    }
    words[at + OWNER_WORD] = foreign.#owner;
    words[at + HANDLE_WORD] = foreign.#handle;
    words[at + GENERATION_WORD] = foreign.#generation;
    words[at + COPIES_WORD] = foreign.#copies;
  }

  /**
   * Lets go: the message that carries the pointer was admitted.
   * @internal
   */
  static moved(foreign: ForeignPtr<object, Ownership>, to: number): void {
    foreign.#clear();
    foreign.#movedTo = to;
  }

  /**
   * The pointer that a message carries, on the endpoint that reads it.
   * @internal
   */
  static read(home: Home, words: Int32Array, at: number): ForeignPtr<object, Ownership> {
    const owner = words[at + OWNER_WORD]!;
    const handle = words[at + HANDLE_WORD]!;
    const generation = words[at + GENERATION_WORD]!;
    const copies = words[at + COPIES_WORD]!;
    if (owner === home.endpoint.id) { // it has come home
      return ForeignPtr.ofPointer(home.endpoint, home.handles.take(handle, generation, copies));
    }
    const foreign = new ForeignPtr<object, Ownership>(home, owner);
    foreign.#handle = handle;
    foreign.#generation = generation;
    foreign.#copies = copies;
    return foreign;
  }

  #clear(): void {
    this.#pointer = null;
    this.#handle = NO_HANDLE;
  }

  /** Nulls a pointer on its home shard, and its handle if a message that failed left one. */
  #withdraw(): void {
    if (this.#handle !== NO_HANDLE) {
      this.#home.handles.take(this.#handle, this.#generation, this.#copies);
    }
    this.#clear();
  }

  #expectNotNull(what: string): void {
    if (!this.isNull) return;
    const where = this.#movedTo === undefined
      ? "it is null: released, destroyed or reset"
      : `it was moved to endpoint ${this.#movedTo}`;
    throw new TypeError(`Cannot ${what} of a foreign pointer: ${where}`);
  }
}

/**
 * Makes a foreign pointer to an object of this shard. O(1).
 *
 * @param object The object, which the pointer owns alone from now on; or a `UniquePtr` or
 * `SharedPtr` that owns it.
 * @returns The pointer, to be sent to other shards.
 * @throws {TypeError} If this thread is no shard: the host owns no objects.
 *
 * @see `seastar::make_foreign()`
 */
export function makeForeign<T extends object>(object: SharedPtr<T>): ForeignPtr<T, "shared">;
/** Makes a foreign pointer that owns an object of this shard alone. O(1). */
export function makeForeign<T extends object>(object: UniquePtr<T> | T): ForeignPtr<T>;
export function makeForeign<T extends object>(
  object: SharedPtr<T> | UniquePtr<T> | T,
): ForeignPtr<T, Ownership> {
  const isPointer = object instanceof SharedPtr || object instanceof UniquePtr;
  const pointer: AnyPointer = isPointer ? object : new UniquePtr<object>(object);
  return ForeignPtr.ofPointer(localEndpoint(), pointer);
}
