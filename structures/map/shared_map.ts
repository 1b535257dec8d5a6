/**
 * A hash map in shared memory, as its owner has it.
 *
 * @module
 */

import { arraysOver, badAlloc, type SegmentArrays } from "../../allocator/unstable_layers.ts";
import { type Endpoint, SENT_BY } from "../../shard/unstable_layers.ts";
import {
  ForeignStructure,
  Readers,
  type RetiredOwner,
  StaleStructureError,
} from "../readers/mod.ts";
import { batches } from "./entries.ts";
import { KEY_INFO_WORD, KEY_WORD } from "./map_layout.ts";
import { checkDone, type MapParts } from "./map_parts.ts";
import { MapTable } from "./map_table.ts";
import { ListReader } from "./split_list.ts";

/**
 * A hash map in shared memory, as the shard has it that owns it: `make()` of a definition by `sharedMap()`
 * gives one. Its owner alone changes it; any shard reads it by a {@linkcode SharedMapReader}, at any time,
 * without a message and without waiting.
 *
 * Keys are compared as in a `Map`. All operations take a time that does not grow with the size, but for
 * `clear()`, iteration, and the length of keys and values; the map grows by one bucket at a time.
 */
export class SharedMap<Key, Value, Init = Value, View = Value> implements Disposable {
  static {
    Object.defineProperty(this.prototype, SENT_BY, { value: "address" });
  }

  readonly #parts: MapParts;
  readonly #endpoint: Endpoint;
  readonly #arrays: SegmentArrays;
  readonly #table: MapTable;
  readonly #list: ListReader;
  readonly #isInPlace: boolean;
  readonly #owner: RetiredOwner;
  /** This shard's own readings, once it makes one. */
  #own: ForeignStructure | undefined;
  #isClosed = false;

