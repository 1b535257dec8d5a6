/**
 * The tasks of `tidepool_caller.ts`, in a module that the shards can import.
 *
 * @module
 */
import { defineTasks, submitTo, type Task } from "@tidepool/core";

interface Arithmetic {
  readonly add: Task<[number, number], number>;
  readonly echo: Task<[Uint8Array], Uint8Array>;
  readonly rateTo: Task<[number, number, number], number>;
}

/** The same two functions that every peer offers, and one that calls another shard. */
export const arithmetic: Arithmetic = defineTasks(import.meta.url, {
  add: (a: number, b: number): number => a + b,
  echo: (bytes: Uint8Array): Uint8Array => bytes,
  /** Calls `add` on `shard`, so many at a time, for so many milliseconds; returns calls a second. */
  rateTo: async (shard: number, inFlight: number, milliseconds: number): Promise<number> => {
    let calls = 0;
    const begin = performance.now();
    const loop = async () => {
      do {
        for (let turn = 0; turn < 8; turn++) await submitTo(shard, arithmetic.add, ++calls, 1);
      } while (performance.now() - begin < milliseconds);
    };
    await Promise.all(Array.from({ length: inFlight }, loop));
    return calls / (performance.now() - begin) * 1000;
  },
});
