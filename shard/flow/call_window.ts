/**
 * A window of calls: takes items from a source and makes a call for each, so many at a time, for whoever
 * collects the results. What mapLimit() and pipeline() have in common.
 *
 * The next calls are made one microtask after the first result of a batch, and so behind its others: a
 * batch of calls leaves together, with one wake-up of the shard, and in one loop. A call for each result
 * as it comes takes a fifth longer.
 *
 * @module
 */

import { kindOfValue } from "../codec/mod.ts";

/** As many calls as may wait for one shard: so a window alone is never refused with a BusyError. */
const MAX_IN_FLIGHT = 65_536;
/** Unless told otherwise. */
const IN_FLIGHT = 256;

/** Items that are taken one at a time, when they are wanted. */
export type Items<Item> = Iterable<Item> | AsyncIterable<Item>;

/** Makes the call for an item. */
export type CallItem<Item, Result> = (item: Item, index: number) => Promise<Result>;

/** Where the calls go: to one shard, or to the one that a function chooses for each item. */
export type ShardFor<Item> = number | ((item: Item, index: number) => number);

/** The call for an item, made by `submit` to the shard that is meant. */
export function callAt<Item, Result>(
  shard: ShardFor<Item>,
  submit: (shard: number, item: Item) => Promise<Result>,
): CallItem<Item, Result> {
  return typeof shard === "function"
    ? (item, index) => submit(shard(item, index), item)
    : (item) => submit(shard, item);
}

/** Who has a window, and collects what comes of it. */
export interface Collector<Result> {
  /** Whether there is a place for the result of one item more. */
  hasPlace(): boolean;
  /** The call for the item that is the `index`th, from 0, has given `value`. */
  fulfilled(index: number, value: Result): void;
  /** It has failed; no further item is taken. */
  rejected(index: number, error: unknown): void;
  /** There are no more items. */
  ended(): void;
  /** The source has failed; no further item is taken. */
  sourceFailed(error: unknown): void;
}

/** Calls for the items of a source, at most so many at a time. */
export class CallWindow<Item, Result> {
  readonly #iterator: Iterator<Item> | AsyncIterator<Item>;
  readonly #isAsync: boolean;
  readonly #call: CallItem<Item, Result>;
  readonly #inFlight: number;
  readonly #collector: Collector<Result>;
  #taken = 0;
  #underWay = 0;
  /** Whether items are wanted, and there may be more. */
  #isTaking = true;
  /** Whether the source has to be told when no more items are wanted: it has not ended by itself. */
  #isOpen = true;
  /** In the loop that takes items, which runs code of the program's. */
  #isFilling = false;
  /** While the source is asked for an item. */
  #isAsking = false;
  #isFillDue = false;
  readonly #fillWhenDue = (): void => {
    this.#isFillDue = false;
    this.fill();
  };

  /**
   * Opens the source, and takes nothing yet: `fill()` does.
   *
   * @param action What is done with the items, for the error message.
   * @throws {TypeError} If the items are not iterable.
   */
  constructor(
    action: string,
    items: Items<Item>,
    call: CallItem<Item, Result>,
    inFlight: number,
    collector: Collector<Result>,
  ) {
    const given = Object(items ?? {}) as Partial<AsyncIterable<Item> & Iterable<Item>>;
    this.#isAsync = typeof given[Symbol.asyncIterator] === "function";
    if (!this.#isAsync && typeof given[Symbol.iterator] !== "function") {
      throw new TypeError(
        `Cannot ${action} items that are ${
          kindOfValue(items)
        }: expected an iterable or an async iterable`,
      );
    }
    this.#iterator = this.#isAsync ? given[Symbol.asyncIterator]!() : given[Symbol.iterator]!();
    this.#call = call;
    this.#inFlight = inFlight;
    this.#collector = collector;
  }

  /** Items taken so far. O(1). */
  get taken(): number {
    return this.#taken;
  }

  /** Calls made whose result has not come. O(1). */
  get underWay(): number {
    return this.#underWay;
  }

  /** Makes as many calls as there are items and places for. */
  fill(): void {
    if (this.#isFilling) return;
    if (this.#isAsync) this.#fillInTime();
    else this.#fillAtOnce();
  }

  #wantsItem(): boolean {
    return this.#isTaking && this.#underWay < this.#inFlight && this.#collector.hasPlace();
  }

  #fillAtOnce(): void {
    const iterator = this.#iterator as Iterator<Item>;
    this.#isFilling = true;
    try {
      while (this.#wantsItem()) {
        this.#isAsking = true;
        this.#accept(iterator.next());
      }
    } catch (error) {
      this.#sourceFailed(error);
    }
    this.#isFilling = false;
  }

  async #fillInTime(): Promise<void> {
    this.#isFilling = true;
    try {
      while (this.#wantsItem()) {
        this.#isAsking = true;
        this.#accept(await this.#iterator.next());
      }
    } catch (error) {
      this.#sourceFailed(error);
    }
    this.#isFilling = false;
  }

  #sourceFailed(error: unknown): void {
    this.#isAsking = false;
    this.#isOpen = false;
    // Once nobody wants its items, nobody wants to know either.
    if (!this.#isTaking) return;
    this.#isTaking = false;
    this.#collector.sourceFailed(error);
  }

  #accept(step: IteratorResult<Item>): void {
    this.#isAsking = false;
    if (step.done) {
      this.#isOpen = false;
      if (!this.#isTaking) return;
      this.#isTaking = false;
      this.#collector.ended();
    } else if (this.#isTaking) this.#callFor(step.value);
    else this.#closeAside(); // it was told to end in the middle of this item
  }

  #callFor(item: Item): void {
    const index = this.#taken++;
    this.#underWay++;
    let outcome: Promise<Result>;
    try {
      outcome = this.#call(item, index);
    } catch (error) {
      this.#rejected(index, error);
      return;
    }
    outcome.then(
      (value) => this.#fulfilled(index, value),
      (error) => this.#rejected(index, error),
    );
  }

  #fulfilled(index: number, value: Result): void {
    this.#underWay--;
    this.#collector.fulfilled(index, value);
    if (this.#isFillDue || !this.#isTaking) return;
    this.#isFillDue = true;
    queueMicrotask(this.#fillWhenDue);
  }

  #rejected(index: number, error: unknown): void {
    this.#underWay--;
    this.abandon();
    this.#collector.rejected(index, error);
  }

  /** Takes no further item, for an error that is told elsewhere. Calls under way go on. */
  abandon(): void {
    this.#isTaking = false;
    if (!this.#isAsking) this.#closeAside();
  }

  /**
   * Takes no further item; resolves when the source is closed, and rejects with what closing it throws.
   * If the source is asked for an item just then, it is closed behind that, and nobody waits for it: the
   * item may never come. Calls under way go on.
   */
  async close(): Promise<void> {
    this.#isTaking = false;
    if (!this.#isAsking) await this.#closeSource();
  }

  /** Has the source closed, and waits for nothing. What it throws has nobody to be told to. */
  #closeAside(): void {
    this.#closeSource().catch(() => {});
  }

  /** Says that no more items are wanted, as leaving a `for` loop does, unless the source has ended. */
  async #closeSource(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#iterator.return?.();
  }
}

