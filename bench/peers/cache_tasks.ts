/** What shards do in `compare cache`: a shared cache on its owner and on another shard, and lru-cache. */
import { defineTasks, submitTo, type Task } from "@tidepool/core";
import { f64, i32, struct, text } from "../../allocator/mod.ts";
import { type SharedCache, sharedCache, type SharedCacheReader } from "../../structures/mod.ts";
// deno-lint-ignore no-import-prefix -- a peer of this comparison alone
import { LRUCache } from "npm:lru-cache@11.2.4";
import { keysOf, randomOrder } from "./map_keys.ts";

/** Room of each cache. */
export const ENTRIES = 10_000;
/** Keys of which the most popular are asked for, in the trace. */
const TRACE_KEYS = 100_000;

const User = struct("User", { id: i32, balance: f64, seenAt: f64 });
const HOUR_MS = 3_600_000;

const definitions = {
  numbers: sharedCache("Numbers", { key: text(), value: f64, maxEntries: ENTRIES }),
  ending: sharedCache("Ending", {
    key: text(),
    value: f64,
    maxEntries: ENTRIES,
    ttlMs: HOUR_MS,
  }),
  users: sharedCache("Users", { key: text(), value: User, maxEntries: ENTRIES }),
};

/** The caches that are read. */
export type CacheName = keyof typeof definitions;
/** Where they lie. */
export type Addresses = Record<CacheName, number>;

/** Full of `keys`, so that each is a hit. */
let caches: {
  readonly numbers: SharedCache<string, number>;
  readonly ending: SharedCache<string, number>;
  readonly users: ReturnType<typeof definitions.users.make>;
};
/** Those in which others go to make room. */
let evicting: Record<"numbers" | "ending", SharedCache<string, number>>;
let readers: {
  readonly numbers: SharedCacheReader<string, number>;
  readonly ending: SharedCacheReader<string, number>;
  readonly users: ReturnType<typeof definitions.users.reader>;
};
const lru = new LRUCache<string, number>({ max: ENTRIES });
const evictingLru = new LRUCache<string, number>({ max: ENTRIES });
const keys = keysOf(ENTRIES);
const order = randomOrder(ENTRIES);
/** Never the same again within one room. */
const others = keysOf(ENTRIES * 8).map((key) => `other ${key}`);
let nextOther = 0;

/** Nanoseconds that `use` takes for a key, in an order that no processor foresees. */
function nanosecondsOf(rounds: number, use: (key: string) => unknown): number {
  let found = 0;
  const begin = performance.now();
  for (let round = 0; round < rounds; round++) {
    for (const index of order) if (use(keys[index]!) !== undefined) found++;
  }
  const ms = performance.now() - begin;
  if (found !== rounds * order.length) throw new Error(`${found} of ${rounds * order.length} hits`);
  return ms * 1e6 / found;
}

/** The same for keys that are not there. */
function nanosecondsOfSets(rounds: number, set: (key: string, value: number) => unknown): number {
  const begin = performance.now();
  for (let i = 0; i < rounds * ENTRIES; i++) {
    set(others[nextOther]!, i);
    nextOther = (nextOther + 1) % others.length;
  }
  return (performance.now() - begin) * 1e6 / (rounds * ENTRIES);
}

/** Hits of so many accesses, the n-th most popular key being asked for 1/n times as often as the first. */
function hitsOf(accesses: number, useOrSet: (key: number) => boolean): number {
  let state = 12345;
  const sums = new Float64Array(TRACE_KEYS);
  let sum = 0;
  for (let key = 0; key < TRACE_KEYS; key++) sums[key] = sum += 1 / (key + 1);
  let hits = 0;
  for (let access = 0; access < accesses; access++) {
    // mulberry32, of which both caches get the same numbers.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const at = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * sum;
    let [low, high] = [0, TRACE_KEYS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > at) high = middle;
      else low = middle + 1;
    }
    if (useOrSet(low)) hits++;
  }
  return hits / accesses;
}

interface CacheTasks {
  readonly open: Task<[], Addresses>;
  readonly enter: Task<[Addresses], void>;
  readonly get: Task<[string], number | undefined>;
  readonly hitOnOwner: Task<[number, CacheName], number>;
  readonly hitOnReader: Task<[number, CacheName], number>;
  readonly readOnReader: Task<[number], number>;
  readonly hitOfLru: Task<[number], number>;
  readonly callOwner: Task<[number, number], number>;
  readonly set: Task<[number, "numbers" | "ending"], number>;
  readonly setOfLru: Task<[number], number>;
  readonly hitRate: Task<[number], number>;
  readonly hitRateOfLru: Task<[number], number>;
}

export const cacheTasks: CacheTasks = defineTasks(import.meta.url, {
  open(): Addresses {
    caches = {
      numbers: definitions.numbers.make(),
      ending: definitions.ending.make(),
      users: definitions.users.make(),
    };
    evicting = { numbers: definitions.numbers.make(), ending: definitions.ending.make() };
    for (let i = 0; i < ENTRIES; i++) {
      const key = keys[i]!;
      caches.numbers.set(key, i);
      caches.ending.set(key, i);
      caches.users.set(key, { id: i, balance: i, seenAt: i });
      lru.set(key, i);
    }
    return {
      numbers: caches.numbers.address,
      ending: caches.ending.address,
      users: caches.users.address,
    };
  },
  enter(addresses: Addresses): void {
    readers = {
      numbers: definitions.numbers.reader(addresses.numbers),
      ending: definitions.ending.reader(addresses.ending),
      users: definitions.users.reader(addresses.users),
    };
  },
  get: (key: string): number | undefined => caches.numbers.get(key),
  hitOnOwner: (rounds: number, name: CacheName): number => {
    const cache = caches[name];
    return nanosecondsOf(rounds, (key) => cache.get(key));
  },
  hitOnReader: (rounds: number, name: CacheName): number => {
    const reader = readers[name];
    return nanosecondsOf(rounds, (key) => reader.get(key));
  },
  /** Looks at a struct where it lies. */
  readOnReader: (rounds: number): number => {
    const { users } = readers;
    return nanosecondsOf(rounds, (key) => users.read(key, ({ balance }) => balance));
  },
  hitOfLru: (rounds: number): number => nanosecondsOf(rounds, (key) => lru.get(key)),
  /** Asks the owner for a value, as a program does that has no shared cache. */
  async callOwner(calls: number, owner: number): Promise<number> {
    const begin = performance.now();
    for (let call = 0; call < calls; call++) {
      await submitTo(owner, cacheTasks.get, keys[order[call % ENTRIES]!]!);
    }
    return (performance.now() - begin) * 1e6 / calls;
  },
  set: (rounds: number, name: "numbers" | "ending"): number => {
    const cache = evicting[name];
    return nanosecondsOfSets(rounds, (key, value) => cache.set(key, value));
  },
  setOfLru: (rounds: number): number => {
    return nanosecondsOfSets(rounds, (key, value) => evictingLru.set(key, value));
  },
  hitRate(accesses: number): number {
    using cache = sharedCache("Trace", { key: i32, value: i32, maxEntries: ENTRIES }).make();
    return hitsOf(accesses, (key) => {
      if (cache.get(key) !== undefined) return true;
      cache.set(key, key);
      return false;
    });
  },
  hitRateOfLru(accesses: number): number {
    const cache = new LRUCache<number, number>({ max: ENTRIES });
    return hitsOf(accesses, (key) => {
      if (cache.get(key) !== undefined) return true;
      cache.set(key, key);
      return false;
    });
  },
});
