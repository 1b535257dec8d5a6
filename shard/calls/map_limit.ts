/**
 * Results of calls for many items, all together: as `Promise.all()` gives them, with no more calls under
 * way than the caller wants.
 *
 * @module
 */

import {
  type CallItem,
  CallWindow,
  type Collector,
  type Items,
  readWindowOptions,
  type WindowOptions,
} from "./call_window.ts";

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

  #finish(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#settle.resolve(this.#results);
  }

  rejected(_: number, error: unknown): void {
    this.sourceFailed(error);
  }

  sourceFailed(error: unknown): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#settle.reject(error);
  }
}
