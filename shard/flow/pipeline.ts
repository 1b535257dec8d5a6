/**
 * Results of calls for many items, read one at a time: the reader holds back the calls, and the calls the
 * source. After `buffered()` and `buffer_unordered()` of Rust's futures. It differs in that results which
 * wait for the reader do not count as calls in flight: the calls go on while the reader reads.
 *
 * An async generator would be shorter, and takes two promises more for each result.
 *
 * @module
 */

import { LinkedQueue, rejected } from "../bus/mod.ts";
import {
  callAt,
  type CallItem,
  CallWindow,
  checkKind,
  type Collector,
  type Items,
  readWindowOptions,
  type ShardFor,
  type WindowOptions,
} from "./call_window.ts";
import { localEndpoint, type Task } from "../calls/mod.ts";

/** Options of a pipeline. */
export interface PipelineOptions extends WindowOptions {
  /**
   * Whether results come in the order of their items. If not, they come in the order in which the calls
   * end, and a slow one holds nobody up.
   *
   * @default {true}
   */
  readonly ordered?: boolean;
}

/**
 * So many times as many results may wait for the reader as calls may be in flight. A reader takes a turn of
 * the microtask queue for each, in which a whole batch of others may come: with once as many, the calls
 * stop each time, and 64 in flight give a fifth less.
 */
const WAITING = 2;

/** In the place of an outcome that has not come. */
const PENDING = Symbol("pending");

/** The outcome of a call, or of the source, that has failed. */
class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** What a reader gets. */
type Step<Result> = IteratorResult<Result, undefined>;
type Reader<Result> = (step: Step<Result> | Promise<never>) => void;

/**
 * Runs `task` for each item, and gives the results as they are read. On the host it is
 * `runtime.pipeline()`. Items are taken from a source of any length as the reader goes on: at most `inFlight` calls are
 * under way, and at most twice as many results wait, so that neither `BusyError` nor memory bounds it.
 *
 * An error takes its place among the results. When it comes, no further item is taken, and the source is
 * closed as by leaving a `for` loop. Leaving the pipeline by `break` does the same. Calls under way then go
 * on, and what they give is dropped.
 *
 * Cost: 0.1 to 0.2 µs a result beside its call; `mapLimit()` takes less where all results fit memory.
 *
 * @param shard The shard to run on, or a function that chooses it for each item.
 * @param items What to run it for: an iterable, or an async iterable as a stream is one. Nothing is taken
 * before the first result is asked for.
 * @param task What to run, from `defineTasks()`.
 * @param options How many calls at a time, in which order, until when.
 * @returns The results, for `for await`; dispose of it with `await using` where the loop may not begin.
 * @throws {TypeError} If this thread is not a shard, the items are not iterable, or an option is unknown or of
 * the wrong kind.
 * @throws {RangeError} If `inFlight` is not a whole number in its range.
 * @throws Where the results are read: what a call or the source throws, and the reason of the signal.
 *
 * @example
 * ```ts
 * import { defineTasks } from "@tidepool/core";
 * import { pipeline } from "@tidepool/core/shard";
 *
 * const words = defineTasks(import.meta.url, {
 *   count: (line: string) => line.split(/\s+/).length,
 * });
 * export const texts = defineTasks(import.meta.url, {
 *   // Lines are read no faster than they are counted on shard 1.
 *   countAll: async (lines: string[]) => {
 *     let sum = 0;
 *     for await (const count of pipeline(1, lines, words.count, { ordered: false })) sum += count;
 *     return sum;
 *   },
 * });
 * ```
 */
export function pipeline<Item, Result>(
  shard: ShardFor<Item>,
  items: Items<Item>,
  task: Task<[Item], Result>,
  options?: PipelineOptions,
): AsyncIterableIterator<Result, undefined> & AsyncDisposable {
  const endpoint = localEndpoint();
  const call = callAt(shard, (to, item: Item) => endpoint.submitTo(to, task, [item]));
  return new Pipeline(items, call, options);
}

/**
 * Makes a call for each item, and gives the results as they are read: at most `inFlight` calls are under
 * way, and at most twice as many results wait for the reader. Nothing is taken before the first `next()`.
 *
 * An error takes its place among the results: in the order of the items, or of the ends. When it comes,
 * no further item is taken and the source is closed; the results before it can still be read. Whoever
 * leaves, by `break` or by an error or by abort, leaves calls under way to go on; their results are
 * dropped, and their errors with them.
 */
