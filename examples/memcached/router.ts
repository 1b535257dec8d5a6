/**
 * Brings each request to the home shard of its key: a call of the storage if that is this shard, a
 * call of `submitTo()` if not. What is here is answered at once, without a promise.
 *
 * @module
 */

import {
  type Allocator,
  localAllocator,
  shardCount,
  ShardCrashedError,
  StaleForeignPtrError,
  submitTo,
  thisShard,
} from "@tidepool/core";
import { homeOf } from "./key_hash.ts";
import { KEY_REFERENCE_BYTES, KeyReference, keyReferenceAt } from "./key_reference.ts";
import { OutOfMemoryError } from "./out_of_memory.ts";
import { NO_SHARD, type RequestView } from "./request.ts";
import type { Store } from "./store.ts";
import {
  type ItemAnswer,
  type LentItem,
  localStore,
  type ReservedItem,
  storeTasks,
} from "./store_tasks.ts";

/** What has nothing but an outcome. */
export type OutcomeOperation = "arithmetic" | "refuse" | "remove" | "store" | "touch";
/** What gives an item. */
export type ItemOperation = "metaGet" | "peek";

/** A key in the segment. */
export interface KeyBytes {
  /** Where it is. */
  readonly address: number;
  /** How long. */
  readonly length: number;
  /** Its hash. */
  readonly hash: number;
}

/** Whether an item or an outcome is missing because its shard is. */
export function isShardGone(error: unknown): boolean {
  return error instanceof ShardCrashedError || error instanceof StaleForeignPtrError;
}

/** No item, if its shard is gone: its items are lost, so all are missing. Throws any other error. */
export function missingOr(error: unknown): null {
  if (isShardGone(error)) return null;
  throw error;
}

/** The way from one shard to all keys. */
export class Router {
  /** The storage of this shard. */
  readonly store: Store = localStore();
  /** The memory of this shard. */
  readonly allocator: Allocator = localAllocator();
  readonly #shard = thisShard();
  readonly #shardCount = shardCount();

  /** Whether keys with that hash are at home here. */
  isLocal(hash: number): boolean {
    return this.#shardCount === 1 || homeOf(hash, this.#shardCount) === this.#shard;
  }

  /** The outcome of a request, at once if it is for this shard. */
  outcome(operation: OutcomeOperation, request: RequestView): number | Promise<number> {
    if (this.isLocal(request.hash)) return this.store[operation](request);
    return this.#submit(operation, request);
  }

  async #submit(operation: OutcomeOperation, request: RequestView): Promise<number> {
    try {
      return await submitTo(this.#home(request), storeTasks[operation], request.address);
    } catch (error) {
      if (isShardGone(error)) return NO_SHARD;
      throw error;
    }
  }

  /**
   * Gets an item of another shard: true if the value is where the request wants it, a pointer to be
   * disposed of if it is too long for that, null if there is none. Rejects if that shard is gone: see
   * `missingOr()`.
   */
  get(request: RequestView): Promise<ItemAnswer> {
    return submitTo(this.#home(request), storeTasks.get, request.address);
  }

  /** The item of another shard, to be disposed of; null if there is none, or its shard is gone. */
  async lentItem(operation: ItemOperation, request: RequestView): Promise<LentItem | null> {
    try {
      return await submitTo(this.#home(request), storeTasks[operation], request.address);
    } catch (error) {
      return missingOr(error);
    }
  }

  /**
   * The items of several keys: for each that is at home elsewhere the item or null, undefined for
   * those that are at home here. One call to every shard that is concerned, all at once.
   */
  async lentItems(
    request: RequestView,
    keys: readonly KeyBytes[],
  ): Promise<(LentItem | null | undefined)[]> {
    const homes = keys.map(({ hash }) => homeOf(hash, this.#shardCount));
    const others = [...new Set(homes)].filter((home) => home !== this.#shard);
    if (others.length === 0) return new Array(keys.length);
    const row = this.#writeKeys(keys);
    // All of them, also if one fails: until the last has answered, the keys are being read.
    const answers = await Promise.allSettled(
      others.map((home) => this.#lentBy(home, request, row, keys.length)),
    );
    this.allocator.free(row);
    const lists = answers.map((answer) => answer.status === "fulfilled" ? answer.value : []);
    const failed = answers.find((answer) => answer.status === "rejected");
    if (failed !== undefined) {
      for (const lent of lists.flat()) lent?.[Symbol.dispose]();
      throw failed.reason;
    }
    return homes.map((home) => {
      if (home === this.#shard) return undefined;
      return lists[others.indexOf(home)]!.shift() ?? null;
    });
  }

  async #lentBy(
    home: number,
    request: RequestView,
    row: number,
    count: number,
  ): Promise<(LentItem | null)[]> {
    const { address } = request;
    try {
      return await submitTo(home, storeTasks.getMany, address, row, count, this.#shardCount);
    } catch (error) {
      if (isShardGone(error)) return [];
      throw error;
    }
  }

  #writeKeys(keys: readonly KeyBytes[]): number {
    const byteLength = keys.length * KEY_REFERENCE_BYTES;
    const row = this.allocator.malloc(byteLength);
    if (row === 0) throw new OutOfMemoryError(`get ${keys.length} keys`, byteLength);
    const reference = KeyReference.at(this.allocator, row);
    keys.forEach(({ address, hash, length }, i) => {
      reference.at(keyReferenceAt(row, i));
      reference.keyAddress = address;
      reference.hash = hash;
      reference.keyLength = length;
    });
    return row;
  }

  /** A block on the home shard, to be filled: null if there is no memory. */
  reserve(request: RequestView): Promise<ReservedItem | null> {
    return submitTo(this.#home(request), storeTasks.reserve, request.address);
  }

  /** Stores such a block, which moves home. */
  commit(request: RequestView, reserved: ReservedItem): Promise<number> {
    return submitTo(this.#home(request), storeTasks.commit, request.address, reserved);
  }

  /** Flushes every shard. */
  async flushAll(delay: number): Promise<void> {
    const shards = Array.from({ length: this.#shardCount }, (_, shard) => shard);
    await Promise.all(shards.map(async (shard) => {
      try {
        await submitTo(shard, storeTasks.flush, delay);
      } catch (error) {
        if (!isShardGone(error)) throw error; // it has nothing to flush
      }
    }));
  }

  #home(request: RequestView): number {
    return homeOf(request.hash, this.#shardCount);
  }
}
