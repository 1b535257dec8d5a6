/**
 * Foreign pointers, after `seastar::foreign_ptr` (sharded.hh): a pointer to an object of one shard
 * that other shards may hold, and whose object is destroyed where it lives.
 *
 * It differs on purpose: the owner is checked always; `copy()` pins its source (given_away_table.ts);
 * destructions are batched for each owner; somebody answers for the pointer at every moment, also in
 * a message and when a shard dies (pointer_holders.ts). A pointer moves by being sent, after which the
 * sender's is null and says where it went.
 *
 * @module
 */

import type { ArgumentsOf, MethodOf, Reference, ResultOf } from "../shard/mod.ts";
import { type Endpoint, localEndpoint } from "../shard/unstable_layers.ts";
import { EndpointPointers } from "./endpoint_pointers.ts";
import { isGone, StaleForeignPtrError, uniqueHasNoCopies, WrongShardError } from "./errors.ts";
import { ForeignReference } from "./foreign_reference.ts";
import { foreignTasks } from "./foreign_tasks.ts";
import {
  type AnyPointer,
  bytesOf,
  type LentBytes,
  movedOut,
  type Ownership,
  type PointerOf,
  SharedPtr,
} from "./local/mod.ts";
import { PointerState } from "./pointer_state.ts";
import {
  COPIES_WORD,
  GENERATION_WORD,
  HANDLE_WORD,
  LENT,
  NO_HANDLE,
  OBJECT_WORD,
  ownerOf,
  PARTIES_WORD,
  partiesWord,
  senderOf,
} from "./pointer_wire_layout.ts";

/** What `view()` needs of a struct's type, which `struct()` returns. */
export interface ViewedAs<View> {
  /** A view of the struct at an address of the segment. */
  at(source: SharedArrayBuffer, address: number): View;
}

/**
 * A pointer to an object that lives on one shard, for others to hold. Passing it to another shard,
 * as an argument or as a result, moves it: the sender's pointer is null afterwards. Destroying it
 * destroys the object on its home shard. A call to the own shard passes it as it is.
 *
 * @typeParam T The class of the object.
 * @typeParam O Whether the object may have several pointers to it; only then is there `copy()`.
 *
 * @see `seastar::foreign_ptr`
 *
 * @example
 * ```ts ignore
 * // counters.ts
 * import { defineTasks, makeForeign } from "@tidepool/core";
 *
 * class Counter {
 *   n = 0;
 *   add(k: number) {
 *     return this.n += k;
 *   }
 * }
 * export const counters = defineTasks(import.meta.url, {
 *   open: () => makeForeign(new Counter()),
 *   add: (counter: Counter, k: number) => counter.add(k),
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 * import { counters } from "./counters.ts";
 *
 * await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
 * await using pointer = await runtime.submitTo(0, counters.open); // ForeignPtr<Counter>
 * await runtime.submitTo(pointer.ownerShard, counters.add, pointer.get(), 5);
 * assertEquals(await pointer.invoke("add", 5), 10);
 * ```
 */
export class ForeignPtr<T extends object, O extends Ownership = "unique"> {
  readonly #state: PointerState;
  /** Where the pointer was moved to. */
  #movedTo: number | undefined;

  private constructor(state: PointerState) {
    this.#state = state;
    state.here.watch.add(this, state);
  }

  /** The shard that owns the object; of a null pointer, the last one that did. O(1), no message. */
  get ownerShard(): number {
    return this.#state.owner;
  }

  /** Whether there is no object: never one, or released, destroyed or moved. O(1). */
  get isNull(): boolean {
    return this.#state.isNull;
  }

  /**
   * Whether both point to the same object, as a pointer and its copies do, or both are null. O(1), no
   * message.
   */
  equals(other: ForeignPtr<object, Ownership>): boolean {
    const mine = this.#state;
    const others = other.#state;
    if (mine === others) return true;
    if (mine.isNull || others.isNull) return mine.isNull && others.isNull;
    if (mine.owner !== others.owner || mine.here !== others.here) return false;
    if (mine.pointer !== null) return mine.pointer.get() === others.pointer?.get();
    return mine.object !== 0 && mine.object === others.object;
  }

  /**
   * Lends the object; it stays this pointer's. On the home shard, the object itself. Anywhere else,
   * a reference that arrives as the object when it is passed to a task on the home shard:
   * `submitTo(p.ownerShard, task, p.get())`. O(1), no message.
   *
   * @throws {TypeError} If the pointer is null; the message says where it went.
   * @throws {StaleForeignPtrError} If the object is no longer there, as its shard was started again.
   */
  get(): T | Reference<T> {
    const state = this.#expectObject("get the object");
    if (state.pointer !== null) return state.pointer.get() as T;
    return new ForeignReference(state.here, state.owner, state.handle, state.generation).as<T>();
  }

