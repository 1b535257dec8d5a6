/**
 * A cache in shared memory, as its owner has it.
 *
 * @module
 */

import { arraysOver, badAlloc, type SegmentArrays } from "../../allocator/unstable_layers.ts";
import { type Endpoint, SENT_BY } from "../../shard/unstable_layers.ts";
import { batches, checkDone, KEY_INFO_WORD, KEY_WORD, ListReader } from "../map/mod.ts";
import { ForeignStructure, Readers, StaleStructureError } from "../readers/mod.ts";
import type { CacheStatistics } from "./cache_figures.ts";
import { FRONT_WORDS, WHY_WORD } from "./cache_layout.ts";
import { type CacheLimits, type CacheParts, checkTtl } from "./cache_parts.ts";
import { CacheTable, REASONS } from "./cache_table.ts";
import { type Clocks, SYSTEM_CLOCKS } from "./cache_time.ts";
import { Loads } from "./loads.ts";

/** How `set()` and `getOrLoad()` of a {@linkcode SharedCache} keep an entry. */
export interface CacheSetOptions {
  /** How many milliseconds the entry lasts; Infinity for no end. As the definition says, unless given. */
  readonly ttlMs?: number;
  /** Whether an entry that is there keeps its end; not, unless given. */
  readonly keepTtl?: boolean;
}

/**
 * A cache in shared memory, as the shard has it that owns it: `make()` of a definition by `sharedCache()`
 * gives one. Its owner alone changes it; any shard reads it by a {@linkcode SharedCacheReader}, at any time,
 * without a message and without waiting, and what any of them reads counts as used.
 *
 * When there are too many entries, or too many bytes, or the owner's slice runs short of memory, those go that
 * were not used of late: by CLOCK, which comes near LRU, and lets a read be a read. Entries may end after a
 * time. Those that have ended are never given; they are removed in passing, as others are set.
 */
export class SharedCache<Key, Value, Init = Value, View = Value> implements Disposable {
  static {
    Object.defineProperty(this.prototype, SENT_BY, { value: "address" });
  }

  readonly #parts: CacheParts;
  readonly #endpoint: Endpoint;
  readonly #arrays: SegmentArrays;
  readonly #table: CacheTable;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #list: ListReader;
  readonly #isInPlace: boolean;
  readonly #loads = new Loads<Key>();
  /** This shard's own readings, once it makes one. */
  #own: ForeignStructure | undefined;
  #isClosed = false;

