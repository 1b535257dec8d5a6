/**
 * What each endpoint keeps for its foreign pointers: a shard the table of those it has given away,
 * everyone the handles waiting to be destroyed at home.
 *
 * @module
 */

import { BusyError, type Endpoint, MessageMemoryError } from "../shard/mod.ts";
import { ownedBy, takeOwned } from "./any_pointer.ts";
import { StaleForeignPtrError } from "./errors.ts";
import { foreignTasks } from "./foreign_tasks.ts";
import { GrantedCopies } from "./granted_copies.ts";
import { STRUCT_UNIT_BYTES } from "./handle_layout.ts";
import { HandleTable, type HeldPointer } from "./handle_table.ts";
import { FAILED_BYTES, HolderWords, LOST_BYTES, NOBODY } from "./holder_words.ts";
import type { Hold } from "./hold.ts";
import type { Owned } from "./owned.ts";
import { destructorThrew, unattended, unattendedEnded, warnOfDestructor } from "./unattended.ts";

/** Handles in one message at most. */
const BATCH_HANDLES = 512;
/** Numbers that name a handle: index, generation, requests for copies. */
const NUMBERS_PER_HANDLE = 3;
/** Bytes of an int32. */
export const WORD_BYTES = 4;

/** A destructor that threw: position in the batch, class of the object, what was thrown, packed. */
type Failure = [position: number, className: string, error: Uint8Array];

/** Handles of one owner, destroyed by one message. */
class Batch {
  readonly numbers: number[] = [];
  /** Who waits for each; undefined if nobody does. */
  readonly waiters: (PromiseWithResolvers<void> | undefined)[] = [];
}

/** Pointers that somebody still held at the end. */
export interface Leak {
  /** The endpoint that held them. */
  readonly holder: number;
  /** The class of the objects. */
  readonly className: string;
  /** How many. */
  readonly count: number;
  /** Where the first was made, if that is remembered. */
  readonly madeAt: string | undefined;
}

/** The foreign pointers of one endpoint. */
export class Home {
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** The whole segment, as int32. */
  readonly segment: Int32Array;
  /** Who holds what. */
  readonly words: HolderWords;
  /** Pointers given away. Empty on the host. */
  readonly handles: HandleTable;
  readonly #batches = new Map<number, Batch>();
  readonly #copied = [0];

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    const { buffer, layout, shardCount } = endpoint;
    const regions = Array.from({ length: shardCount }, (_, shard) => layout.holders(shard));
    this.segment = new Int32Array(buffer);
    this.words = new HolderWords(this.segment, new Float64Array(buffer), regions);
    this.handles = new HandleTable(endpoint.id, this.words);
    endpoint.whenGone((shard) => this.#takeFrom(shard));
  }

  // ─── Pointers to objects of other shards ─────────────────────────────────────────────────────

  /**
   * Destroys the object behind a handle of another shard, there. All that one turn destroys on one
   * shard goes in one message. Resolves when the destructor has run, rejects if it throws.
   */
  destroy(owner: number, handle: number, generation: number, copies: number): Promise<void> {
    const waiter = Promise.withResolvers<void>();
    this.#add(owner, handle, generation, copies, waiter);
    return waiter.promise;
  }

  /** The same where nobody waits: what goes wrong is a warning. */
  destroyUnattended(owner: number, handle: number, generation: number, copies: number): void {
    this.#add(owner, handle, generation, copies, undefined);
  }