  /**
   * A view of the struct that this points to, on any shard, with no message: its fields can be read
   * at what a typed array costs. It is a look at memory that another shard may be writing, and lasts
   * as long as the pointer does.
   *
   * @param type The type of the struct, from `struct()`.
   * @throws {TypeError} If the pointer is null, or its object is not a struct.
   * @throws {StaleForeignPtrError} If the object is no longer there, as its shard was started again.
   *
   * @example
   * ```ts
   * import { f64, type ForeignPtr, struct, type ViewOf } from "@tidepool/core";
   *
   * const Point = struct("Point", { x: f64, y: f64 });
   * function norm(point: ForeignPtr<ViewOf<typeof Point>>): number {
   *   const { x, y } = point.view(Point);
   *   return Math.hypot(x, y);
   * }
   * ```
   */
  view<View extends T>(type: ViewedAs<View>): View {
    const { here, owner, address } = this.#expectObject("view the struct");
    if (address !== 0) return type.at(here.endpoint.buffer, address);
    throw new TypeError(
      `Cannot view the struct of a foreign pointer: it points to an object of shard ${owner}'s JS heap`,
    );
  }

  /**
   * The bytes of a block from `lend()` or `chunks()`, on any shard, with no message: a look at memory that
   * is there as long as the pointer is.
   *
   * @param byteLength How many, from the first; all that it holds unless given.
   * @throws {TypeError} If the pointer is null, or its object is not such a block.
   * @throws {RangeError} If the block has not so many.
   * @throws {StaleForeignPtrError} If the block is no longer there, as its shard was started again.
   *
   * @example
   * ```ts
   * import { defineTasks, type ForeignPtr } from "@tidepool/core";
   * import type { LentBytes } from "@tidepool/core/foreign";
   *
   * export const bytes = defineTasks(import.meta.url, {
   *   sum(block: ForeignPtr<LentBytes>) {
   *     using own = block; // goes back, or is freed, at the end
   *     return own.bytes().reduce((sum, byte) => sum + byte, 0);
   *   },
   * });
   * ```
   */
  bytes(this: ForeignPtr<LentBytes>, byteLength?: number): Uint8Array<SharedArrayBuffer> {
    const { here, owner, isLent, address } = this.#expectObject("view the bytes");
    if (isLent) return bytesOf(here.endpoint.buffer, address, byteLength);
    throw new TypeError(
      `Cannot view the bytes of a foreign pointer: its object on shard ${owner} is not a block from lend() or chunks()`,
    );
  }

  /**
   * The pointer inside, which stays there: to read `useCount`, say. Home shard only. O(1).
   *
   * @throws {TypeError} If the pointer is null.
   * @throws {WrongShardError} On any other shard.
   */
  unwrapOnOwnerShard(): PointerOf<T, O> {
    const { pointer, owner } = this.#expectObject("unwrap the pointer");
    if (pointer !== null) return pointer as PointerOf<T, O>;
    throw new WrongShardError(
      `Cannot unwrap a foreign pointer here: its object lives on shard ${owner}`,
      owner,
    );
  }

  /**
   * Takes the pointer out; this one is null afterwards. Home shard only. O(1).
   *
   * @throws {TypeError} If the pointer is null.
   * @throws {WrongShardError} On any other shard.
   */
  release(): PointerOf<T, O> {
    this.unwrapOnOwnerShard();
    return this.#state.withdraw() as PointerOf<T, O>;
  }

  /**
   * Destroys what this pointer held, at home and in the background, and takes what `pointer` owns
   * instead, which then belongs to the calling shard. Without it, or with null, this one is null.
   *
   * @throws {TypeError} If there is a pointer and this thread is not a shard: the host owns no objects.
   */
  reset(pointer: PointerOf<T, O> | null = null): void {
    const state = this.#state;
    const here = pointer === null ? state.here : localEndpoint().part(EndpointPointers);
    this[Symbol.dispose]();
    this.#movedTo = undefined;
    state.here = here;
    const { id, shardCount } = here.endpoint;
    if (id < shardCount) state.owner = id; // the host owns nothing
    if (pointer !== null) state.put(movedOut(pointer));
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
    this.#movedTo = undefined;
    this.#state.takeFrom(other.#state);
  }

