/**
 * A hash map in shared memory, as any other shard reads it.
 *
 * @module
 */

import { arraysOver, type SegmentArrays } from "../../allocator/unstable_layers.ts";
import { type Endpoint, SENT_BY } from "../../shard/unstable_layers.ts";
import { ForeignStructure } from "../readers/mod.ts";
import { batches } from "./entries.ts";
import { checkDone, type MapParts } from "./map_parts.ts";
import { OUT_OF_ORDER } from "./split_list.ts";
import { TableReader } from "./table_reader.ts";

/**
 * A shared map, as one shard reads it while its owner changes it: `reader()` of a definition by `sharedMap()`
 * gives one. It sends no message, takes no lock, and tries nothing twice: a read takes as long as it does,
 * whatever the owner does meanwhile. What it gives was in the map at some time during the call.
 *
 * Every call but `size` throws a {@linkcode ShardCrashedError} if the owner has died, and a
 * {@linkcode StaleStructureError} if it was started again, or has disposed of the map.
 */
export class SharedMapReader<Key, Value, View = Value> {
  static {
    Object.defineProperty(this.prototype, SENT_BY, { value: "address" });
  }

  readonly #parts: MapParts;
  readonly #structure: ForeignStructure;
  readonly #arrays: SegmentArrays;
  readonly #table: TableReader;

  /** Made by the library: use `reader()` of a definition. */
  constructor(parts: MapParts, endpoint: Endpoint, address: number) {
    this.#parts = parts;
    this.#structure = new ForeignStructure(endpoint, address, parts.name, parts.text);
    this.#arrays = arraysOver(endpoint.buffer);
    this.#structure.begin();
    try {
      this.#table = new TableReader(this.#structure.words, this.#structure.index);
    } finally {
      this.#structure.end();
    }
  }

  /** The address of the map. O(1). */
  get address(): number {
    return this.#structure.address;
  }

  /** The shard that owns the map. O(1). */
  get owner(): number {
    return this.#structure.owner;
  }

  /** How many entries there are, or were a moment ago. O(1). */
  get size(): number {
    const structure = this.#structure;
    structure.begin();
    const { size } = this.#table;
    structure.end();
    return size;
  }

  /**
   * The value of a key; undefined if there is none. Of a struct it is a copy as a plain object, of bytes a
   * copy. Costs an atomic load a step along the chain, and an addition to a word that only this shard and the
   * owner use: two of them, unless the value is a number, boolean or bigint.
   *
   * @throws {TypeError} If the key is of the wrong kind.
   */
  get(key: Key): Value | undefined {
    const { keys, values } = this.#parts;
    const table = this.#table;
    const structure = this.#structure;
    const hash = keys.load(key, table.seed0, table.seed1);
    // Of what is freed meanwhile such a value is only wrong, and the look afterwards tells.
    if (values.isInPlace && structure.mayGlance && !table.list.passedSlot) {
      const place = table.glance(hash, keys);
      if (place !== OUT_OF_ORDER) {
        const value = place === 0
          ? undefined
          : values.readInPlace(this.#arrays, table.words, place);
        if (structure.reading.isUndisturbed()) return value as Value | undefined;
      }
    }
    return this.#getInReading(hash);
  }

  #getInReading(hash: number): Value | undefined {
    const { keys, values } = this.#parts;
    const table = this.#table;
    let kept: unknown;
    this.#structure.begin();
    try {
      const place = table.find(hash, keys);
      if (place === 0) return undefined;
      kept = values.copy(this.#arrays, table.words, place);
    } finally {
      this.#structure.end();
    }
    return values.finish(kept) as Value;
  }

  /**
   * Calls `look` with the value of a key, and gives what that returns; undefined if there is no such entry. A
   * struct is given where it lies, as a view that must not be written to and is good until `look` returns: it
   * stays as it is so long. What `look` reads of this and other maps of the same owner costs it no additions.
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
      const place = table.find(hash, keys);
      if (place === 0) return undefined;
      return checkDone(name, look(values.view(this.#arrays, table.words, place) as View));
    } finally {
      structure.end();
    }
  }

  /** Whether there is an entry of that key. Fails as `get()` does. */
  has(key: Key): boolean {
    const { keys } = this.#parts;
    const table = this.#table;
    const structure = this.#structure;
    const hash = keys.load(key, table.seed0, table.seed1);
    if (structure.mayGlance && !table.list.passedSlot) {
      const place = table.glance(hash, keys);
      if (structure.reading.isUndisturbed() && place !== OUT_OF_ORDER) return place !== 0;
    }
    return this.#hasInReading(hash);
  }

  #hasInReading(hash: number): boolean {
    this.#structure.begin();
    try {
      return this.#table.find(hash, this.#parts.keys) !== 0;
    } finally {
      this.#structure.end();
    }
  }

  /**
   * The entries, in no order that means anything. What is there from the beginning to the end is given
   * exactly once, and no key twice, whatever the owner does meanwhile; what it sets or deletes meanwhile may
   * be given or not, with any of its values. They are copied 64 at a time.
   */
  *entries(): MapIterator<[Key, Value]> {
    const { keys, values } = this.#parts;
    const table = this.#table;
    const structure = this.#structure;
    const copy = (place: number): [Key, unknown] => [
      keys.read(this.#arrays, table.words, place) as Key,
      values.copy(this.#arrays, table.words, place),
    ];
    for (const batch of batches(table, () => structure.begin(), () => structure.end(), copy)) {
      for (const [key, kept] of batch) yield [key, values.finish(kept) as Value];
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
}
