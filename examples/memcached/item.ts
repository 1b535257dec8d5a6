/**
 * An item of the cache: one block in its home shard's slice. A header, the key, the value, and CR LF,
 * which the text protocol sends behind every value. Memcached's own layout (items.h), with addresses
 * in place of pointers.
 *
 * ```
 * byte  0  Item     the struct below
 *      56  key      keyLength bytes
 *          value    valueLength bytes
 *          CR LF
 * ```
 *
 * @module
 */

import { address, f64, sizeOf, struct, u32, u8, type ViewOf } from "@tidepool/core";

/** The header. An item that others hold is not written but in its links, by its home shard. */
export const Item = struct("Item", {
  /** The next item of the same bucket. */
  next: address,
  /** The next newer item of the same size class: see lru.ts. */
  newer: address,
  /** The next older one. */
  older: address,
  /** Number of the version: unique on the shard, exact up to 2^53. */
  cas: f64,
  /** Hash of the key. */
  hash: u32,
  /** The client's own flags. */
  flags: u32,
  /** When it expires, in seconds since 1970; 0 for never. */
  expiry: u32,
  /** When it was last used, in seconds since 1970. */
  time: u32,
  /** Bytes of the value, without CR LF. */
  valueLength: u32,
  /** Bytes of the key. */
  keyLength: u8,
  /** See FETCHED and what follows it. */
  state: u8,
  /** Which of the lists of lru.ts it is on. */
  sizeClass: u8,
});

/** A view of an item. */
export type ItemView = ViewOf<typeof Item>;

/** Bytes of the header. */
export const HEADER_BYTES = sizeOf(Item);

/** State: somebody has read it. */
export const FETCHED = 1;
/** State: it was invalidated by a meta command, and is served as stale. */
export const STALE = 2;
/** State: a client was told that it is the one to renew the item. */
export const WON = 4;
/** State: the key came in base64, and goes out so. */
export const BINARY_KEY = 8;
/** State: it was used since it came to where it is on its list. */
export const USED = 16;

/** The longest key. */
export const MAX_KEY_BYTES = 250;
/** The largest item unless told otherwise, as memcached has it (`-I`). */
export const MAX_ITEM_BYTES = 2 ** 20;

/** Bytes of an item. */
export function itemBytes(keyLength: number, valueLength: number): number {
  return HEADER_BYTES + keyLength + valueLength + 2;
}

/**
 * Bytes that memcached takes for such an item, which is what the limit is for: it has a NUL behind
 * the key, and no room for flags that are 0.
 */
export function memcachedBytes(keyLength: number, valueLength: number, flags: number): number {
  return itemBytes(keyLength, valueLength) + 1 + (flags === 0 ? 0 : 4);
}
