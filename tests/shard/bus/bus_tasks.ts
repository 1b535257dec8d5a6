/** Tasks that the tests of the bus run on real shards. */
import {
  defineTasks,
  localAllocator,
  shardCount,
  submitTo,
  type Task,
  thisShard,
} from "@tidepool/core";

const log: number[] = [];
const gates = new Map<string, PromiseWithResolvers<void>>();

function gate(name: string): PromiseWithResolvers<void> {
  let found = gates.get(name);
  if (found === undefined) gates.set(name, found = Promise.withResolvers<void>());
  return found;
}

function countTo(address: number, most: number): void {
  const counter = localAllocator().bytes(address, 4);
  const word = new Int32Array(counter.buffer, counter.byteOffset, 1);
  while (word[0]! < most) word[0]!++;
}

interface BusTasks {
  readonly add: Task<[number, number], number>;
  readonly echo: Task<[unknown], unknown>;
  readonly count: Task<unknown[], number>;
  readonly id: Task<[], number>;
  readonly fail: Task<[string], never>;
  readonly failWith: Task<["cause" | "function" | "text"], never>;
  readonly note: Task<[number], void>;
  readonly notes: Task<[], number[]>;
  readonly pass: Task<[string], void>;
  readonly open: Task<[string], void>;
  readonly openOn: Task<[number, string], void>;
  readonly relay: Task<[number, number], number>;
  readonly flood: Task<[number], number>;
  readonly callBack: Task<[number, unknown, number], unknown>;
  readonly stormOfCallBacks: Task<[number, number], number>;
  readonly never: Task<[], void>;
  readonly crash: Task<["throw" | "reject" | "close" | "exit"], void>;
  readonly crashLater: Task<[], void>;
  readonly countTo: Task<[number, number], void>;
  readonly crashSlowly: Task<[number, number], Promise<never>>;
  readonly loop: Task<[], void>;
  readonly callPeer: Task<[number], string>;
}

export const busTasks: BusTasks = defineTasks(import.meta.url, {
  add: (a: number, b: number): number => a + b,
  echo: (value: unknown): unknown => value,
  count: (...values: unknown[]): number => values.length,
  id: (): number => thisShard(),
  fail: (message: string): never => {
    throw new RangeError(message);
  },
  failWith: (what: "cause" | "function" | "text"): never => {
    if (what === "cause") throw new TypeError("outer", { cause: new SyntaxError("inner") });
    if (what === "function") throw Object.assign(new Error("unsendable"), { f: () => 1 });
    throw "text";
  },
  note: (n: number): void => void log.push(n),
  notes: (): number[] => log.splice(0),
  /** Resolves when `open` is called with the same name. */
  pass: (name: string): Promise<void> => gate(name).promise,
  open: (name: string): void => gate(name).resolve(),
  /** Opens a gate elsewhere, over another ring than the caller's. */
  openOn: (shard: number, name: string): Promise<void> => submitTo(shard, busTasks.open, name),
  /** Calls its way around the shards `hops` times and counts. */
  relay: async (hops: number, value: number): Promise<number> => {
    if (hops === 0) return value;
    return await submitTo((thisShard() + 1) % shardCount(), busTasks.relay, hops - 1, value + 1);
  },
  /** Makes `calls` calls to every shard, the own included, all at once; returns the sum. */
  flood: async (calls: number): Promise<number> => {
    const under: Promise<number>[] = [];
    for (let i = 0; i < calls; i++) {
      for (let shard = 0; shard < shardCount(); shard++) {
        under.push(submitTo(shard, busTasks.add, i, 1));
      }
    }
    return (await Promise.all(under)).reduce((sum, n) => sum + n, 0);
  },
  /** Calls `caller` back, and on `depth` times to and fro, before it answers with `value`. */
  callBack: (caller: number, value: unknown, depth: number): Promise<unknown> =>
    depth === 0
      ? submitTo(caller, busTasks.echo, value)
      : submitTo(caller, busTasks.callBack, thisShard(), value, depth - 1),
  /** Makes `calls` such calls to every other shard at once; returns how many came back right. */
  stormOfCallBacks: async (calls: number, depth: number): Promise<number> => {
    const outcomes: Promise<boolean>[] = [];
    for (let i = 0; i < calls; i++) {
      for (let shard = 0; shard < shardCount(); shard++) {
        if (shard === thisShard()) continue;
        const value = i % 2 === 0
          ? i
          : `a value that needs a block of memory: ${"x".repeat(100)} ${i}`;
        outcomes.push(
          submitTo(shard, busTasks.callBack, thisShard(), value, depth).then((back) =>
            back === value
          ),
        );
      }
    }
    return (await Promise.all(outcomes)).filter(Boolean).length;
  },
  never: (): Promise<void> => new Promise(() => {}),
  crash: (how: "throw" | "reject" | "close" | "exit"): Promise<void> => {
    // Outside of the task, which itself never ends.
    if (how === "throw") {
      queueMicrotask(() => {
        throw new RangeError("thrown outside of a task");
      });
    } else if (how === "reject") Promise.reject(new RangeError("nobody catches this"));
    else if (how === "close") (globalThis as unknown as { close(): void }).close();
    else Deno.exit(3);
    return new Promise(() => {});
  },
  /** Dies when the reply is on its way. */
  crashLater: (): void => {
    setTimeout(() => {
      throw new Error("after the reply");
    });
  },
  /** Counts in the word at `address`, as far as `most`, in one turn. */
  countTo,
  /** Dies first and then ends its turn: it counts, as `countTo` does. */
  crashSlowly: (address: number, most: number): Promise<never> => {
    reportError(new RangeError("thrown, and not the end"));
    countTo(address, most);
    return new Promise(() => {});
  },
  loop: (): void => {
    for (;;);
  },
  /** What a call to a shard that has died is told, seen from another shard. */
  callPeer: (shard: number): Promise<string> =>
    submitTo(shard, busTasks.never).then(() => "resolved", (error: Error) => String(error)),
});
