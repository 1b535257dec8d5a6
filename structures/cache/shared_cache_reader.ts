/**
 * A cache in shared memory, as any other shard reads it.
 *
 * @module
 */

import { arraysOver, type SegmentArrays } from "../../allocator/unstable_layers.ts";
import { type Endpoint, SENT_BY } from "../../shard/unstable_layers.ts";
import { batches, checkDone, TableReader } from "../map/mod.ts";
import { ForeignStructure } from "../readers/mod.ts";
import type { CacheFigures, CacheStatistics } from "./cache_figures.ts";
import { EXPIRES_WORD, FIGURES_WORD, SKEW_WORD } from "./cache_layout.ts";
import type { CacheParts } from "./cache_parts.ts";
import { doublesOf, figuresOf } from "./cache_table.ts";
import { type Clocks, ReadersTime, SYSTEM_CLOCKS } from "./cache_time.ts";
import { touch } from "./clock_ring.ts";

/**
 * A shared cache, as one shard reads it while its owner changes it. `reader()` of a definition by
 * `sharedCache()` gives one. It sends no message, takes no lock, and tries nothing twice. What it reads counts
 * as used, as if the owner had read it. An entry whose time is over is never given.
 *
 * Every call throws a {@linkcode ShardCrashedError} if the owner has died, and a
 * {@linkcode StaleStructureError} if it was started again, or has disposed of the cache.
 */
export class SharedCacheReader<Key, Value, View = Value> {
  static {
    Object.defineProperty(this.prototype, SENT_BY, { value: "address" });
  }

  readonly #parts: CacheParts;
  readonly #structure: ForeignStructure;
  readonly #arrays: SegmentArrays;
  readonly #table: TableReader;
  readonly #doubles: Float64Array;
  readonly #time: ReadersTime;
  readonly #figures: CacheFigures;

  /**
   * Made by the library: use `reader()` of a definition.
   * @internal
   */
  constructor(
    parts: CacheParts,
    endpoint: Endpoint,
    address: number,
    clocks: Clocks = SYSTEM_CLOCKS,
  ) {
    const structure = new ForeignStructure(endpoint, address, parts.name, parts.text);
    const { index, owner, words } = structure;
    this.#parts = parts;
    this.#structure = structure;
    this.#arrays = arraysOver(endpoint.buffer);
    this.#doubles = doublesOf(words);
    this.#time = new ReadersTime(this.#doubles, (index + SKEW_WORD) >> 1, clocks);
    structure.begin();
    try {
      this.#table = new TableReader(words, index);
      this.#figures = figuresOf(this.#doubles, words[index + FIGURES_WORD]!, endpoint, owner);
    } finally {
      structure.end();
    }
  }

  /** The address of the cache. O(1). */
  get address(): number {
    return this.#structure.address;
  }

  /** The shard that owns the cache. O(1). */
  get owner(): number {
    return this.#structure.owner;
  }

  /** How many entries there are, or were a moment ago, with those that have ended and are not removed yet. O(1). */
  get size(): number {
    const structure = this.#structure;
    structure.begin();
    const { size } = this.#table;
    structure.end();
    return size;
  }

  /**
   * The value of a key, which counts as used; undefined if there is none, or its time is over. Of a struct it
   * is a copy as a plain object, of bytes a copy. Looks at the clock only if the entry has an end.
   *
   * @throws {TypeError} If the key is of the wrong kind.
   */
  get(key: Key): Value | undefined {
    const { keys, values } = this.#parts;
    const table = this.#table;
    const structure = this.#structure;
    const hash = keys.load(key, table.seed0, table.seed1);
    let kept: unknown;
    structure.begin();
    try {
      const node = this.#use(hash);
      if (node === 0) return undefined;
      kept = values.copy(this.#arrays, table.words, node);
    } finally {
      structure.end();
    }
    return values.finish(kept) as Value;
  }

  /** The same, but it does not count as used, nor as a hit or a miss. */
  peek(key: Key): Value | undefined {
    const { keys, values } = this.#parts;
    const table = this.#table;
    const structure = this.#structure;
    const hash = keys.load(key, table.seed0, table.seed1);
    let kept: unknown;
    structure.begin();
    try {
      const node = table.find(hash, keys);
      if (node === 0 || this.#hasEnded(node)) return undefined;
      kept = values.copy(this.#arrays, table.words, node);
    } finally {
      structure.end();
    }
    return values.finish(kept) as Value;
  }

  /** Whether there is an entry of that key. It does not count as used. Fails as `get()` does. */
  has(key: Key): boolean {
    const { keys } = this.#parts;
    const table = this.#table;
    const structure = this.#structure;
    const hash = keys.load(key, table.seed0, table.seed1);
    structure.begin();
    try {
      const node = table.find(hash, keys);
      return node !== 0 && !this.#hasEnded(node);
    } finally {
      structure.end();
    }
  }

  /**
   * Calls `look` with the value of a key, which counts as used, and gives what that returns; undefined if there
   * is no such entry. A struct is given where it lies, as a view that must not be written to and is good until
   * `look` returns: it stays as it is so long.
   *
   * @throws {TypeError} If the key is of the wrong kind, or `look` returns a promise: it has to be done when it
   * returns.
   */
  read<Result>(key: Key, look: (value: View) => Result): Result | undefined {
    const { name, keys, values } = this.#parts;
    const table = this.#table;
    const structure = this.#structure;
    const hash = keys.load(key, table.seed0, table.seed1);
    structure.begin();
    try {
      const node = this.#use(hash);
      if (node === 0) return undefined;
      return checkDone(name, look(values.view(this.#arrays, table.words, node) as View));
    } finally {
      structure.end();
    }
  }

  /** What the cache has done since it was made, on all shards. O(shards). */
  statistics(): CacheStatistics {
    const structure = this.#structure;
    structure.begin();
    try {
      return this.#figures.read(this.#table.size);
    } finally {
      structure.end();
    }
  }

  /**
   * The entries whose time is not over, in no order that means anything, none of which counts as used. What is
   * there from the beginning to the end is given exactly once, and no key twice, whatever the owner does
   * meanwhile; what it sets or lets go meanwhile may be given or not, with any of its values. They are copied
   * 64 at a time.
   */
  *entries(): MapIterator<[Key, Value]> {
    const { keys, values } = this.#parts;
    const table = this.#table;
    const { words } = table;
    const structure = this.#structure;
    const copy = (node: number): [Key, unknown] | undefined =>
      this.#hasEnded(node)
        ? undefined
        : [keys.read(this.#arrays, words, node) as Key, values.copy(this.#arrays, words, node)];
    for (const batch of batches(table, () => structure.begin(), () => structure.end(), copy)) {
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

  /** The node with the key that was loaded, which counts as used; 0 if there is none or it has ended. */
  #use(hash: number): number {
    const table = this.#table;
    const node = table.find(hash, this.#parts.keys);
    if (node === 0 || this.#hasEnded(node)) {
      this.#figures.miss();
      return 0;
    }
    this.#figures.hit();
    touch(table.words, node);
    return node;
  }

  /** Whether the entry of a node has ended. The owner has written its end before it linked the node. */
  #hasEnded(node: number): boolean {
    const expires = this.#doubles[(node + EXPIRES_WORD) >> 1]!;
    return expires !== 0 && expires <= this.#time.now();
  }
}
