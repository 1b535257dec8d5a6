/** Sources and calls that tests of pipelines and bounded maps control and watch. */
import type { Items } from "../../../shard/flow/call_window.ts";

/** Lets everything that is due happen. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await undefined;
}

/** A source of the numbers from 0 that says how many were taken, and how often it was closed. */
export class Numbers {
  taken = 0;
  closed = 0;
  /** Whether it has ended or failed by itself. */
  isOver = false;
  readonly #count: number;
  readonly #isAsync: boolean;
  /** Throws in place of the item that has this number. */
  failsAt = -1;
  /** Runs before each item is given. */
  before: (item: number) => unknown = () => {};
  /** Runs when the source is closed. */
  atClose: () => unknown = () => {};

  constructor(count: number, isAsync: boolean) {
    this.#count = count;
    this.#isAsync = isAsync;
  }

  get items(): Items<number> {
    return this.#isAsync ? this.#later() : this.#now();
  }

  #next(): IteratorResult<number> {
    this.isOver = this.taken === this.failsAt || this.taken === this.#count;
    if (this.taken === this.failsAt) throw new Error("source");
    if (this.isOver) return { value: undefined, done: true };
    return { value: this.taken++, done: false };
  }

  #now(): Iterable<number> {
    const iterator: Iterator<number> = {
      next: () => {
        this.before(this.taken);
        return this.#next();
      },
      return: () => {
        this.closed++;
        this.atClose();
        return { value: undefined, done: true };
      },
    };
    return { [Symbol.iterator]: () => iterator };
  }

  #later(): AsyncIterable<number> {
    const iterator: AsyncIterator<number> = {
      next: async () => {
        await this.before(this.taken);
        return this.#next();
      },
      return: async () => {
        this.closed++;
        await this.atClose();
        return { value: undefined, done: true };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }
}

/** Calls that end when the test says so. */
export class Calls {
  /** By item. */
  readonly #underWay = new Map<number, PromiseWithResolvers<string>>();
  made = 0;
  most = 0;

  readonly call = (item: number, index: number): Promise<string> => {
    if (item !== index) throw new Error(`item ${item} has the number ${index}`);
    this.made++;
    const call = Promise.withResolvers<string>();
    this.#underWay.set(item, call);
    this.most = Math.max(this.most, this.#underWay.size);
    return call.promise;
  };

  get underWay(): number[] {
    return [...this.#underWay.keys()];
  }

  end(...items: number[]): void {
    for (const item of items) this.#take(item).resolve(`result ${item}`);
  }

  endAll(): void {
    this.end(...this.underWay);
  }

  fail(item: number): void {
    this.#take(item).reject(new Error(`call ${item}`));
  }

  #take(item: number): PromiseWithResolvers<string> {
    const call = this.#underWay.get(item);
    if (call === undefined) throw new Error(`no call of ${item} is under way`);
    this.#underWay.delete(item);
    return call;
  }
}
