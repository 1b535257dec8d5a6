/**
 * The entries of a cache, as its owner has them: nodes of a map's table that also stand in a ring, with the
 * limits that they are held to.
 *
 * Invariant: whatever may run code of the program, an allocation or a block that is released, comes when
 * table and ring agree, and nothing that was looked up before it is used after it.
 *
 * @module
 */

import type { Endpoint } from "../../shard/unstable_layers.ts";
import type { ReclaimRequest } from "../../allocator/mod.ts";
import { MapTable, type SoughtKey } from "../map/mod.ts";
import type { Readers, RetiredOwner } from "../readers/mod.ts";
import { CacheFigures } from "./cache_figures.ts";
import {
  AFTER_WORD,
  BYTES_WORD,
  EXPIRES_WORD,
  FIGURES_WORD,
  FRONT_WORDS,
  LINE_WORDS,
  SKEW_WORD,
  TOUCHED_WORD,
  WHY_WORD,
} from "./cache_layout.ts";
import { type CacheLimits, checkLimit, type EvictReason } from "./cache_parts.ts";
import { type Clocks, OwnersTime } from "./cache_time.ts";
import { ClockRing, touch } from "./clock_ring.ts";

/** WHY, by its number. */
export const REASONS: readonly EvictReason[] = ["evict", "expire", "set", "delete"];
const [EVICT, EXPIRE, SET, DELETE] = [0, 1, 2, 3] as const;

/** So many nodes the second hand looks at for each entry that is set. */
const SWEPT_A_SET = 2;
/** So long an allocation that would fail waits for readers to end what they read, before it does fail. */
const MOST_WAIT_MS = 50;

/** The caches of one endpoint, a part of it: see `Endpoint.part()`. */
class CachesOfEndpoint {
  readonly caches = new Set<CacheTable>();

  /** The one with the most bytes. There is one. */
  get largest(): CacheTable {
    let largest: CacheTable | undefined;
    for (const cache of this.caches) {
      if (largest === undefined || cache.bytes > largest.bytes) largest = cache;
    }
    return largest!;
  }
}

/** The entries of one cache. */
export class CacheTable {
  /** The slice as doubles. */
  readonly doubles: Float64Array;
  /** Its map. */
  readonly table: MapTable;
  /** What it counts. */
  readonly figures: CacheFigures;
  /** By whose clock entries end. */
  readonly time: OwnersTime;
  readonly #name: string;
  readonly #readers: Readers;
  readonly #owner: RetiredOwner;
  readonly #words: Int32Array;
  readonly #ring: ClockRing;
  readonly #lines: number;
  readonly #registration: Disposable;
  #maxEntries = Infinity;
  #maxBytes = Infinity;
  #bytes = 0;
  /** How many nodes end some time. */
  #ending = 0;