  /**
   * Made by the library: use `make()` of a definition.
   * @internal
   */
  constructor(parts: CacheParts, endpoint: Endpoint, clocks: Clocks = SYSTEM_CLOCKS) {
    const readers = endpoint.part(Readers);
    this.#parts = parts;
    this.#endpoint = endpoint;
    this.#arrays = arraysOver(endpoint.buffer);
    this.#words = readers.words;
    this.#list = new ListReader(readers.words);
    this.#isInPlace = parts.values.isInPlace && parts.onEvict === undefined;
    const owner = parts.onEvict === undefined
      ? readers
      : { release: (address: number) => this.#release(readers, address) };
    this.#table = new CacheTable(readers, parts.name, parts.text, parts.limits, owner, clocks);
  }

  /** Its address: what a reader is made from on another shard. O(1). */
  get address(): number {
    return this.#words.byteOffset + this.#table.table.index * 4;
  }

  /** How many entries there are, with those that have ended and are not removed yet. O(1). */
  get size(): number {
    return this.#table.size;
  }

  /**
   * The value of a key, which counts as used; undefined if there is none, or its time is over. Of a struct it
   * is a copy as a plain object, of bytes a copy. Looks at the clock only if the entry has an end.
   *
   * @throws {TypeError} If the key is of the wrong kind.
   * @throws {StaleStructureError} If the cache was disposed of.
   */
  get(key: Key): Value | undefined {
    const node = this.#use(key);
    return node === 0 ? undefined : this.#valueOf(node);
  }

  /** The same, but it does not count as used, nor as a hit or a miss. */
  peek(key: Key): Value | undefined {
    const node = this.#find(key);
    return node === 0 || this.#table.hasEnded(node) ? undefined : this.#valueOf(node);
  }

  /** Whether there is an entry of that key. It does not count as used. Fails as `get()` does. */
  has(key: Key): boolean {
    const node = this.#find(key);
    return node !== 0 && !this.#table.hasEnded(node);
  }

  /**
   * Calls `look` with the value of a key, which counts as used, and gives what that returns; undefined if there
   * is no such entry. A struct is given where it lies, as a view, which is good until `look` returns. What
   * `look` does may change this cache: what it sees stays until then.
   *
   * @throws {TypeError} If the key is of the wrong kind, or `look` returns a promise: it has to be done when it
   * returns.
   * @throws {StaleStructureError} If the cache was disposed of.
   */
  read<Result>(key: Key, look: (value: View) => Result): Result | undefined {
    this.#check();
    const { name, text, values } = this.#parts;
    const own = this.#own ??= new ForeignStructure(this.#endpoint, this.address, name, text);
    own.begin();
    try {
      const node = this.#use(key);
      if (node === 0) return undefined;
      return checkDone(name, look(values.view(this.#arrays, this.#words, node) as View));
    } finally {
      own.end();
    }
  }

  /**
   * Sets the value of a key, and lets others go if there is no room. Readers see the old value or the new,
   * never a mixture. O(1), on average over keys, but for the length of key and value: at most 64 entries are
   * passed over for each that goes.
   *
   * @param key The key.
   * @param value The value.
   * @param options How long the entry lasts.
   * @returns This cache.
   * @throws {TypeError | RangeError} If the key, the value or an option is of the wrong kind, or out of range,
   * or the entry larger than `maxBytes`.
   * @throws {BadAllocError} If the owner's slice has no room for it, though others have gone.
   * @throws {StaleStructureError} If the cache was disposed of.
   * Whatever it throws, or a codec does: the entry is as it was.
   */
  set(key: Key, value: Init, options?: CacheSetOptions): this {
    this.#check();
    const { keys, name, values } = this.#parts;
    const { table } = this.#table;
    const ttlMs = this.#ttlOf(options);
    // First, as a codec or a getter may do anything, also with this cache.
    const prepared = values.prepare(value);
    const { info, byteLength } = values;
    this.#check();
    let hash = keys.load(key, table.seed0, table.seed1);
    let old = table.find(hash, keys);
    let expires = this.#endOf(old, ttlMs, options);
    if (old !== 0 && this.#isInPlace && expires === 0 && this.#table.expiresOf(old) === 0) {
      values.overwrite(this.#arrays, this.#words, old, value);
      this.#table.touch(old);
      this.#loads.forget(key);
      return this;
    }
    const bytes = (FRONT_WORDS + values.placeAfter(0, keys.wordCount)) * 4 +
      ((byteLength + 3) & ~3);
    this.#table.checkRoomFor(bytes);
    const { changes } = table;
    const { loads } = keys;
    this.#table.relieve(bytes);
    const { allocator } = this.#endpoint;
    const address = allocator.malloc(bytes);
    if (address === 0) throw badAlloc(allocator, bytes, 8, name);
    const node = (address - this.#words.byteOffset) / 4 + FRONT_WORDS;
    try {
      // An allocation may run anything that gives memory back, also something that changes this cache.
      this.#check();
      if (keys.loads !== loads) hash = keys.load(key, table.seed0, table.seed1);
      if (keys.loads !== loads || table.changes !== changes) {
        old = table.find(hash, keys);
        expires = this.#endOf(old, ttlMs, options);
      }
      this.#write(node, prepared, info);
    } catch (error) {
      allocator.free(address);
      throw error;
    }
    this.#loads.forget(key);
    this.#table.link(hash, keys, node, old, bytes, expires);
    return this;
  }

  /**
   * The value of a key, or what `load` gives for it, which is kept. However many ask for a key meanwhile, there
   * is one load of it at a time. If the key is set or deleted meanwhile, what was loaded is given to those who
   * wait, but not kept, and who asks from then on has it loaded anew.
   *
   * @param key The key.
   * @param load Gives the value, or a promise of it.
   * @param options How long the entry lasts.
   * @returns The value. All who wait for a load get the same object, the one that `load` gave.
   * @throws What `load` throws, and as `set()`: all who wait get that, and nothing is kept.
   */
  async getOrLoad<Loaded extends Init>(
    key: Key,
    load: (key: Key) => Loaded | PromiseLike<Loaded>,
    options?: CacheSetOptions,
  ): Promise<Value | Loaded> {
    this.#ttlOf(options);
    const found = this.get(key);
    if (found !== undefined) return found;
    const keep = (loaded: Key, value: unknown) => void this.set(loaded, value as Init, options);
    return await (this.#loads.of(key) ?? this.#loads.begin(key, load, keep)) as Loaded;
  }

  /**
   * Deletes the entry of a key. Its memory is freed when nobody reads it.
   *
   * @returns Whether there was one.
   * @throws As `get()`.
   */
  delete(key: Key): boolean {
    const node = this.#find(key);
    this.#loads.forget(key);
    if (node === 0) return false;
    const hasEnded = this.#table.hasEnded(node);
    this.#table.remove(node, hasEnded ? "expire" : "delete");
    return !hasEnded;
  }

  /** Deletes all entries. O(entries + buckets); the table keeps its size. */
  clear(): void {
    this.#check();
    this.#loads.forgetAll();
    this.#table.clear();
  }

  /** Deletes all entries whose time is over, and returns how many there were. O(entries). */
  purgeStale(): number {
    this.#check();
    return this.#table.sweep();
  }

  /**
   * Bounds the cache anew, in place of what it was bounded by. What is too much goes. O(entries that go).
   *
   * @throws {TypeError | RangeError} If a limit is not a whole number above 0, or Infinity.
   * @throws {StaleStructureError} If the cache was disposed of.
   */
  resize(limits: CacheLimits): void {
    this.#check();
    this.#table.resize(limits);
  }

  /** What the cache has done since it was made, on all shards. O(shards). */
  statistics(): CacheStatistics {
    this.#check();
    return this.#table.figures.read(this.size);
  }

  /**
   * The entries whose time is not over, in no order that means anything, none of which counts as used. What is
   * there from the beginning to the end is given exactly once, and no key twice, whatever is set and deleted
   * meanwhile; what is set or goes meanwhile may be given or not, with any of its values.
   */
  *entries(): MapIterator<[Key, Value]> {
    this.#check();
    const { keys, values } = this.#parts;
    const words = this.#words;
    const walked = {
      words,
      list: this.#list,
      slotFor: (hash: number) => this.#table.table.slotFor(hash),
    };
    const copy = (node: number): [Key, unknown] | undefined =>
      this.#table.hasEnded(node)
        ? undefined
        : [keys.read(this.#arrays, words, node) as Key, values.copy(this.#arrays, words, node)];
    for (const batch of batches(walked, () => this.#check(), () => {}, copy)) {
      for (const entry of batch) {
        if (entry !== undefined) yield [entry[0], values.finish(entry[1]) as Value];
      }
    }
  }

  /** The keys, as `entries()` gives them. */
  *keys(): MapIterator<Key> {
    for (const [key] of this.entries()) yield key;
  }

  /** The values, as `entries()` gives them. */
  *values(): MapIterator<Value> {
    for (const [, value] of this.entries()) yield value;
  }

  /** The same as `entries()`. */
  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.entries();
  }

  /** Ends the cache: readers find that at their next call, and its memory is freed when nobody reads it. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#loads.forgetAll();
    this.#table.close();
  }

  #find(key: Key): number {
    this.#check();
    const { keys } = this.#parts;
    const { table } = this.#table;
    return table.find(keys.load(key, table.seed0, table.seed1), keys);
  }

  /** The node with the key, which counts as used; 0 if there is none or it has ended. Counts hits and misses. */
  #use(key: Key): number {
    const table = this.#table;
    const node = this.#find(key);
    if (node === 0 || table.hasEnded(node)) {
      table.figures.miss();
      if (node !== 0) table.remove(node, "expire");
      return 0;
    }
    table.figures.hit();
    table.touch(node);
    return node;
  }

  #valueOf(node: number): Value {
    const { values } = this.#parts;
    return values.finish(values.copy(this.#arrays, this.#words, node)) as Value;
  }

  /** Writes the key that was loaded last and the value that was prepared to a new node. */
  #write(node: number, prepared: unknown, info: number): void {
    const { keys, values } = this.#parts;
    const words = this.#words;
    const { wordCount, words: keyWords } = keys;
    words[node + KEY_INFO_WORD] = keys.info;
    for (let i = 0; i < wordCount; i++) words[node + KEY_WORD + i] = keyWords[i]!;
    values.store(this.#arrays, words, node, prepared, info);
  }

  #ttlOf(options: CacheSetOptions | undefined): number {
    const ttlMs = options?.ttlMs;
    return ttlMs === undefined ? this.#parts.ttlMs : checkTtl(this.#parts.name, ttlMs);
  }

  /** When an entry ends that is set now, in the place of the one at `old`, if that is not 0. */
  #endOf(old: number, ttlMs: number, options: CacheSetOptions | undefined): number {
    if (options?.keepTtl === true && old !== 0 && !this.#table.hasEnded(old)) {
      return this.#table.expiresOf(old);
    }
    return ttlMs === Infinity ? 0 : this.#table.time.now() + ttlMs;
  }

  #check(): void {
    if (this.#isClosed) {
      throw new StaleStructureError(
        `Cannot use ${this.#parts.name}: it was disposed of`,
        this.#endpoint.id,
      );
    }
  }

  /** A node that no reader can see any more. */
  #release(readers: Readers, address: number): void {
    const { keys, name, onEvict, values } = this.#parts;
    const words = this.#words;
    const node = readers.indexOf(address) + FRONT_WORDS;
    const key = keys.read(this.#arrays, words, node);
    const kept = values.copy(this.#arrays, words, node);
    const why = REASONS[words[node + WHY_WORD]!]!;
    readers.release(address);
    try {
      onEvict!(key, values.finish(kept), why);
    } catch (error) {
      // Whoever uses the cache just now did not ask for this entry.
      this.#endpoint.warnOf(`The onEvict function of ${name} has thrown`, error);
    }
  }
}
