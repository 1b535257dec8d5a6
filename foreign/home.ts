/**
 * What each endpoint keeps for its foreign pointers: a shard the table of those it has given away,
 * everyone the handles waiting to be destroyed at home.
 *
 * @module
 */

import type { Endpoint } from "../shard/mod.ts";
import { foreignTasks } from "./foreign_tasks.ts";
import { HandleTable } from "./handle_table.ts";

/** Handles in one message at most. */
const BATCH_HANDLES = 512;
/** Numbers that name a handle: index, generation, copies. */
const NUMBERS_PER_HANDLE = 3;

/** Handles of one owner, destroyed by one message. */
class Batch {
  readonly numbers: number[] = [];
  readonly done: PromiseWithResolvers<void>[] = [];
}

/** The foreign pointers of one endpoint. */
export class Home {
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** Pointers given away. Empty on the host. */
  readonly handles: HandleTable;
  readonly #batches = new Map<number, Batch>();

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.handles = new HandleTable(endpoint.id);
  }

  /**
   * Destroys the object behind a handle of another shard, there. All that one turn destroys on one
   * shard goes in one message. Resolves when the destructor has run, rejects if it throws.
   */
  destroy(owner: number, handle: number, generation: number, copies: number): Promise<void> {
    let batch = this.#batches.get(owner);
    if (batch === undefined) {
      batch = new Batch();
      this.#batches.set(owner, batch);
      this.endpoint.coalesce(owner, () => this.#sendBatch(owner));
    }
    const done = Promise.withResolvers<void>();
    batch.numbers.push(handle, generation, copies);
    batch.done.push(done);
    const { promise } = done;
    if (batch.done.length === BATCH_HANDLES) this.#sendBatch(owner);
    return promise;
  }

  async #sendBatch(owner: number): Promise<void> {
    const batch = this.#batches.get(owner);
    if (batch === undefined) return; // it was full, and is on its way
    this.#batches.delete(owner);
    try {
      const failures = await this.endpoint.submitTo(owner, foreignTasks.destroy, batch.numbers);
      for (const [position, error] of failures ?? []) batch.done[position]!.reject(error);
      for (const done of batch.done) done.resolve();
    } catch (error) {
      for (const done of batch.done) done.reject(error);
    }
  }

  /** Destroys own objects by handle, as other shards ask; null if all went well. */
  async destroyOwn(numbers: readonly number[]): Promise<[number, unknown][] | null> {
    const failures: [number, unknown][] = [];
    const pending: Promise<void>[] = [];
    for (let i = 0; i < numbers.length; i += NUMBERS_PER_HANDLE) {
      const position = i / NUMBERS_PER_HANDLE;
      pending.push(
        this.#destroyOne(numbers[i]!, numbers[i + 1]!, numbers[i + 2]!)
          .catch((error) => void failures.push([position, error])),
      );
    }
    await Promise.all(pending);
    return failures.length === 0 ? null : failures;
  }

  async #destroyOne(handle: number, generation: number, copies: number): Promise<void> {
    await this.handles.take(handle, generation, copies).destroy();
  }
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
