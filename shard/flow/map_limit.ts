/**
 * Results of calls for many items, all together: as `Promise.all()` gives them, with no more calls under
 * way than the caller wants.
 *
 * @module
 */

import {
  callAt,
  type CallItem,
  CallWindow,
  type Collector,
  type Items,
  readWindowOptions,
  type ShardFor,
  type WindowOptions,
} from "./call_window.ts";
import { localEndpoint, type Task } from "../calls/mod.ts";

/**
 * Runs `task` for each item, so many at a time, and resolves to all results, in the order of the items. On
 * the host it is `runtime.mapLimit()`. The first error rejects at once: no further item is taken, the source
 * is closed as by leaving a `for` loop, and calls under way go on, their results dropped.
 *
 * @param shard The shard to run on, or a function that chooses it for each item.
 * @param items What to run it for: an iterable or an async iterable.
 * @param task What to run, from `defineTasks()`.
 * @param options How many calls at a time, until when.
 * @returns The results; see `pipeline()` for more than memory holds.
 * @throws {TypeError} As a rejection: if this thread is not a shard, the items are not iterable, or an option
 * is unknown or of the wrong kind.
 * @throws {RangeError} As a rejection: if `inFlight` is not a whole number in its range.
 * @throws As a rejection: what a call or the source throws, or the reason of the signal.
 *
 * @example
 * ```ts
 * import { defineTasks, shardCount } from "@tidepool/core";
 * import { mapLimit } from "@tidepool/core/shard";
 *
 * const numbers = defineTasks(import.meta.url, { square: (n: number) => n * n });
 * export const tables = defineTasks(import.meta.url, {
 *   squares: (all: number[]) => {
 *     const count = shardCount();
 *     return mapLimit((_, index) => index % count, all, numbers.square, { inFlight: 64 });
 *   },
 * });
 * ```
 */
export async function mapLimit<Item, Result>(
  shard: ShardFor<Item>,
  items: Items<Item>,
  task: Task<[Item], Result>,
  options?: WindowOptions,
): Promise<Result[]> {
  const endpoint = localEndpoint();
  const call = callAt(shard, (to, item: Item) => endpoint.submitTo(to, task, [item]));
  return await mapCalls(items, call, options);
}

/**
 * Makes a call for each item, at most `inFlight` at a time, and resolves to the results in the order of
 * the items. The first error, of a call or of the source, rejects at once, as an abort does: no further
 * item is taken, the source is closed, and calls under way go on, their results and errors dropped.
 *
 * @throws {TypeError} As a rejection: if the items are not iterable, or an option is unknown or of the
 * wrong kind.
 * @throws {RangeError} As a rejection: if `inFlight` is not a whole number in its range.
 */
export async function mapCalls<Item, Result>(
  items: Items<Item>,
  call: CallItem<Item, Result>,
  options: WindowOptions = {},
): Promise<Result[]> {
  return await new Mapping(items, call, options).outcome;
}

class Mapping<Item, Result> implements Collector<Result> {
  readonly #results: Result[] = [];
  readonly #window: CallWindow<Item, Result>;
  readonly #settle = Promise.withResolvers<Result[]>();
  readonly #signal: AbortSignal | undefined;
  #hasEnded = false;
  #isSettled = false;
  readonly #onAbort = (): void => {
    this.#window.abandon();
    this.sourceFailed(this.#signal!.reason);
  };

  constructor(items: Items<Item>, call: CallItem<Item, Result>, options: WindowOptions) {
    const { inFlight, signal } = readWindowOptions("map", options);
    this.#window = new CallWindow("map", items, call, inFlight, this);
    this.#signal = signal;
    if (signal?.aborted) this.#onAbort();
    else {
      signal?.addEventListener("abort", this.#onAbort);
      this.#window.fill();
    }
  }

  get outcome(): Promise<Result[]> {
    return this.#settle.promise;
  }

  hasPlace(): boolean {
    return true;
  }

  fulfilled(index: number, value: Result): void {
    if (this.#isSettled) return;
    const results = this.#results;
    // One that comes before those in front of it finds places for all: an array with holes is slower.
    while (results.length <= index) results.push(value);
    results[index] = value;
    if (this.#hasEnded && this.#window.underWay === 0) this.#finish();
  }

  ended(): void {
    this.#hasEnded = true;
    if (this.#window.underWay === 0) this.#finish();
  }

  rejected(_: number, error: unknown): void {
    this.sourceFailed(error);
  }

  sourceFailed(error: unknown): void {
    if (this.#isSettled) return; // of calls that go on, nobody wants to know
    this.#end();
    this.#settle.reject(error);
  }

  #finish(): void {
    this.#end();
    this.#settle.resolve(this.#results);
  }

  #end(): void {
    this.#isSettled = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}
