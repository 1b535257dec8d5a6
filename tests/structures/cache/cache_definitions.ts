/** Caches for the tests, as a program defines them: in a module that their owner and their readers import. */
import { defineTasks, localAllocator, type Task } from "@tidepool/core";
import { array, bytes, f64, i32, string, struct, text } from "@tidepool/core/allocator";
import { codec, type SharedCache, sharedCache } from "@tidepool/core/structures";

export const Point = struct("Point", { x: f64, y: f64, label: string(12) });

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const json = codec<unknown>({
  name: "json",
  encode: (value) => encoder.encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(decoder.decode(bytes)),
});

/** What is written and read until it is torn: each of its numbers is the same, and so is its key's. */
export const Copies = struct("Copies", { key: i32, count: f64, copies: array(i32, 14), end: f64 });

export const definitions = {
  pages: sharedCache("Pages", { key: text(), value: text() }),
  prices: sharedCache("Prices", { key: text(), value: f64, maxEntries: 1000 }),
  points: sharedCache("Points", { key: i32, value: Point, maxEntries: 100 }),
  blobs: sharedCache("Blobs", { key: bytes(), value: bytes() }),
  documents: sharedCache("Documents", { key: text(), value: json, ttlMs: 60_000 }),
  copies: sharedCache("Copies", { key: i32, value: Copies, maxEntries: 500 }),
};

let prices: SharedCache<string, number> | undefined;
let pages: SharedCache<string, string> | undefined;

interface CacheTasks {
  readonly open: Task<[number], number>;
  readonly set: Task<[string, number, number?], void>;
  readonly has: Task<[string], boolean>;
  readonly close: Task<[], void>;
  readonly get: Task<[number, string], number | undefined>;
  readonly crash: Task<[], void>;
  readonly fillWithPages: Task<[number, number], number>;
  readonly pagesLeft: Task<[], number>;
  readonly dropPages: Task<[], void>;
  readonly echo: Task<[Uint8Array], Uint8Array>;
  readonly hold: Task<[number], boolean>;
}

export const cacheTasks: CacheTasks = defineTasks(import.meta.url, {
  /** Makes the cache of prices of this shard, with `count` of them, and gives its address. */
  open(count: number): number {
    prices = definitions.prices.make();
    for (let i = 0; i < count; i++) prices.set(`product ${i}`, i);
    return prices.address;
  },
  set(key: string, value: number, ttlMs?: number): void {
    prices!.set(key, value, ttlMs === undefined ? {} : { ttlMs });
  },
  has: (key: string): boolean => prices!.has(key),
  close: (): void => prices![Symbol.dispose](),
  get: (address: number, key: string): number | undefined =>
    definitions.prices.reader(address).get(key),
  /** Never answered. */
  crash(): Promise<void> {
    self.close();
    return new Promise<void>(() => {});
  },
  /** Sets so many pages of so many characters; gives the address of their cache. */
  fillWithPages(count: number, characters: number): number {
    pages ??= definitions.pages.make();
    const page = "p".repeat(characters);
    for (let i = 0; i < count; i++) pages.set(`page ${i}`, page);
    return pages.address;
  },
  pagesLeft: (): number => pages!.size,
  dropPages: (): void => pages![Symbol.dispose](),
  echo: (bytes: Uint8Array): Uint8Array => bytes,
  /** Whether there are so many bytes in a row to be had, though the cache has them all. */
  hold(byteLength: number): boolean {
    const allocator = localAllocator();
    const address = allocator.malloc(byteLength);
    if (address !== 0) allocator.free(address);
    return address !== 0;
  },
});
