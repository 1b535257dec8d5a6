/** Tasks that the tests of calls to several shards run. */
import {
  defineTasks,
  type ForeignPtr,
  invokeOnAll,
  invokeOnOthers,
  makeForeign,
  mapReduce,
  shardCount,
  submitTo,
  type Task,
  thisShard,
} from "@tidepool/core";

/** What the shards have told this one. */
const told: number[] = [];
const latch = Promise.withResolvers<void>();

class Token {
  readonly shard: number = thisShard();
  where(): number {
    return this.shard;
  }
}

interface InvokeTasks {
  readonly tell: Task<[unknown], void>;
  readonly told: Task<[], number[]>;
  readonly square: Task<[], number>;
  readonly lastFirst: Task<[], number>;
  readonly open: Task<[], void>;
  readonly fail: Task<[readonly number[], string], number>;
  readonly failOrWait: Task<[], void>;
  readonly token: Task<[], ForeignPtr<Token>>;
  readonly tellAll: Task<[], void>;
  readonly tellOthers: Task<[], void>;
  readonly sumOfSquares: Task<[], number>;
}

export const invokeTasks: InvokeTasks = defineTasks(import.meta.url, {
  tell: (what: unknown): void => void told.push(what as number),
  told: (): number[] => told.splice(0),
  square: (): number => thisShard() ** 2,
  /** Ends on the last shard first, and on shard 0 last. */
  lastFirst: async (): Promise<number> => {
    const shard = thisShard();
    if (shard < shardCount() - 1) await latch.promise;
    if (shard > 0) await submitTo(shard - 1, invokeTasks.open);
    return shard;
  },
  open: (): void => latch.resolve(),
  fail: (shards: readonly number[], message: string): number => {
    const shard = thisShard();
    if (shards.includes(shard)) throw new RangeError(message.replace("SHARD", String(shard)));
    told.push(shard);
    return shard;
  },
  /** Fails on shard 0, and elsewhere waits to be opened. */
  failOrWait: async (): Promise<void> => {
    if (thisShard() === 0) throw new RangeError("shard 0 fails at once");
    await latch.promise;
  },
  token: () => makeForeign(new Token()),
  tellAll: (): Promise<void> => invokeOnAll(invokeTasks.tell, thisShard()),
  tellOthers: (): Promise<void> => invokeOnOthers(invokeTasks.tell, thisShard()),
  sumOfSquares: (): Promise<number> =>
    mapReduce(invokeTasks.square, [], 0, (sum, square) => sum + square),
});
