/** What the test of error classes runs on shards. */
import { defineTasks, localAllocator, submitTo, type Task, thisShard } from "@tidepool/core";
import { makeError, seen } from "./error_classes.ts";

interface ErrorClassTasks {
  readonly fill: Task<[], number>;
  readonly empty: Task<[], void>;
  readonly throwOne: Task<[name: string], never>;
  readonly throwLater: Task<[name: string], never>;
  readonly relay: Task<[shard: number, name: string], string>;
  readonly throwTwo: Task<[shard: number, name: string], string[]>;
  readonly throwLong: Task<[characters: number], never>;
  readonly throwLarge: Task<[bytes: number], never>;
  readonly resultOf: Task<[numbers: number], number[]>;
  readonly bounce: Task<[depth: number, other: number], void>;
  readonly pass: Task<[], void>;
}

const blocks: number[] = [];

export const errorClassTasks: ErrorClassTasks = defineTasks(import.meta.url, {
  /** Leaves no block of this shard's slice free; how many bytes are. */
  fill: () => {
    const allocator = localAllocator();
    for (let bytes = 1 << 16; bytes >= 8; bytes >>= 1) {
      for (let block = allocator.malloc(bytes); block !== 0; block = allocator.malloc(bytes)) {
        blocks.push(block);
      }
    }
    return allocator.malloc(1) === 0 ? allocator.statistics().freeBytes : -1;
  },
  empty: () => {
    for (const block of blocks.splice(0)) localAllocator().free(block);
  },
  throwOne: (name: string): never => {
    throw makeError(name);
  },
  throwLater: async (name: string): Promise<never> => {
    await Promise.resolve();
    throw makeError(name);
  },
  /** What arrives here of an error of `shard`. */
  relay: (shard: number, name: string) =>
    submitTo(shard, errorClassTasks.throwOne, name).catch((error) => seen(error)) as Promise<
      string
    >,
  throwTwo: (shard: number, name: string) =>
    Promise.all([0, 1].map(() => errorClassTasks.relay.run(shard, name))),
  throwLong: (characters: number): never => {
    throw new RangeError("€".repeat(characters), { cause: "why" });
  },
  throwLarge: (bytes: number): never => {
    throw Object.assign(new RangeError("large"), { request: new Uint8Array(bytes), code: 7 });
  },
  resultOf: (numbers: number) => Array.from({ length: numbers }, (_, i) => i + 0.5),
  /**
   * Calls to and fro between this shard and `other`; where the calls end, and on the way back, memory is
   * out and an error is thrown. With small rings the calls need the credit of those that they are of, whose
   * replies are late then.
   */
  bounce: async (depth: number, other: number): Promise<void> => {
    const { fill, bounce } = errorClassTasks;
    let arrived = depth === 0 ? "the end" : "nothing was thrown";
    if (depth > 0) {
      await submitTo(other, bounce, depth - 1, thisShard()).catch((error) => arrived = seen(error));
    }
    fill.run();
    if (arrived !== "the end" && arrived !== seen(makeError("HeapCheckError"))) {
      throw new Error(`instead of a HeapCheckError, ${arrived}`);
    }
    throw makeError("HeapCheckError");
  },
  pass: () => void thisShard(),
});
