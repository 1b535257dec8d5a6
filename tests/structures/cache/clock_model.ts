/**
 * What a shared cache must do, in plain arrays: the ring from the hand on, in the order in which the hand comes
 * by, and each entry as an object.
 *
 * @module
 */

import { MOST_CHANCES } from "../../../structures/cache/clock_ring.ts";
import type { CacheStatistics, EvictReason } from "@tidepool/core/structures";

/** What is told of an entry that has gone. */
export type Gone = readonly [key: string, value: string, why: EvictReason];

interface Entry {
  readonly key: string;
  value: string;
  /** When it ends; Infinity for never. */
  ends: number;
  touched: boolean;
}

/** A cache of texts. */
export class ModelCache {
  now = 0;
  gone: Gone[] = [];
  readonly #figures = { hits: 0, misses: 0, evictions: 0, expirations: 0 };
  /** From the hand on. */
  #ring: Entry[] = [];
  #sweeper: Entry | undefined;
  #maxEntries = Infinity;
  #maxBytes = Infinity;

  /** `ahead` is how much the clock of who asks is ahead of the owner's. */
  get(key: string, ahead = 0): string | undefined {
    const entry = this.#find(key);
    if (entry === undefined || entry.ends <= this.now + ahead) {
      this.#figures.misses++;
      if (entry !== undefined && ahead === 0) this.#remove(entry, "expire");
      return undefined;
    }
    this.#figures.hits++;
    entry.touched = true;
    return entry.value;
  }

  peek(key: string, ahead = 0): string | undefined {
    const entry = this.#find(key);
    return entry === undefined || entry.ends <= this.now + ahead ? undefined : entry.value;
  }

  set(key: string, value: string, ttlMs: number, keepsEnd = false): void {
    const old = this.#find(key);
    const hasEnd = keepsEnd && old !== undefined && old.ends > this.now;
    const entry: Entry = {
      key,
      value,
      ends: hasEnd ? old.ends : this.now + ttlMs,
      touched: old?.touched ?? false,
    };
    if (old !== undefined) this.#remove(old, "set");
    this.#makeRoom(1, bytesOf(entry));
    this.#ring.push(entry);
    this.#sweeper ??= entry;
  }

  delete(key: string): boolean {
    const entry = this.#find(key);
    if (entry === undefined) return false;
    const hasEnded = entry.ends <= this.now;
    this.#remove(entry, hasEnded ? "expire" : "delete");
    return !hasEnded;
  }

  clear(): void {
    for (const entry of [...this.#ring]) this.#remove(entry, "delete");
  }

  purgeStale(): number {
    let count = 0;
    // Once round the ring from the last that has gone, if none is left.
    for (let looks = 0; looks < this.#ring.length; looks++) {
      const entry = this.#sweeper!;
      if (entry.ends > this.now) this.#sweeper = this.#after(entry);
      else {
        this.#remove(entry, "expire");
        count++;
        looks = -1;
      }
    }
    return count;
  }

  resize(maxEntries: number, maxBytes: number): void {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    if (this.#ring.length > 0) this.#makeRoom(0, 0);
  }

  entries(ahead = 0): [string, string][] {
    return this.#ring.filter(({ ends }) => ends > this.now + ahead)
      .map(({ key, value }): [string, string] => [key, value]).sort();
  }

  statistics(): CacheStatistics {
    return { ...this.#figures, entries: this.#ring.length, bytes: this.#bytes };
  }

  get #bytes(): number {
    return this.#ring.reduce((sum, entry) => sum + bytesOf(entry), 0);
  }

  #find(key: string): Entry | undefined {
    return this.#ring.find((entry) => entry.key === key);
  }

  #makeRoom(entries: number, bytes: number): void {
    for (let look = 0; look < 2 && this.#ring.some(({ ends }) => ends !== Infinity); look++) {
      const entry = this.#sweeper!;
      if (entry.ends <= this.now) this.#remove(entry, "expire");
      else this.#sweeper = this.#after(entry);
    }
    while (
      this.#ring.length > 0 &&
      (this.#ring.length + entries > this.#maxEntries || this.#bytes + bytes > this.#maxBytes)
    ) {
      for (let chances = 0; chances < MOST_CHANCES; chances++) {
        const [hand] = this.#ring;
        if (!hand!.touched || hand!.ends <= this.now) break;
        hand!.touched = false;
        this.#ring.push(this.#ring.shift()!);
      }
      const [hand] = this.#ring;
      this.#remove(hand!, hand!.ends <= this.now ? "expire" : "evict");
    }
  }

  #after(entry: Entry): Entry {
    return this.#ring[(this.#ring.indexOf(entry) + 1) % this.#ring.length]!;
  }

  #remove(entry: Entry, why: EvictReason): void {
    this.gone.push([entry.key, entry.value, why]);
    if (why === "evict") this.#figures.evictions++;
    if (why === "expire") this.#figures.expirations++;
    if (this.#sweeper === entry) this.#sweeper = this.#after(entry);
    this.#ring.splice(this.#ring.indexOf(entry), 1);
    if (this.#ring.length === 0) this.#sweeper = undefined;
  }
}

/** Bytes that an entry takes in the slice. */
export function bytesOf({ key, value }: { readonly key: string; readonly value: string }): number {
  const whole = (length: number) => Math.ceil(length / 4) * 4;
  return 40 + whole(key.length) + whole(value.length);
}