  /**
   * @param owner What is told of a node that no reader can see any more.
   * @throws {BadAllocError} If there is no room.
   */
  constructor(
    readers: Readers,
    name: string,
    definition: string,
    limits: CacheLimits,
    owner: RetiredOwner,
    clocks: Clocks,
  ) {
    const { words, endpoint } = readers;
    const { endpointCount } = endpoint.layout;
    this.#name = name;
    this.#readers = readers;
    this.#owner = owner;
    this.#words = words;
    this.doubles = doublesOf(words);
    this.resize(limits);
    const lineWords = endpointCount * LINE_WORDS;
    this.#lines = readers.allocate(lineWords * 4, definition, LINE_WORDS * 4);
    words.fill(0, this.#lines, this.#lines + lineWords);
    try {
      this.table = new MapTable(readers, definition);
    } catch (error) {
      readers.release(readers.addressOf(this.#lines));
      throw error;
    }
    const { index } = this.table;
    words[index + FIGURES_WORD] = this.#lines;
    this.time = new OwnersTime(this.doubles, (index + SKEW_WORD) >> 1, clocks);
    this.figures = figuresOf(this.doubles, this.#lines, endpoint, endpoint.id);
    this.#ring = new ClockRing(words, this.doubles);
    this.#registration = endpoint.allocator.reclaimers.add((request) => this.#reclaim(request), {
      scope: "sync",
      heldBytes: () => this.#bytes,
    });
    endpoint.part(CachesOfEndpoint).caches.add(this);
  }

  /** How many entries there are, with those that have ended and are still there. */
  get size(): number {
    return this.table.size;
  }

  /** Bytes that they take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The place of the node with the key, which may have ended; 0 if there is none. */
  find(hash: number, key: SoughtKey): number {
    return this.table.find(hash, key);
  }

  /** Whether the entry of a node has ended. Looks at the clock only if it ends some time. */
  hasEnded(node: number): boolean {
    return this.expiresOf(node) !== 0 && this.#ring.hasEnded(node, this.time.now());
  }

  /** When the entry of a node ends, by the owner's clock; 0 for never. */
  expiresOf(node: number): number {
    return this.doubles[(node + EXPIRES_WORD) >> 1]!;
  }

  /** Says that a node was used. */
  touch(node: number): void {
    touch(this.#words, node);
  }

  /**
   * Lets others go if the slice is short of memory, before an entry of so many bytes is made: what goes is not
   * free at once, as somebody may read it, so this must not wait until there is none. May run code of the
   * program.
   */
  relieve(bytes: number): void {
    const { endpoint } = this.#readers;
    if (!endpoint.allocator.reclaimers.isShort()) return;
    // Not from itself: of two that fill a slice, the first would keep all that it has.
    const { largest } = endpoint.part(CachesOfEndpoint);
    largest.#retireAll(largest.#evictBytes(2 * bytes, largest.#now(), 0));
  }

  /** Throws if an entry of so many bytes can't be kept, whatever goes. */
  checkRoomFor(bytes: number): void {
    if (bytes <= this.#maxBytes) return;
    throw new RangeError(
      `Cannot keep an entry of ${bytes} bytes in ${this.#name}: expected at most ${this.#maxBytes}, its maxBytes`,
    );
  }

  /**
   * Links the node at `node`, of `bytes` bytes, whose key and value are written, for the one at `old`, which
   * find() has just found, or which is 0. Others go, if there are too many. The node may be gone when this
   * returns.
   */
  link(hash: number, key: SoughtKey, node: number, old: number, bytes: number, expires: number) {
    const words = this.#words;
    const { changes } = this.table;
    words[node + TOUCHED_WORD] = old === 0 ? 0 : words[old + TOUCHED_WORD]!;
    words[node + BYTES_WORD] = bytes;
    this.doubles[(node + EXPIRES_WORD) >> 1] = expires;
    // Before others go, so that it does not count.
    if (old !== 0) this.#leave(old, SET);
    const leaving = this.#makeRoom(1, bytes);
    if (this.table.changes !== changes) this.table.find(hash, key);
    this.#ring.add(node);
    this.#count(bytes, expires === 0 ? 0 : 1);
    if (old !== 0) {
      this.table.replace(hash, old, node);
      this.#retire(old);
    } else this.table.insert(hash, node);
    this.#retireAll(leaving);
  }

  /** Deletes the node at `node`, which find() has just found. */
  remove(node: number, why: "expire" | "delete"): void {
    this.#leave(node, why === "expire" ? EXPIRE : DELETE);
    this.table.remove(node);
    this.#retire(node);
  }

  /** Bounds the cache anew. What is too much goes. O(entries that go). */
  resize(limits: CacheLimits): void {
    const { maxEntries, maxBytes } = limits;
    const entries = checkLimit(this.#name, "maxEntries", maxEntries);
    this.#maxBytes = checkLimit(this.#name, "maxBytes", maxBytes);
    this.#maxEntries = entries;
    if (this.#bytes > 0) this.#retireAll(this.#makeRoom(0, 0));
  }

  /** Deletes all entries. O(entries + buckets). */
  clear(): void {
    const nodes: number[] = [];
    this.table.clear((node) => nodes.push(node));
    this.#forget(nodes);
  }

  /** Deletes all entries that have ended, and says how many there were. O(entries). */
  sweep(): number {
    if (this.#ending === 0) return 0;
    const now = this.time.now();
    let leaving = 0;
    let count = 0;
    // Each look goes on where the last one ended, so that this is once round the ring, and one look more.
    for (; this.#ring.count > 0; count++) {
      const node = this.#ring.sweep(now, this.#ring.count);
      if (node === 0) break;
      leaving = this.#unlink(node, EXPIRE, leaving);
    }
    this.#retireAll(leaving);
    return count;
  }

  /** Ends the cache; its memory is freed when nobody reads it. */
  close(): void {
    this.#registration[Symbol.dispose]();
    this.#readers.endpoint.part(CachesOfEndpoint).caches.delete(this);
    const nodes: number[] = [];
    this.table.close((node) => nodes.push(node));
    this.#forget(nodes);
    this.#readers.retire(this.#lines);
    this.#readers.retired.collect();
  }

  /**
   * Takes out what is too much once there are `entries` more, of `bytes` bytes.
   *
   * @returns The first of the nodes, for #retireAll(), or 0.
   */
  #makeRoom(entries: number, bytes: number): number {
    const ring = this.#ring;
    const now = this.#now();
    let leaving = 0;
    for (let look = 0; look < SWEPT_A_SET && this.#ending > 0; look++) {
      const node = ring.sweep(now, 1);
      if (node !== 0) leaving = this.#unlink(node, EXPIRE, leaving);
    }
    const isTooMuch = () =>
      ring.count + entries > this.#maxEntries || this.#bytes + bytes > this.#maxBytes;
    while (ring.count > 0 && isTooMuch()) leaving = this.#evict(now, leaving);
    return leaving;
  }

  /** Gives memory back inside an allocation that would fail, and between two turns when memory is low. */
  #reclaim({ byteLength, scope }: ReclaimRequest): void {
    this.#retireAll(this.#evictBytes(byteLength, this.#now(), 0));
    // Between two turns nobody waits for it.
    this.#readers.retired.collectWithin(scope === "sync" ? MOST_WAIT_MS : 0);
  }

  /** Evicts so many bytes, if there are so many. Returns the first of those that leave. */
  #evictBytes(byteLength: number, now: number, leaving: number): number {
    let first = leaving;
    const enough = this.#bytes - byteLength;
    while (this.#ring.count > 0 && this.#bytes > enough) first = this.#evict(now, first);
    return first;
  }

  #evict(now: number, leaving: number): number {
    const node = this.#ring.next(now);
    return this.#unlink(node, this.#ring.hasEnded(node, now) ? EXPIRE : EVICT, leaving);
  }

  /** Retires nodes that are all that there were. */
  #forget(nodes: readonly number[]): void {
    for (const node of nodes) this.#leave(node, DELETE);
    for (const node of nodes) this.#retire(node);
  }

  /** The time, if any entry ends. */
  #now(): number {
    return this.#ending === 0 ? -Infinity : this.time.now();
  }

  /** Takes a node out of ring and table. Returns it, with those that were `leaving` before behind it. */
  #unlink(node: number, why: number, leaving: number): number {
    this.#leave(node, why);
    this.table.removeUnsought(node);
    // The ring has no more use for that word.
    this.#words[node + AFTER_WORD] = leaving;
    return node;
  }

  /** Takes a node out of the ring. */
  #leave(node: number, why: number): void {
    const words = this.#words;
    this.#ring.remove(node);
    words[node + WHY_WORD] = why;
    this.#count(-words[node + BYTES_WORD]!, this.expiresOf(node) === 0 ? 0 : -1);
    if (why === EVICT) this.figures.evicted();
    else if (why === EXPIRE) this.figures.expired();
  }

  #count(bytes: number, ending: number): void {
    this.#bytes += bytes;
    this.#ending += ending;
    this.figures.holds(this.#bytes);
  }

  #retireAll(leaving: number): void {
    for (let node = leaving; node !== 0;) {
      // It may be freed at once.
      const after = this.#words[node + AFTER_WORD]!;
      this.#retire(node);
      node = after;
    }
  }

  #retire(node: number): void {
    this.table.retire(node - FRONT_WORDS, this.#owner);
  }
}

/** The same memory as doubles. */
export function doublesOf({ buffer, byteOffset, byteLength }: Int32Array): Float64Array {
  return new Float64Array(buffer, byteOffset, byteLength >> 3);
}

/** The figures of a cache of `owner`, whose lines begin at the word `lines`. */
export function figuresOf(
  doubles: Float64Array,
  lines: number,
  { id, layout }: Endpoint,
  owner: number,
): CacheFigures {
  return new CacheFigures(doubles, lines >> 1, id, owner, layout.endpointCount);
}