  /** Made by the library: use `make()` of a definition. */
  constructor(parts: MapParts, endpoint: Endpoint) {
    const readers = endpoint.part(Readers);
    this.#parts = parts;
    this.#endpoint = endpoint;
    this.#arrays = arraysOver(endpoint.buffer);
    this.#table = new MapTable(readers, parts.text);
    this.#list = new ListReader(this.#table.words);
    this.#isInPlace = parts.values.isInPlace && parts.dispose === undefined;
    this.#owner = parts.dispose === undefined
      ? readers
      : { release: (address) => this.#release(readers, address) };
  }

  /** Its address: what a reader is made from on another shard. O(1). */
  get address(): number {
    const { index, words } = this.#table;
    return words.byteOffset + index * 4;
  }

  /** How many entries there are. O(1). */
  get size(): number {
    return this.#table.size;
  }

  /**
   * The value of a key; undefined if there is none. Of a struct it is a copy as a plain object, of bytes a
   * copy.
   *
   * @throws {TypeError} If the key is of the wrong kind.
   * @throws {StaleStructureError} If the map was disposed of.
   */
  get(key: Key): Value | undefined {
    const place = this.#find(key);
    if (place === 0) return undefined;
    const { values } = this.#parts;
    const { words } = this.#table;
    if (values.isInPlace) return values.readInPlace(this.#arrays, words, place) as Value;
    return values.finish(values.copy(this.#arrays, words, place)) as Value;
  }

  /**
   * Calls `look` with the value of a key, and gives what that returns; undefined if there is no such entry. A
   * struct is given where it lies, as a view, which is good until `look` returns. What `look` does may change
   * this map: what it sees stays until then.
   *
   * @throws {TypeError} If the key is of the wrong kind, or `look` returns a promise: it has to be done when it
   * returns.
   * @throws {StaleStructureError} If the map was disposed of.
   */
  read<Result>(key: Key, look: (value: View) => Result): Result | undefined {
    this.#check();
    const { name, text, values } = this.#parts;
    const own = this.#own ??= new ForeignStructure(this.#endpoint, this.address, name, text);
    own.begin();
    try {
      const place = this.#find(key);
      if (place === 0) return undefined;
      return checkDone(name, look(values.view(this.#arrays, this.#table.words, place) as View));
    } finally {
      own.end();
    }
  }

  /** Whether there is an entry of that key. Fails as `get()` does. */
  has(key: Key): boolean {
    return this.#find(key) !== 0;
  }

  /**
   * Sets the value of a key. Readers see the old value or the new, never a mixture. A number, boolean or
   * bigint is overwritten where it lies; any other value takes a new block of memory, and the old one is
   * freed when nobody reads it.
   *
   * @returns This map.
   * @throws {TypeError | RangeError} If the key or the value is of the wrong kind, or out of range.
   * @throws {BadAllocError} If the owner's slice has no room.
   * @throws {StaleStructureError} If the map was disposed of.
   * Whatever it throws, or a codec does: the map is unchanged.
   */
  set(key: Key, value: Init): this {
    const { keys, values } = this.#parts;
    const table = this.#table;
    const { words } = table;
    this.#check();
    // First, as a codec or a getter may do anything, also with this map.
    const prepared = values.prepare(value);
    const { info, byteLength } = values;
    this.#check();
    let hash = keys.load(key, table.seed0, table.seed1);
    let old = table.find(hash, keys);
    if (old !== 0 && this.#isInPlace) {
      values.overwrite(this.#arrays, words, old, value);
      return this;
    }
    const { changes } = table;
    const { loads } = keys;
    const bytes = values.placeAfter(0, keys.wordCount) * 4 + ((byteLength + 3) & ~3);
    const { allocator } = this.#endpoint;
    const address = allocator.malloc(bytes);
    if (address === 0) throw badAlloc(allocator, bytes, 8, this.#parts.name);
    if (this.#isClosed) {
      allocator.free(address);
      this.#check();
    }
    // An allocation may run anything that gives memory back, also something that changes this map.
    if (keys.loads !== loads) hash = keys.load(key, table.seed0, table.seed1);
    if (keys.loads !== loads || table.changes !== changes) old = table.find(hash, keys);
    const node = (address - words.byteOffset) / 4;
    const { wordCount, words: keyWords } = keys;
    words[node + KEY_INFO_WORD] = keys.info;
    for (let i = 0; i < wordCount; i++) words[node + KEY_WORD + i] = keyWords[i]!;
    try {
      values.store(this.#arrays, words, node, prepared, info);
    } catch (error) {
      allocator.free(address);
      throw error;
    }
    if (old === 0) table.insert(hash, node);
    else {
      table.replace(hash, old, node);
      this.#retire(old);
    }
    return this;
  }

  /**
   * Deletes the entry of a key. Its memory is freed when nobody reads it.
   *
   * @returns Whether there was one.
   * @throws As `get()`.
   */
  delete(key: Key): boolean {
    const place = this.#find(key);
    if (place === 0) return false;
    this.#table.remove(place);
    this.#retire(place);
    return true;
  }

  /**
   * Sets the value of a key to what `change` makes of it, which may change this map too.
   *
   * @param key The key.
   * @param change Given the value, or undefined if there is none.
   * @returns The new value, as `change` gave it.
   * @throws As `get()` and `set()`, and what `change` throws: then nothing is set.
   */
  update(key: Key, change: (value: Value | undefined) => Init): Init {
    const value = change(this.get(key));
    this.set(key, value);
    return value;
  }

  /** Deletes all entries. O(entries + buckets); the table keeps its size. */
  clear(): void {
    this.#check();
    const nodes: number[] = [];
    this.#table.clear((node) => nodes.push(node));
    for (const node of nodes) this.#retire(node);
  }

  /**
   * The entries, in no order that means anything. What is there from the beginning to the end is given
   * exactly once, and no key twice, whatever is set and deleted meanwhile; what is set or deleted meanwhile
   * may be given or not, with any of its values.
   */
  *entries(): MapIterator<[Key, Value]> {
    this.#check();
    const { keys, values } = this.#parts;
    const { words } = this.#table;
    const walked = {
      words,
      list: this.#list,
      slotFor: (hash: number) => this.#table.slotFor(hash),
    };
    const copy = (place: number): [Key, unknown] => [
      keys.read(this.#arrays, words, place) as Key,
      values.copy(this.#arrays, words, place),
    ];
    for (const batch of batches(walked, () => this.#check(), () => {}, copy)) {
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

  /** Ends the map: readers find that at their next call, and its memory is freed when nobody reads it. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#table.close((node) => this.#retire(node));
    this.#endpoint.part(Readers).retired.collect();
  }

  #find(key: Key): number {
    this.#check();
    const { keys } = this.#parts;
    const table = this.#table;
    return table.find(keys.load(key, table.seed0, table.seed1), keys);
  }

  #check(): void {
    if (this.#isClosed) {
      throw new StaleStructureError(
        `Cannot use ${this.#parts.name}: it was disposed of`,
        this.#endpoint.id,
      );
    }
  }

  #retire(node: number): void {
    this.#table.retire(node, this.#owner);
  }

  /** A node that no reader can see any more. */
  #release(readers: Readers, address: number): void {
    const { name, dispose, values } = this.#parts;
    const kept = values.copy(this.#arrays, this.#table.words, readers.indexOf(address));
    readers.release(address);
    try {
      dispose!(values.finish(kept));
    } catch (error) {
      // Whoever set or deleted something just now did not ask for this value.
      this.#endpoint.warnOf(`The dispose function of ${name} has thrown`, error);
    }
  }
}
