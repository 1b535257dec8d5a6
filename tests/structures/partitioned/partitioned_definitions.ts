/** Partitioned maps for the tests, and tasks that use them on shards. */
import { defineTasks, localAllocator, shardCount, submitTo, thisShard } from "@tidepool/core";
import { bytes, f32, f64, i64, string, struct, text, u32 } from "@tidepool/core/allocator";
import { codec, type PartitionedMap, partitionedMap } from "@tidepool/core/structures";

export const Account = struct("Account", { balance: f64, owner: string(12), seen: u32 });

/** What the codec of documents makes values of: a class of the program, which does not travel. */
export class Note {
  readonly words: readonly string[];
  constructor(words: readonly string[]) {
    this.words = words;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Where updates have run. */
const ranOn: number[] = [];

export const counts = partitionedMap(import.meta.url, "counts", {
  key: text(),
  value: u32,
  updates: {
    /** Adds, and notes where. */
    addHere(count, by: number) {
      ranOn.push(thisShard());
      return (count ?? 0) + by;
    },
    /** Takes one away, and the entry with the last. */
    takeOne: (count) => (count ?? 0) > 1 ? count! - 1 : undefined,
    fail() {
      throw new RangeError("not today");
    },
    // deno-lint-ignore no-explicit-any -- what the types refuse
    later: (): any => Promise.resolve(1),
    // deno-lint-ignore no-explicit-any -- what the types refuse
    wrong: (): any => "text",
  },
});
export const accounts = partitionedMap(import.meta.url, "accounts", {
  key: i64,
  value: Account,
  updates: {
    deposit: (account, amount: number) => ({
      ...account,
      balance: (account?.balance ?? 0) + amount,
    }),
  },
});
/** Values that were disposed of on this shard. */
const disposals: number[] = [];
export const disposed = partitionedMap(import.meta.url, "disposed", {
  key: text(),
  value: u32,
  dispose: (value) => void disposals.push(value),
});
export const blobs = partitionedMap(import.meta.url, "blobs", { key: bytes(), value: bytes() });
export const rates = partitionedMap(import.meta.url, "rates", { key: f64, value: f32 });
export const notes = partitionedMap(import.meta.url, "notes", {
  key: u32,
  value: codec<Note>({
    name: "note",
    encode(note) {
      if (!(note instanceof Note)) throw new TypeError("not a note");
      return encoder.encode(note.words.join(" "));
    },
    decode: (bytes) => new Note(decoder.decode(bytes).split(" ")),
  }),
  updates: { write: (note, word: string) => new Note([...note?.words ?? [], word]) },
});

/** A map of counts, as tasks are given it. */
export type Counts = Awaited<ReturnType<typeof counts.start>>;

/** One thing to do with a map, and what it takes. */
export type Operation =
  | readonly ["set" | "add", key: string, value: number]
  | readonly ["delete" | "takeOne" | "get" | "has", key: string]
  | readonly ["setMany", entries: readonly (readonly [string, number])[]]
  | readonly ["getMany", keys: readonly string[]]
  | readonly ["clear" | "size" | "entries"];

/** Does one thing, on whatever thread this is. */
export async function operate(map: Counts, operation: Operation): Promise<unknown> {
  switch (operation[0]) {
    case "set":
    case "add":
      return await map[operation[0]](operation[1], operation[2]) ?? null;
    case "delete":
      return await map.delete(operation[1]);
    case "takeOne":
      return await map.update(operation[1], "takeOne") ?? null;
    case "get":
      return map.get(operation[1]) ?? map.read(operation[1], (value) => value) ?? null;
    case "has":
      return map.has(operation[1]);
    case "setMany":
      return await map.setMany(operation[1]) ?? null;
    case "getMany":
      return map.getMany(operation[1]).map((value) => value ?? null);
    case "clear":
      return await map.clear() ?? null;
    case "size":
      return map.size;
    case "entries":
      return [...map].sort();
  }
}

export const partitionedTasks = defineTasks(import.meta.url, {
  start: () => counts.start(),
  get: (map: PartitionedMap<string, number>, key: string) => map.get(key),
  set: (map: PartitionedMap<string, number>, key: string, value: number) => map.set(key, value),
  size: (map: PartitionedMap<string, number>) => map.size,
  ranOn: () => ranOn.splice(0),
  disposals: () => disposals,
  echo: (map: Counts) => map,
  stop: (map: Counts) => map.stop(),
  /** What set() of a key of this shard has done when it returns. */
  setAndGet: (map: Counts, key: string, value: number) => {
    const promise = map.set(key, value);
    return [map.get(key), promise instanceof Promise];
  },
  operate,
  /** Increments of random keys, of this shard's and of others', so many at a time. */
  increment: async (map: Counts, keys: string[], inFlight: number) => {
    for (let i = 0; i < keys.length; i += inFlight) {
      await Promise.all(
        keys.slice(i, i + inFlight).map((key, j) =>
          j % 2 === 0 ? map.add(key, 1) : map.update(key, "addHere", 1)
        ),
      );
    }
    ranOn.length = 0;
  },
  /** Reads counts, which only grow: what they are, and which are less than `before`. */
  watch: (map: Counts, keys: string[], before: number[]) => {
    const now = map.getMany(keys).map((count) => count ?? 0);
    const faults = keys.filter((_, i) => now[i]! < (before[i] ?? 0));
    return { now, faults };
  },
  /**
   * Reads until the map has stopped, by a handle that finds its parts anew each time. Gives how often, and the
   * name of what was thrown then.
   */
  readToTheEnd: async (map: Counts, keys: string[], values: number[]) => {
    for (let reads = 0;; reads++) {
      const other = (thisShard() + 1) % shardCount(); // by a call that waits, so that this shard serves others
      const fresh = await submitTo(other, partitionedTasks.echo, map);
      for (const one of [fresh, map]) {
        try {
          const found = one.getMany(keys);
          if (found.some((value, i) => value !== undefined && value !== values[i])) {
            throw new RangeError(`read ${found}`);
          }
        } catch (error) {
          return { reads, name: (error as Error).name };
        }
      }
    }
  },
  /**
   * Sets, updates and reads the keys in turn until the word at `address` is set. Gives how often, and the
   * errors that are not those of a shard that is down.
   */
  hammer: async (
    map: Counts,
    keys: string[],
    address: number,
    buffer = localAllocator().buffer,
  ) => {
    const word = new Int32Array(buffer as SharedArrayBuffer, address, 1);
    const errors: string[] = [];
    let sets = 0;
    let reads = 0;
    const note = (error: unknown) => {
      const { name } = error as Error;
      if (name !== "ShardCrashedError" && name !== "ShardRestartingError") errors.push(`${error}`);
    };
    for (let turn = 0; Atomics.load(word, 0) === 0; turn++) {
      const key = keys[turn % keys.length]!;
      try {
        if (turn % 3 === 0) await map.set(key, turn);
        else if (turn % 3 === 1) await map.add(key, 1);
        else await map.delete(key);
        sets++;
      } catch (error) {
        note(error);
      }
      for (const key of keys) {
        try {
          map.get(key);
          reads++;
        } catch (error) {
          note(error);
        }
      }
    }
    return { errors, sets, reads };
  },
  /** Never answered. */
  die: (): Promise<never> => {
    (globalThis as unknown as { close(): void }).close();
    return new Promise(() => {});
  },
});
