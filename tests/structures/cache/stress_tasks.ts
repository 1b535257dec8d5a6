/**
 * What the shards of the stress test do: one fills caches, whose entries end, go to make room, and go as memory
 * is short; the others read them. Each value tells by itself whether it is whole, and when it ends.
 */
import { defineTasks, type Task } from "@tidepool/core";
import { array, f64, i32, struct, text } from "@tidepool/core/allocator";
import { type SharedCache, sharedCache, type SharedCacheReader } from "@tidepool/core/structures";
import { SeededRandom } from "../../harness/seeded_random.ts";

/** All of whose numbers say the same, if it is whole. */
const fields = { key: i32, count: f64, copies: array(i32, 13), ends: f64, again: f64 };
const Copies = struct("Copies", fields);
const KEYS = 2000;
/** Both clocks show whole milliseconds, and a reader's time may be ahead. */
const SLACK_MS = 3;

let gone = 0;
const definitions = {
  copies: sharedCache("Copies", {
    key: i32,
    value: Copies,
    maxEntries: 500,
    onEvict: () => gone++,
  }),
  /** As large as the slice lets it be. */
  texts: sharedCache("Texts", { key: text(), value: text() }),
};

/** Where the caches lie. */
export interface Addresses {
  readonly copies: number;
  readonly texts: number;
}

/** What a reader has met. */
export interface Met {
  reads: number;
  found: number;
  /** Values that no set() has written. */
  torn: number;
  /** Values whose time seems to be over: which, and when they were asked for. */
  readonly late: [count: number, askedAt: number][];
  /** Keys that an iteration has given twice. */
  twice: number;
}

/** What the owner has done. */
export interface Done {
  readonly sets: number;
  /** Entries that onEvict was told of, and those that are still there. */
  readonly gone: number;
  readonly size: number;
  readonly evictions: number;
  readonly expirations: number;
  /** Of the cache that takes what the slice has. */
  readonly squeezed: number;
}

function textOf(count: number): string {
  return `${count}:${String.fromCharCode(0x21 + count % 0x5e).repeat(count % 2000)}:${count}`;
}

type CopiesCache = ReturnType<typeof definitions.copies.make>;

class Writer {
  readonly copies: CopiesCache = definitions.copies.make();
  readonly texts: SharedCache<string, string> = definitions.texts.make();
  readonly #random: SeededRandom;
  /** When each value ends at the latest. */
  readonly #ends: number[] = [];
  #sets = 0;
  #count = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    gone = 0;
  }

  write(changes: number): void {
    const random = this.#random;
    for (let i = 0; i < changes; i++) {
      const kind = random.below(1000);
      // Some keys more often than others.
      const key = Math.min(random.below(KEYS), random.below(KEYS));
      if (kind < 600) this.#set(key);
      else if (kind < 900) this.texts.set(`text ${key * 7}`, textOf(++this.#count));
      else if (kind < 950) this.copies.delete(key);
      else if (kind < 990) this.copies.get(key);
      else if (kind < 994) this.copies.resize({ maxEntries: 100 + random.below(900) });
      else if (kind < 999) this.copies.purgeStale();
      else if (random.below(100) === 0) this.copies.clear();
    }
  }

  #set(key: number): void {
    const count = ++this.#count;
    const ttlMs = this.#random.below(3) === 0 ? Infinity : 1 + this.#random.below(20);
    const ends = Date.now() + ttlMs;
    const copies = new Array(13).fill(count);
    this.#sets++;
    this.copies.set(key, { key, count, copies, ends, again: count }, { ttlMs });
    // It may have taken a while.
    this.#ends[count] = Date.now() + ttlMs;
  }

  /** How many of them were asked for when their time was over. */
  ended(late: Met["late"]): number {
    return late.filter(([count, askedAt]) => askedAt > this.#ends[count]! + SLACK_MS).length;
  }

  done(): Done {
    const { evictions, expirations, entries: size } = this.copies.statistics();
    const squeezed = this.texts.statistics().evictions;
    return { sets: this.#sets, gone, size, evictions, expirations, squeezed };
  }

  /** Closes the caches; gives how many entries onEvict was told of by then. */
  close(): number {
    this.copies[Symbol.dispose]();
    this.texts[Symbol.dispose]();
    return gone;
  }
}

class Reader {
  readonly met: Met = { reads: 0, found: 0, torn: 0, late: [], twice: 0 };
  readonly #random: SeededRandom;
  readonly #copies: ReturnType<typeof definitions.copies.reader>;
  readonly #texts: SharedCacheReader<string, string>;

  constructor(seed: number, { copies, texts }: Addresses) {
    this.#random = new SeededRandom(seed);
    this.#copies = definitions.copies.reader(copies);
    this.#texts = definitions.texts.reader(texts);
  }

  read(count: number): void {
    const random = this.#random;
    for (let i = 0; i < count; i++) {
      const kind = random.below(1000);
      const key = Math.min(random.below(KEYS), random.below(KEYS));
      const begin = Date.now();
      this.met.reads++;
      if (kind < 300) this.#check(key, this.#copies.get(key), begin);
      else if (kind < 400) this.#check(key, this.#copies.peek(key), begin);
      else if (kind < 700) {
        this.#copies.read(key, (view) => {
          const { key: own, count, copies, ends, again } = view;
          this.#check(key, { key: own, count, copies: [...copies.elements], ends, again }, begin);
        });
      } else if (kind < 990) {
        const found = this.#texts.get(`text ${key * 7}`);
        if (found === undefined) continue;
        this.met.found++;
        if (found !== textOf(Number(found.split(":")[0]))) this.met.torn++;
      } else if (kind < 999) this.#copies.has(key);
      else this.#iterate();
    }
  }

  #iterate(): void {
    const seen = new Set<number>();
    const begin = Date.now();
    for (const [key, value] of this.#copies) {
      if (seen.has(key)) this.met.twice++;
      seen.add(key);
      this.#check(key, value, begin);
    }
  }

  #check(
    key: number,
    value:
      | { key: number; count: number; copies: readonly number[]; ends: number; again: number }
      | undefined,
    begin: number,
  ): void {
    if (value === undefined) return;
    const { count } = value;
    this.met.found++;
    const isWhole = value.key === key && value.again === count && count > 0 &&
      value.copies.every((copy) => copy === count);
    if (!isWhole) this.met.torn++;
    if (begin > value.ends + SLACK_MS) this.met.late.push([count, begin]);
  }
}

let writer: Writer;
let reader: Reader;

interface StressTasks {
  readonly open: Task<[number], Addresses>;
  readonly write: Task<[number], void>;
  readonly done: Task<[], Done>;
  readonly ended: Task<[Met["late"]], number>;
  readonly close: Task<[], number>;
  readonly enter: Task<[number, Addresses], void>;
  readonly read: Task<[number], void>;
  readonly met: Task<[], Met>;
}

export const stressTasks: StressTasks = defineTasks(import.meta.url, {
  open(seed: number): Addresses {
    writer = new Writer(seed);
    return { copies: writer.copies.address, texts: writer.texts.address };
  },
  write: (changes: number): void => writer.write(changes),
  done: (): Done => writer.done(),
  ended: (late: Met["late"]): number => writer.ended(late),
  close: (): number => writer.close(),
  enter(seed: number, addresses: Addresses): void {
    reader = new Reader(seed, addresses);
  },
  read: (count: number): void => reader.read(count),
  met: (): Met => reader.met,
});
