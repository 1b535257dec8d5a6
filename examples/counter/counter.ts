/** A counter that lives on one shard, and what can be asked of it from any other. */
import { defineTasks, type ForeignPtr, makeForeign, type Task } from "@tidepool/core";

/** Counts. Only its home shard ever touches it, so it needs no lock. */
export class Counter {
  n: number;

  constructor(n: number) {
    this.n = n;
  }

  add(k: number): number {
    return this.n += k;
  }

  /** Runs on the home shard when the last pointer to the counter is destroyed. */
  [Symbol.dispose](): void {
    this.n = 0;
  }
}

/** Tasks: functions that every shard knows by this module's URL and their key. */
export const counter: {
  readonly open: Task<[number], ForeignPtr<Counter>>;
  readonly add: Task<[Counter, number], number>;
} = defineTasks(import.meta.url, {
  /** Makes a counter on the shard that this runs on. */
  open: (n: number) => makeForeign(new Counter(n)),
  add: (counter: Counter, k: number) => counter.add(k),
});