/** How many calls a window makes at a time, and what ends it. */
export interface WindowOptions {
  /**
   * The most calls under way at once, from 1 to 65,536. More than the default gain little, and take the
   * place in the ring of other calls to the same shard, which admits 1,024 unless there are many shards.
   *
   * @default {256}
   */
  readonly inFlight?: number;
  /**
   * Ends it when it aborts: the reader or caller gets the signal's reason at once, and the source is
   * closed. Calls under way go on; to give these up too, call `task.with({ signal })`.
   */
  readonly signal?: AbortSignal;
}

/**
 * The same, read once and checked. O(1).
 *
 * @param action What is done with the items, for the error message.
 * @param further Names of options that are not of the window.
 * @throws {TypeError} If an option is unknown or of the wrong kind.
 * @throws {RangeError} If `inFlight` is not a whole number in its range.
 */
export function readWindowOptions(
  action: string,
  options: WindowOptions,
  ...further: string[]
): { readonly inFlight: number; readonly signal: AbortSignal | undefined } {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot ${action} with options that are ${kindOfValue(options)}: expected an object`,
    );
  }
  const known = ["inFlight", "signal", ...further];
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new TypeError(
      `Cannot ${action} with an option ${JSON.stringify(name)}: expected ${known.join(", ")}`,
    );
  }
  const { inFlight = IN_FLIGHT, signal } = options;
  const expected = `a whole number from 1 to ${MAX_IN_FLIGHT}`;
  checkKind(action, "inFlight", inFlight, typeof inFlight === "number", expected);
  if (!Number.isInteger(inFlight) || inFlight < 1 || inFlight > MAX_IN_FLIGHT) {
    throw new RangeError(`Cannot ${action} with ${inFlight} calls in flight: expected ${expected}`);
  }
  const isSignal = signal === undefined || signal instanceof AbortSignal;
  checkKind(action, "signal", signal, isSignal, "an AbortSignal");
  return { inFlight, signal };
}

/** Throws unless an option is of the kind that is expected. */
export function checkKind(
  action: string,
  name: string,
  value: unknown,
  isFit: boolean,
  expected: string,
): void {
  if (isFit) return;
  throw new TypeError(
    `Cannot ${action} with ${name} that is ${kindOfValue(value)}: expected ${expected}`,
  );
}