  /**
   * Another foreign pointer to the same shared object. One round trip to the owner, none on it. This
   * pointer may be moved or destroyed meanwhile. A null pointer has null copies.
   *
   * @throws {TypeError} As a rejection: if the pointer was moved away, or is unique.
   * @throws {ShardCrashedError} As a rejection: if the owner has died.
   * @throws {StaleForeignPtrError} As a rejection: if the owner was started again.
   */
  copy(this: ForeignPtr<T, "shared">): Promise<ForeignPtr<T, "shared">>;
  /**
   * Several more foreign pointers to the same shared object, in one round trip.
   *
   * @throws {RangeError} As a rejection: if `count` is not a whole number from 0.
   */
  copy(this: ForeignPtr<T, "shared">, count: number): Promise<ForeignPtr<T, "shared">[]>;
  copy(
    this: ForeignPtr<T, "shared">,
    count?: number,
  ): Promise<ForeignPtr<T, "shared"> | ForeignPtr<T, "shared">[]> {
    try {
      if (count !== undefined && !(Number.isInteger(count) && count >= 0)) {
        throw new RangeError(`Cannot make ${count} copies: expected a whole number from 0`);
      }
      const source = this.#state;
      if (source.pointer !== null || source.isNull || count === 0) {
        const copies = Array.from({ length: count ?? 1 }, () => this.#copyHere());
        return Promise.resolve(count === undefined ? copies[0]! : copies);
      }
      this.#expectObject("make a copy");
      if (source.copies < 0) throw uniqueHasNoCopies();
      // The bus makes foreign pointers of what the owner answers: see pointer_wire_types.ts.
      return source.here.askForCopies(source, count) as ReturnType<typeof this.copy>;
    } catch (error) {
      return rejectLater(error);
    }
  }

  /** A copy that takes no message: on the home shard, or of a null pointer. */
  #copyHere(): ForeignPtr<T, "shared"> {
    const { here, owner, pointer } = this.#state;
    const copy = new PointerState(here, owner);
    if (this.isNull && this.#movedTo === undefined) return new ForeignPtr<T, "shared">(copy);
    this.#expectObject("make a copy");
    if (!(pointer instanceof SharedPtr)) throw uniqueHasNoCopies();
    return new ForeignPtr<T, "shared">(copy.put(pointer.clone()));
  }

  /**
   * Calls a method of the object on its home shard. One round trip; arguments and result travel as
   * with `submitTo()`.
   *
   * @throws {TypeError} As a rejection: if the pointer is null.
   * @throws {StaleForeignPtrError} As a rejection: if the object is no longer there.
   */
  async invoke<Key extends MethodOf<T> & string>(
    method: Key,
    ...args: ArgumentsOf<T, Key>
  ): Promise<ResultOf<T, Key>> {
    const { here, owner } = this.#state;
    let lent: T | Reference<T>;
    try {
      lent = this.get();
    } catch (error) {
      return await rejectLater(error);
    }
    const all = [...args, lent, method]; // in this order a refusal names the index that the caller knows
    return await here.endpoint.submitTo(owner, foreignTasks.invoke, all) as ResultOf<T, Key>;
  }

  /**
   * Destroys the object on its home shard; this pointer is null from now on. Resolves when the
   * destructor has run. A null pointer resolves at once. One round trip, shared by all that this
   * turn destroys on that shard.
   *
   * @throws What the destructor throws, as a rejection.
   * @throws {ShardCrashedError} As a rejection: if the owner has died, and the object with it.
   * @throws {StaleForeignPtrError} As a rejection: if the owner was started again.
   */
  async destroy(): Promise<void> {
    const state = this.#state;
    if (state.copies === LENT && state.giveBack()) return;
    // Also one that was emptied from inside: it may still have a handle.
    if (state.pointer !== null) return await state.withdraw().destroy();
    if (state.isNull) return;
    const { here, owner, handle, generation, copies } = state;
    state.clear();
    await here.destructions.destroy(owner, handle, generation, copies);
  }

  /**
   * Destroys the object on its home shard, in the background: there at once, elsewhere by a message
   * at the end of this turn, with all else that the turn destroys on that shard. What a destructor
   * throws then is a warning to the host. If the home shard is gone, so is the object, and nothing is
   * left to do.
   */
  [Symbol.dispose](): void {
    const state = this.#state;
    const { here, owner, handle, generation, copies } = state;
    if (copies === LENT && state.giveBack()) return;
    if (state.pointer !== null) return here.home.end(state.withdraw());
    if (state.isNull) return;
    state.clear();
    here.destructions.destroyUnattended(owner, handle, generation, copies);
  }

  /** Calls `destroy()`, but is content if the home shard, and the object with it, is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.destroy();
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /**
   * A copy that its owner has granted to this endpoint.
   * @internal
   */
  private static ofHandle(
    here: EndpointPointers,
    owner: number,
    handle: number,
    generation: number,
    object: number,
  ): ForeignPtr<object, "shared"> {
    return new ForeignPtr<object, "shared">(
      new PointerState(here, owner).setHandle(handle, generation, 0, object),
    );
  }

  /**
   * A foreign pointer on the home shard. Use {@linkcode makeForeign}.
   * @internal
   */
  private static ofPointer<T extends object, O extends Ownership>(
    endpoint: Endpoint,
    pointer: AnyPointer,
  ): ForeignPtr<T, O> {
    return new ForeignPtr<T, O>(
      new PointerState(endpoint.part(EndpointPointers), endpoint.id).put(pointer),
    );
  }

  /**
   * A foreign pointer to a block that this endpoint has borrowed.
   * @internal
   */
  private static ofBlock(state: PointerState): ForeignPtr<LentBytes> {
    return new ForeignPtr<LentBytes>(state);
  }

  /**
   * What the pointer holds.
   * @internal
   */
  private static stateOf(foreign: ForeignPtr<object, Ownership>): PointerState {
    return foreign.#state;
  }

  /**
   * Writes the pointer as a message carries it; on the home shard it gets a handle first.
   * @internal
   */
  private static write(
    here: EndpointPointers,
    foreign: ForeignPtr<object, Ownership>,
    words: Int32Array,
    at: number,
  ): void {
    const state = foreign.#state;
    here.endpoint.checkOwn(state.here.endpoint, "foreign pointer");
    if (foreign.#movedTo !== undefined) foreign.#expectObject("send it");
    state.takeHandle();
    words[at + PARTIES_WORD] = partiesWord(state.owner, here.endpoint.id);
    words[at + HANDLE_WORD] = state.isNull ? NO_HANDLE : state.handle;
    words[at + GENERATION_WORD] = state.generation;
    words[at + COPIES_WORD] = state.copies;
    words[at + OBJECT_WORD] = state.object;
  }

  /**
   * Lets go: the message that carries the pointer was admitted.
   * @internal
   */
  private static moved(foreign: ForeignPtr<object, Ownership>, to: number): void {
    if (foreign.isNull) return;
    foreign.#state.clear();
    foreign.#movedTo = to;
  }

  /**
   * The pointer that a message carries, on the endpoint that reads it: it is this endpoint's now.
   * @internal
   */
  private static read(
    here: EndpointPointers,
    words: Int32Array,
    at: number,
  ): ForeignPtr<object, Ownership> {
    const state = ForeignPtr.#take(here, words, at);
    if (state === null) throw new StaleForeignPtrError(ownerOf(words[at + PARTIES_WORD]!));
    return new ForeignPtr<object, Ownership>(state);
  }

  /**
   * Destroys the object of a pointer whose message nobody will read; nothing if somebody has.
   * @internal
   */
  private static undelivered(here: EndpointPointers, words: Int32Array, at: number): void {
    const state = ForeignPtr.#take(here, words, at);
    if (state !== null) new ForeignPtr<object, Ownership>(state)[Symbol.dispose]();
  }

  static #take(here: EndpointPointers, words: Int32Array, at: number): PointerState | null {
    const parties = words[at + PARTIES_WORD]!;
    const owner = ownerOf(parties);
    const handle = words[at + HANDLE_WORD]!;
    const generation = words[at + GENERATION_WORD]!;
    const { id } = here.endpoint;
    const state = new PointerState(here, owner)
      .setHandle(handle, generation, words[at + COPIES_WORD]!, words[at + OBJECT_WORD]!);
    if (handle === NO_HANDLE) return state;
    if (!here.holders.pass(owner, handle, generation, senderOf(parties), id)) return null;
    if (owner === id) state.pointer = here.home.givenAway.get(handle, generation); // it has come home
    return state;
  }

  /** The state of a pointer that is good for use. */
  #expectObject(what: string): PointerState {
    const state = this.#state;
    if (state.isNull) {
      const where = this.#movedTo === undefined
        ? "it is null: never set, released, destroyed or reset"
        : `it was moved to endpoint ${this.#movedTo}`;
      throw new TypeError(`Cannot ${what} of a foreign pointer: ${where}`);
    }
    const { here, owner, handle, generation } = state;
    if (state.pointer === null && !here.holders.isOpen(owner, handle, generation)) {
      throw new StaleForeignPtrError(owner);
    }
    return state;
  }
}

/** Rejects when its receiver has had the time to handle that: why is said in shard/bus/rejection.ts. */
async function rejectLater(error: unknown): Promise<never> {
  await undefined;
  throw error;
}
