/** What the tests of replicated values run on shards. */
import {
  defineTasks,
  localAllocator,
  NoReplicaError,
  replicate,
  type Replicated,
  type Task,
} from "@tidepool/core";

/** Words of shared memory, as far as a test needs them. */
function words(address: number): Int32Array {
  return new Int32Array(localAllocator().bytes(address, 4).buffer, address, 1);
}

export type List = readonly string[];

interface ReplicatedTasks {
  readonly tick: Task<[], void>;
  readonly make: Task<[List], Replicated<List>>;
  readonly local: Task<[Replicated<List>], List>;
  readonly version: Task<[Replicated<List>], number>;
  readonly localOrError: Task<[Replicated<List>], string>;
  readonly read: Task<[Replicated<List>], List>;
  readonly append: Task<[List, string], List>;
  readonly appendSlowly: Task<[List, string, number], List>;
  readonly refuse: Task<[List, string], List>;
  readonly giveFunction: Task<[List], List>;
  readonly setFrom: Task<[Replicated<List>, List], string>;
  readonly appendFrom: Task<[Replicated<List>, string], void>;
  readonly appendEach: Task<[Replicated<List>, string, number], string[]>;
  readonly watch: Task<[Replicated<List>, number], number[]>;
  readonly grow: Task<[List], List>;
  readonly word: Task<[], number>;
  readonly letGo: Task<[number], void>;
  readonly exit: Task<[], void>;
}

export const replicatedTasks: ReplicatedTasks = defineTasks(import.meta.url, {
  tick: (): void => {},
  make: (list: List) => replicate(list),
  local: (list: Replicated<List>) => list.local(),
  version: (list: Replicated<List>) => list.version,
  localOrError: (list: Replicated<List>) => {
    try {
      return list.local().join(",");
    } catch (error) {
      if (!(error instanceof NoReplicaError)) throw error;
      return `${error.name} ${error.shard}: ${error.message}`;
    }
  },
  read: (list: Replicated<List>) => list.read(),
  append: (list: List, item: string) => [...list, item],
  /** Appends when the word at `address` is set. */
  appendSlowly: async (list: List, item: string, address: number) => {
    const waiting = Atomics.waitAsync(words(address), 0, 0);
    if (waiting.async) await waiting.value;
    return [...list, item];
  },
  refuse: (_list: List, reason: string): List => {
    throw new RangeError(reason);
  },
  giveFunction: (): List => [(() => 1) as unknown as string],
  setFrom: async (list: Replicated<List>, value: List) => {
    await list.set(value);
    return list.local().join(","); // what was written is read
  },
  appendFrom: (list: Replicated<List>, item: string) => list.update(replicatedTasks.append, item),
  /** Appends many at once; what this shard read when each was made. */
  appendEach: async (list: Replicated<List>, prefix: string, count: number) => {
    const missing: string[] = [];
    await Promise.all(Array.from({ length: count }, async (_, i) => {
      await list.update(replicatedTasks.append, `${prefix}${i}`);
      if (!list.local().includes(`${prefix}${i}`)) missing.push(`${prefix}${i}`);
    }));
    return missing;
  },
  /** The versions that this shard reads until `last`, each whole: it has as many items as changes. */
  watch: async (list: Replicated<List>, last: number) => {
    const seen = [list.version];
    while (seen.at(-1)! < last) {
      await new Promise((resolve) => setTimeout(resolve)); // messages come meanwhile
      const { version } = list;
      if (list.local().length !== version - 1) throw new Error(`version ${version} is not whole`);
      if (version !== seen.at(-1)) seen.push(version);
    }
    return seen;
  },
  /** A list that no message of the home can carry. */
  grow: (): List => ["x".repeat(2 ** 23)],
  word: () => localAllocator().calloc(1, 8),
  letGo: (address: number) => {
    Atomics.store(words(address), 0, 1);
    Atomics.notify(words(address), 0);
  },
  exit: (): void => {
    Deno.exit();
    for (;;);
  },
});