export class Pipeline<Item, Result>
  implements Collector<Result>, AsyncIterableIterator<Result, undefined>, AsyncDisposable {
  readonly #window: CallWindow<Item, Result>;
  readonly #isOrdered: boolean;
  readonly #signal: AbortSignal | undefined;
  /** Outcomes that have not been read, each in its place modulo the length. */
  readonly #outcomes: unknown[];
  /** The place of the next to be read, and how many have been. */
  #head = 0;
  #read = 0;
  /** How many calls have ended. */
  #come = 0;
  /** How many results there will have been, once the source has ended. */
  #length = Infinity;
  /** Whether as much is ahead of the reader as may be, or has been a moment ago. */
  #isFull = false;
  readonly #inFlight: number;
  /** Those who wait for the next results, in order. */
  readonly #readers = new LinkedQueue<Reader<Result>>();
  #isStarted = false;
  /** Whether nothing is left to be read but `#lastWord`. */
  #isOver = false;
  /** Why it was aborted, while nobody has been told. */
  #lastWord: Failure | undefined;
  readonly #onAbort = (): void => this.#abort();

  /**
   * Takes nothing yet.
   *
   * @throws {TypeError} If the items are not iterable, or an option is unknown or of the wrong kind.
   * @throws {RangeError} If `inFlight` is not a whole number in its range.
   */
  constructor(items: Items<Item>, call: CallItem<Item, Result>, options: PipelineOptions = {}) {
    const { inFlight, signal } = readWindowOptions("pipe", options, "ordered");
    const { ordered = true } = options;
    checkKind("pipe", "ordered", ordered, typeof ordered === "boolean", "a boolean");
    this.#window = new CallWindow("pipe", items, call, inFlight, this);
    this.#isOrdered = ordered;
    this.#signal = signal;
    this.#inFlight = inFlight;
    this.#outcomes = new Array((1 + WAITING) * inFlight).fill(PENDING);
  }

  /** The next result. */
  next(): Promise<Step<Result>> {
    if (!this.#isStarted) this.#start();
    if (this.#isOver) return this.#takeLastWord();
    // Invariant: nobody waits while something can be read, so that this overtakes nobody.
    const isReady = this.#canRead();
    const step = isReady
      ? Promise.resolve(this.#take())
      : new Promise<Step<Result>>((resolve) => this.#readers.push(resolve));
    this.#window.fill();
    return step;
  }

  /** Takes no further item, and has the source closed. Results that have not been read are dropped. */
  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#isStarted = true;
    this.#lastWord = undefined;
    this.#end();
    await this.#window.close();
    return { value: undefined, done: true };
  }

  /** The same. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  #start(): void {
    this.#isStarted = true;
    if (this.#signal?.aborted) this.#abort();
    else {
      this.#signal?.addEventListener("abort", this.#onAbort);
      this.#window.fill();
    }
  }

  #abort(): void {
    this.#window.abandon();
    const reason: unknown = this.#signal!.reason;
    const first = this.#readers.first;
    if (first === undefined) this.#lastWord = new Failure(reason);
    else {
      this.#readers.remove(first);
      first.value(rejected(reason));
    }
    this.#end();
  }

  #takeLastWord(): Promise<Step<Result>> {
    const last = this.#lastWord;
    this.#lastWord = undefined;
    return last === undefined
      ? Promise.resolve({ value: undefined, done: true })
      : rejected(last.error);
  }

  /** Nothing is to be read any more. */
  #end(): void {
    this.#isOver = true;
    this.#outcomes.length = 0;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    for (let next = this.#readers.first; next !== undefined; next = this.#readers.first) {
      this.#readers.remove(next);
      next.value({ value: undefined, done: true });
    }
  }

  #canRead(): boolean {
    return this.#outcomes[this.#head] !== PENDING || this.#read === this.#length;
  }

  /** The next of what can be read. */
  #take(): Step<Result> | Promise<never> {
    if (this.#read === this.#length) {
      this.#end();
      return { value: undefined, done: true };
    }
    const outcome = this.#outcomes[this.#head];
    if (outcome instanceof Failure) {
      this.#end();
      return rejected(outcome.error);
    }
    this.#outcomes[this.#head] = PENDING;
    this.#head = this.#head + 1 === this.#outcomes.length ? 0 : this.#head + 1;
    this.#read++;
    return { value: outcome as Result, done: false };
  }

  /** Gives those who wait what can be read. */
  #serve(): void {
    for (let next = this.#readers.first; next !== undefined; next = this.#readers.first) {
      if (!this.#canRead()) return;
      this.#readers.remove(next);
      next.value(this.#take());
    }
  }

  // ─── The window's side ───────────────────────────────────────────────────────────────────────

  /**
   * Whether there is a place for one outcome more. Once all are taken, not before the reader has come near
   * the end of what it can read: calls that are made one by one, for each result that is read, would each
   * be published alone, and wake the shard.
   * @internal
   */
  hasPlace(): boolean {
    const ahead = this.#window.taken - this.#read;
    this.#isFull = ahead === this.#outcomes.length ||
      this.#isFull && ahead > this.#inFlight && this.#readers.size === 0;
    return !this.#isFull;
  }

  /** @internal */
  fulfilled(index: number, value: Result): void {
    this.#settle(index, value);
  }

  /** @internal */
  rejected(index: number, error: unknown): void {
    this.#settle(index, new Failure(error));
  }

  #settle(index: number, outcome: unknown): void {
    if (this.#isOver) return;
    this.#put(this.#isOrdered ? index : this.#come++, outcome);
  }

  #put(place: number, outcome: unknown): void {
    this.#outcomes[place % this.#outcomes.length] = outcome;
    if (place === this.#read) this.#serve();
  }

  /** @internal */
  ended(): void {
    this.#length = this.#window.taken;
    if (this.#read === this.#length) this.#serve();
  }

  /** @internal */
  sourceFailed(error: unknown): void {
    if (this.#isOver) return;
    this.#put(this.#window.taken, new Failure(error)); // behind all calls, in either order
  }
}
