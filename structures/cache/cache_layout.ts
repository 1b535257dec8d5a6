/**
 * What a shared cache has beyond a map (../map/map_layout.ts): words in the header, words in front of each
 * node, and a line of figures for each endpoint. Places are even, and doubles lie at even ones.
 *
 * ```
 * header   word  8  SKEW        owner   a double: see cache_time.ts
 *               10  FIGURES     owner   place of the lines
 * node     word -6  EXPIRES     owner   a double: when it ends, by the owner's clock; 0 for never
 *               -4  AFTER       owner   the node that the hand comes to next: see clock_ring.ts
 *               -3  BEFORE      owner   the node that it came from; WHY, once the node is out of the ring
 *               -2  BYTES       owner   of its block
 *               -1  TOUCHED     anyone  1 if the node was used since the hand came by, plain
 * line     word  0  HITS        its endpoint, a double, plain
 *                2  MISSES      its endpoint, a double, plain
 *                4  EVICTIONS   owner, in its own line, a double, plain
 *                6  EXPIRATIONS owner, the same
 *                8  BYTES_HELD  owner, the same
 * ```
 *
 * Everything in front of a node but TOUCHED is written before the node is published, or by and for the
 * owner alone. An entry that gets another end gets another node.
 *
 * @module
 */

import { EXTRA_WORD } from "../map/mod.ts";

/** Word 8 of a header. */
export const SKEW_WORD: number = EXTRA_WORD;
/** Word 10 of a header. */
export const FIGURES_WORD: number = SKEW_WORD + 2;

/** Words in front of a node. */
export const FRONT_WORDS = 6;
/** From the place of a node. */
export const EXPIRES_WORD: number = -FRONT_WORDS;
/** From the place of a node. */
export const AFTER_WORD: number = EXPIRES_WORD + 2;
/** From the place of a node. */
export const BEFORE_WORD: number = AFTER_WORD + 1;
/** The same word, of a node that is out of the ring. */
export const WHY_WORD: number = BEFORE_WORD;
/** From the place of a node. */
export const BYTES_WORD: number = BEFORE_WORD + 1;
/** From the place of a node. */
export const TOUCHED_WORD: number = BYTES_WORD + 1;

/** Words of a line of figures: processors fetch lines of 64 bytes in pairs. */
export const LINE_WORDS = 32;
/** From the beginning of a line, in doubles. */
export const HITS = 0;
/** From the beginning of a line, in doubles. */
export const MISSES: number = HITS + 1;
/** From the beginning of a line, in doubles. */
export const EVICTIONS: number = MISSES + 1;
/** From the beginning of a line, in doubles. */
export const EXPIRATIONS: number = EVICTIONS + 1;
/** From the beginning of a line, in doubles. */
export const BYTES_HELD: number = EXPIRATIONS + 1;