  #add(
    owner: number,
    handle: number,
    generation: number,
    copies: number,
    waiter: PromiseWithResolvers<void> | undefined,
  ): void {
    let batch = this.#batches.get(owner);
    if (batch === undefined) {
      batch = new Batch();
      this.#batches.set(owner, batch);
      queueMicrotask(() => this.#sendBatch(owner));
    }
    batch.numbers.push(handle, generation, copies);
    batch.waiters.push(waiter);
    if (batch.waiters.length === BATCH_HANDLES) this.#sendBatch(owner);
  }

  async #sendBatch(owner: number): Promise<void> {
    const batch = this.#batches.get(owner);
    if (batch === undefined) return; // it was full, and is on its way
    this.#batches.delete(owner);
    try {
      for (const [position, className, packed] of await this.#submit(owner, batch.numbers)) {
        const error = this.endpoint.bus.packer.unpack(packed);
        const waiter = batch.waiters[position];
        if (waiter !== undefined) waiter.reject(error);
        else if (!(error instanceof StaleForeignPtrError)) {
          this.endpoint.warnOf(destructorThrew(className, owner), error);
        }
      }
      for (const waiter of batch.waiters) waiter?.resolve();
    } catch (error) {
      for (const waiter of batch.waiters) waiter?.reject(error); // the owner is gone, and the objects
    }
  }

  /** A destruction is never refused: it waits for room, or for memory if a record will not do. */
  async #submit(owner: number, numbers: readonly number[]): Promise<readonly Failure[]> {
    for (;;) {
      try {
        const args = numbers.length === NUMBERS_PER_HANDLE ? numbers : [new Int32Array(numbers)];
        const failures = await this.endpoint.submitTo(owner, foreignTasks.destroy, args);
        return failures === null ? [] : this.endpoint.bus.packer.unpackAll(failures) as Failure[];
      } catch (error) {
        const isShort = error instanceof MessageMemoryError;
        if (isShort && numbers.length > NUMBERS_PER_HANDLE) {
          return await this.#submitSingly(owner, numbers);
        }
        // The first message of this kind needs a block: it has to say the task's name.
        if (isShort || error instanceof BusyError) await this.endpoint.bus.nextEnd();
        else throw error;
      }
    }
  }

  async #submitSingly(owner: number, numbers: readonly number[]): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    for (let i = 0; i < numbers.length; i += NUMBERS_PER_HANDLE) {
      const [failure] = await this.#submit(owner, numbers.slice(i, i + NUMBERS_PER_HANDLE));
      if (failure !== undefined) failures.push([i / NUMBERS_PER_HANDLE, failure[1], failure[2]]);
    }
    return failures;
  }

  /**
   * Asks the owner for copies of what `source` holds, which counts the request if it is on its way.
   * Resolves to a foreign pointer; with a count, to an array of them.
   *
   * @throws Why it is not: then the owner will hear of no request.
   */
  askForCopies(source: Hold, count: number | undefined): Promise<object> {
    const { bus } = this.endpoint;
    const { owner, handle, generation } = source;
    const reply = count === undefined
      ? bus.callOrThrow(owner, foreignTasks.copy, [handle, generation])
      : bus.callOrThrow(owner, foreignTasks.copyMany, [handle, generation, count]);
    source.copies++;
    return reply as Promise<object>;
  }

  /** Tells the owner that a pointer was lost to the garbage collector here. */
  lose(owner: number, handle: number, generation: number, copies: number): void {
    const { endpoint } = this;
    if (!endpoint.bus.open) return;
    endpoint.submitTo(owner, foreignTasks.lose, [handle, generation, copies])
      .catch(() => this.destroyUnattended(owner, handle, generation, copies));
  }

  // ─── Pointers to objects of this shard ───────────────────────────────────────────────────────

  /** OBJECT of handle_layout.ts, for an own object. */
  objectWord({ address, number }: Owned<object>): number {
    if (address === 0) return number;
    const { id, layout } = this.endpoint;
    return (layout.slices[id]!.byteOffset - address) / STRUCT_UNIT_BYTES;
  }

  /** Opens a copy for the calling endpoint, as it asks. */
  copyOwn(handle: number, generation: number): GrantedCopies {
    const { bus, id } = this.endpoint;
    try {
      const owned = this.handles.copy(handle, generation, bus.currentCaller!, 1, this.#copied, 0);
      const copied = this.#copied[0]!;
      const copiedGeneration = this.handles.generation(copied);
      return new GrantedCopies(id, -1, copied, this.objectWord(owned), copiedGeneration, 0);
    } catch (error) {
      throw this.#refused(handle, generation, error);
    }
  }

  /** Opens several. */
  copyOwnMany(handle: number, generation: number, count: number): GrantedCopies {
    const { allocator, bus, id } = this.endpoint;
    const address = allocator.malloc(count * WORD_BYTES);
    try {
      if (address === 0) {
        const { freeBytes, totalBytes } = allocator.statistics();
        throw new MessageMemoryError(count * WORD_BYTES, freeBytes, totalBytes);
      }
      const { handles, segment } = this;
      const at = address / WORD_BYTES;
      const caller = bus.currentCaller!;
      const owned = handles.copy(handle, generation, caller, count, segment, at);
      const first = segment[at]!;
      const firstGeneration = handles.generation(first);
      this.words.pass(id, first, firstGeneration, caller, id);
      return new GrantedCopies(id, count, address, this.objectWord(owned), firstGeneration, first);
    } catch (error) {
      allocator.free(address);
      throw this.#refused(handle, generation, error);
    }
  }

  /** Nobody will read copies that were granted: frees their block and the first, if nobody has. */
  takeBackGranted(first: number, generation: number, address: number): void {
    const { endpoint: { allocator, id }, handles, words } = this;
    if (!words.pass(id, first, generation, id, NOBODY)) return;
    allocator.free(address);
    const owned = takeOwned(handles.seize(first, generation));
    if (owned !== null) this.end(owned);
  }

  /** A request for copies fails with `error`: a pointer that was destroyed meanwhile waits for it. */
  #refused(handle: number, generation: number, error: unknown): unknown {
    const owned = this.handles.heard(handle, generation);
    if (owned !== null) this.end(owned);
    return error;
  }

  /**
   * Destroys own objects by handle, as other shards ask; null if all went well, else what did not, for
   * which there need not be any memory.
   */
  destroyOwn(numbers: ArrayLike<number>): Uint8Array | null | Promise<Uint8Array | null> {
    const failures: Failure[] = [];
    const endings: Promise<void>[] = [];
    for (let i = 0; i < numbers.length; i += NUMBERS_PER_HANDLE) {
      const position = i / NUMBERS_PER_HANDLE;
      let owned: Owned<object> | null = null;
      try {
        owned = takeOwned(this.handles.take(numbers[i]!, numbers[i + 1]!, numbers[i + 2]!));
        const ending = owned?.destroy();
        if (ending !== undefined) endings.push(this.#awaitEnd(ending, failures, position, owned!));
      } catch (error) {
        this.#fail(failures, position, owned, error);
      }
    }
    const result = () => failures.length === 0 ? null : this.endpoint.bus.handOver(failures);
    return endings.length === 0 ? result() : Promise.all(endings).then(result);
  }

  async #awaitEnd(
    ending: PromiseLike<void>,
    failures: Failure[],
    position: number,
    owned: Owned<object>,
  ): Promise<void> {
    try {
      await ending;
    } catch (error) {
      this.#fail(failures, position, owned, error);
    }
  }

  #fail(
    failures: Failure[],
    position: number,
    owned: Owned<object> | null,
    error: unknown,
  ): void {
    if (owned !== null) this.words.count(this.endpoint.id, FAILED_BYTES);
    // One that cannot travel must not take the others with it.
    failures.push([position, owned?.className ?? "an object", this.endpoint.bus.pack(error)]);
  }

  /** A pointer to an own object was lost on `holder`: reports it, and destroys the object. */
  takeLost(handle: number, generation: number, copies: number, holder: number): void {
    const { madeAt } = ownedBy(this.handles.get(handle, generation)) ?? {};
    this.endLost(takeOwned(this.handles.take(handle, generation, copies)), holder, madeAt);
  }

  /** The same of an object whose pointer was lost here; `owned` is null if others share it. */
  endLost(owned: Owned<object> | null, holder: number, madeAt: string | undefined): void {
    const { id } = this.endpoint;
    this.words.count(id, LOST_BYTES);
    this.endpoint.warn(
      new Error(
        `A foreign pointer to ${
          owned?.className ?? "a shared object"
        } of shard ${id} was lost to the garbage collector on endpoint ${holder}: dispose of it, or send it on${
          whereMade(madeAt)
        }`,
      ),
    );
    if (owned !== null) this.end(owned);
  }

  /** Destroys what was owned, in the background. */
  end(owned: Owned<object>): void {
    try {
      const ending = owned.destroy();
      if (ending !== undefined) unattended(ending, owned.className);
    } catch (error) {
      this.words.count(this.endpoint.id, FAILED_BYTES);
      warnOfDestructor(owned.className, error);
    }
  }

  /** Takes back what a dead endpoint held, and destroys it. */
  #takeFrom(dead: number): void {
    const { id } = this.endpoint;
    for (const { handle, generation } of this.handles.heldBy((holder) => holder === dead)) {
      // It may just have come to somebody else, who was quicker than the news.
      if (!this.words.pass(id, handle, generation, dead, id)) continue;
      const owned = takeOwned(this.handles.seize(handle, generation));
      if (owned !== null) this.end(owned);
    }
  }

  /** Destroys what others hold to this day: the runtime stops. Null if nothing, else the leaks, packed. */
  async finish(): Promise<Uint8Array | null> {
    const { id } = this.endpoint;
    const held = [...this.handles.heldBy((holder) => holder !== id)];
    for (const { handle, generation } of [...held, ...this.handles.lingering()]) {
      const owned = takeOwned(this.handles.seize(handle, generation));
      if (owned !== null) this.end(owned);
    }
    await unattendedEnded();
    return held.length === 0 ? null : this.endpoint.bus.handOver(leaksAmong(held));
  }
}

function leaksAmong(held: readonly HeldPointer[]): Leak[] {
  const leaks = Map.groupBy(held, ({ holder, owned }) => `${holder} ${owned?.className}`);
  return [...leaks.values()].map((alike) => {
    const { holder, owned } = alike[0]!;
    const className = owned?.className ?? "nothing";
    return { holder, className, count: alike.length, madeAt: owned?.madeAt };
  });
}

/** The end of a report: where the pointer was made, if that is remembered. */
export function whereMade(madeAt: string | undefined): string {
  return madeAt === undefined ? "" : `; it was made\n${madeAt}`;
}

const homes = new WeakMap<Endpoint, Home>();

/** The home of an endpoint's foreign pointers. */
export function homeOf(endpoint: Endpoint): Home {
  let home = homes.get(endpoint);
  if (home === undefined) {
    home = new Home(endpoint);
    homes.set(endpoint, home);
  }
  return home;
}
