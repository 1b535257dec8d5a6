/**
 * The objects of `foreign_tidepool.ts`, in a module that the shards can import.
 *
 * @module
 */
import {
  defineTasks,
  f64,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  SharedPtr,
  struct,
  type Task,
  type ViewOf,
} from "@tidepool/core";

let destroyed = 0;

/** An object that counts, and whose end is counted. */
export class Counter {
  count = 0;
  add(n: number): number {
    return this.count += n;
  }
  [Symbol.dispose](): void {
    destroyed++;
  }
}

/** A struct to read a field of. */
export const Sample = struct("Sample", { value: f64, weight: f64 });

interface CounterTasks {
  readonly make: Task<[], ForeignPtr<Counter>>;
  readonly makeShared: Task<[], ForeignPtr<Counter, "shared">>;
  readonly makeSample: Task<[], ForeignPtr<ViewOf<typeof Sample>>>;
  readonly destroyed: Task<[], number>;
  readonly nothing: Task<[number], number>;
}

/** What the shard is asked. */
export const counterTasks: CounterTasks = defineTasks(import.meta.url, {
  make: () => makeForeign(new Counter()),
  makeShared: () => makeForeign(new SharedPtr(new Counter())),
  makeSample: () => makeForeign(Sample.make(localAllocator(), { value: 1, weight: 2 })),
  destroyed: () => destroyed,
  nothing: (n: number) => n,
});
