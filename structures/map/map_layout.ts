/**
 * How a shared map lies in its owner's slice. A place is an index of an Int32 there, always even. A
 * reference, as NEXT and the directory hold it, is a place; its low bit says whether a slot lies there,
 * and 0 is none.
 *
 * ```
 * header   word  0  STRUCTURE  readers/structure_header.ts
 *                6  SEED_0     owner   key of the hash, random for each map
 *                7  SEED_1     owner
 *                8  EXTRA      owner   up to word 31: of what is built on a map, as a cache
 *               32  BUCKETS    owner   slots in use; published after they are linked
 *               33  SIZE       owner   entries
 *               34  PAGES      owner   references to pages of the directory
 * page     word  0  PIECES     owner   references to pieces of the table
 * slot     word  0  NEXT       owner   the next slot or node of the list, published
 *                1  ORDER      owner   where it stands in the list: split_order.ts
 * node     word  0  NEXT       owner   as in a slot
 *                1  ORDER      owner   of its key's hash
 *                2  KEY_INFO   owner   bytes and form of the key: map_keys.ts
 *                3  VALUE_INFO owner   bytes and form of a value of any length
 *                4  KEY        owner   from here on, padded with zeros to whole words; then the value,
 *                                      aligned as its type is
 * ```
 *
 * What is built on a map may have words of its own in front of each node, in the same block.
 *
 * BUCKETS and SIZE change all the time, and lie on another line than what every reading needs.
 *
 * @module
 */

import { OWN_WORD } from "../readers/mod.ts";

/** Word 6 of a header. */
export const SEED_0_WORD: number = OWN_WORD;
/** Word 7 of a header. */
export const SEED_1_WORD: number = SEED_0_WORD + 1;
/** Word 8 of a header. */
export const EXTRA_WORD: number = SEED_1_WORD + 1;
/** Word 32 of a header. */
export const BUCKETS_WORD = 32;
/** Word 33 of a header. */
export const SIZE_WORD: number = BUCKETS_WORD + 1;
/** Word 34 of a header. */
export const PAGES_WORD: number = SIZE_WORD + 1;
/** How many pages the directory can have. */
export const PAGES_LIMIT = 256;
/** Bytes of a header. */
export const MAP_HEADER_BYTES: number = (PAGES_WORD + PAGES_LIMIT) * 4;

/** Pieces that a page refers to. */
export const PAGE_PIECES = 512;
/** Bytes of a page. */
export const PAGE_BYTES: number = PAGE_PIECES * 4;
/** Slots of a piece, as a power of two. */
export const PIECE_SHIFT = 9;
/** Slots of a piece. */
export const PIECE_SLOTS: number = 1 << PIECE_SHIFT;
/** Words of a slot. */
export const SLOT_WORDS = 2;
/** Bytes of a piece. */
export const PIECE_BYTES: number = PIECE_SLOTS * SLOT_WORDS * 4;
/** More buckets are not made: chains grow from then on. */
export const MAX_BUCKETS: number = PAGES_LIMIT * PAGE_PIECES * PIECE_SLOTS;

/** From the place of a slot or node. */
export const NEXT_WORD = 0;
/** From the place of a slot or node. */
export const ORDER_WORD: number = NEXT_WORD + 1;
/** From the place of a node. */
export const KEY_INFO_WORD: number = ORDER_WORD + 1;
/** From the place of a node. */
export const VALUE_INFO_WORD: number = KEY_INFO_WORD + 1;
/** From the place of a node. */
export const KEY_WORD: number = VALUE_INFO_WORD + 1;

/** The bit of a reference that says that a slot lies there. */
export const SLOT_BIT = 1;
/** The bits of a reference that say where. */
export const PLACE_MASK = -2;
