/**
 * What the caches of one definition share, on one thread, and how far each may grow.
 *
 * @module
 */

import type { MapKeys, MapValues } from "../map/mod.ts";

/** Why an entry has gone, by the names of lru-cache: see `onEvict` of {@linkcode SharedCacheOptions}. */
export type EvictReason = "evict" | "expire" | "set" | "delete";

/** How far a cache may grow. It never takes what the slice is short of, whatever is said here. */
export interface CacheLimits {
  /** Entries at most. */
  readonly maxEntries?: number;
  /** Bytes at most, of keys and values and 40 for each entry. */
  readonly maxBytes?: number;
}

/** What the caches of one definition share. */
export interface CacheParts {
  /** What the cache is called in errors. */
  readonly name: string;
  /** Its definition as text: readers must have the same. */
  readonly text: string;
  /** Its keys. */
  readonly keys: MapKeys;
  /** Its values. */
  readonly values: MapValues;
  /** How far each may grow. */
  readonly limits: CacheLimits;
  /** How long entries last unless said otherwise; Infinity for as long as there is room. */
  readonly ttlMs: number;
  /** Told of each entry that is gone, when no reader can see it any more. */
  readonly onEvict: ((key: unknown, value: unknown, why: EvictReason) => void) | undefined;
}

/** Throws if a limit is not one. Gives it, Infinity for none. */
export function checkLimit(name: string, what: keyof CacheLimits, limit: unknown): number {
  if (limit === undefined) return Infinity;
  if (typeof limit !== "number") {
    throw new TypeError(
      `Cannot bound ${name} by ${what} of type ${typeof limit}: expected a number`,
    );
  }
  if (limit === Infinity || (Number.isSafeInteger(limit) && limit > 0)) return limit;
  throw new RangeError(
    `Cannot bound ${name} by ${what} ${limit}: expected a whole number above 0, or Infinity`,
  );
}

/** Throws if it is no time that an entry can last. */
export function checkTtl(name: string, ttlMs: unknown): number {
  if (typeof ttlMs !== "number") {
    throw new TypeError(
      `Cannot keep an entry of ${name} for ttlMs of type ${typeof ttlMs}: expected a number`,
    );
  }
  if (ttlMs > 0) return ttlMs;
  throw new RangeError(
    `Cannot keep an entry of ${name} for ${ttlMs} ms: expected more than 0, or Infinity for no end`,
  );
}
