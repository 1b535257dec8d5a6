/**
 * Destructions on their way to other shards: all that one turn destroys on one shard goes in one
 * message.
 *
 * @module
 */

import { BusyError, MessageMemoryError } from "../shard/mod.ts";
import type { Endpoint } from "../shard/unstable_layers.ts";
import { StaleForeignPtrError } from "./errors.ts";
import { foreignTasks } from "./foreign_tasks.ts";
import { type DestructorFailure, NUMBERS_PER_HANDLE } from "./home_shard.ts";
import { destructorThrew } from "./local/mod.ts";

/** Handles in one message at most. */
const BATCH_HANDLES = 512;

/** Handles of one owner, destroyed by one message. */
class Batch {
  readonly numbers: number[] = [];
  /** Who waits for each; undefined if nobody does. */
  readonly waiters: (PromiseWithResolvers<void> | undefined)[] = [];
}

/** Those of one endpoint. */
export class OutgoingDestructions {
  readonly #endpoint: Endpoint;
  /** What waits for the end of this turn, by owner. */
  readonly #batches = new Map<number, Batch>();

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /**
   * Destroys the object behind a handle of another shard, there. Resolves when the destructor has run,
   * rejects if it throws.
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
        const error = this.#endpoint.bus.packer.unpack(packed);
        const waiter = batch.waiters[position];
        if (waiter !== undefined) waiter.reject(error);
        else if (!(error instanceof StaleForeignPtrError)) {
          this.#endpoint.warnOf(destructorThrew(className, owner), error);
        }
      }
      for (const waiter of batch.waiters) waiter?.resolve();
    } catch (error) {
      for (const waiter of batch.waiters) waiter?.reject(error); // the owner is gone, and the objects
    }
  }

  /** A destruction is never refused: it waits for room, or for memory if a record will not do. */
  async #submit(owner: number, numbers: readonly number[]): Promise<readonly DestructorFailure[]> {
    const { bus } = this.#endpoint;
    for (;;) {
      try {
        const args = numbers.length === NUMBERS_PER_HANDLE ? numbers : [new Int32Array(numbers)];
        const failures = await this.#endpoint.submitTo(owner, foreignTasks.destroy, args);
        return failures === null ? [] : bus.packer.unpackAll(failures) as DestructorFailure[];
      } catch (error) {
        const isShort = error instanceof MessageMemoryError;
        if (isShort && numbers.length > NUMBERS_PER_HANDLE) {
          return await this.#submitSingly(owner, numbers);
        }
        // The first message of this kind needs a block: it has to say the task's name.
        if (isShort || error instanceof BusyError) await bus.nextEnd();
        else throw error;
      }
    }
  }

  async #submitSingly(
    owner: number,
    numbers: readonly number[],
  ): Promise<readonly DestructorFailure[]> {
    const failures: DestructorFailure[] = [];
    for (let i = 0; i < numbers.length; i += NUMBERS_PER_HANDLE) {
      const [failure] = await this.#submit(owner, numbers.slice(i, i + NUMBERS_PER_HANDLE));
      if (failure !== undefined) failures.push([i / NUMBERS_PER_HANDLE, failure[1], failure[2]]);
    }
    return failures;
  }
}
