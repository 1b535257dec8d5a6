/**
 * Tidepool's own foreign pointers, to objects of one shard of a runtime with default options.
 *
 * @module
 */
import { type ForeignPtr, Runtime } from "@tidepool/core";
import type { ObjectHolder } from "./foreign_holder.ts";
import { type Counter, counterTasks, Sample } from "./foreign_tidepool_tasks.ts";

/** What only Tidepool can do. */
export interface TidepoolHolder extends ObjectHolder {
  /** A pointer to a shared object. */
  makeShared(): Promise<ForeignPtr<Counter, "shared">>;
  /** A call that does nothing, of a task. */
  call(): Promise<unknown>;
  /** The sum of `times` reads of a field of a struct of the other thread, and how long they took. */
  readField(times: number): Promise<{ readonly sum: number; readonly milliseconds: number }>;
}

/** Starts a runtime of one shard. */
export async function openTidepoolHolder(): Promise<TidepoolHolder> {
  const runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  return {
    async make() {
      const pointer = await runtime.submitTo(0, counterTasks.make);
      return {
        add: (n) => pointer.invoke("add", n),
        release: () => pointer[Symbol.dispose](),
      };
    },
    makeShared: () => runtime.submitTo(0, counterTasks.makeShared),
    call: () => runtime.submitTo(0, counterTasks.nothing, 1),
    async readField(times) {
      await using pointer = await runtime.submitTo(0, counterTasks.makeSample);
      const view = pointer.view(Sample);
      let sum = 0;
      const begin = performance.now();
      for (let i = 0; i < times; i++) sum += view.value;
      return { sum, milliseconds: performance.now() - begin };
    },
    destroyed: () => runtime.submitTo(0, counterTasks.destroyed),
    close: () => runtime.stop(),
  };
}

/** The same number of reads of a typed array over shared memory, to compare. */
export function readTypedArray(times: number): { sum: number; milliseconds: number } {
  const array = new Float64Array(new SharedArrayBuffer(64)).fill(1);
  let sum = 0;
  const begin = performance.now();
  for (let i = 0; i < times; i++) sum += array[i & 1]!;
  return { sum, milliseconds: performance.now() - begin };
}
