/**
 * Descriptor of a block in an arena. It lies inside a block of the slice: in a chunk with others, or
 * in one of its own. Two words stand in front of its payload:
 *
 * ```text
 *  word  name    content                                              writer  reader
 *  ----  ------  ---------------------------------------------------  ------  ------------------------
 *   0    SERIAL  the life of the arena that the block belongs to      owner   owner
 *   1    MARK    size and state, as below                             owner   owner; any: what it is
 * ```
 *
 * A mark lies where a block of the slice has its header, and no such header is both FREE and CACHED:
 * every check of an address refuses it as not live, on any thread, and then looks what it is.
 *
 * ```text
 *  bit      name    meaning
 *  -------  ------  --------------------------------------------------------------------------------
 *   0       FREE    set
 *   1       GIVEN   the block was given back to its arena (PREVIOUS_FREE of a header)
 *   2       CACHED  set
 *   3..15   SIZE    in granules of 8 bytes, both words included; 0 if its block of the slice is its own
 *  16..31   MAGIC   that this is a mark
 * ```
 *
 * @module
 */
import { CACHED, FREE, PREVIOUS_FREE, SIZE_SHIFT } from "./block_layout.ts";

/** Word of a block's front: the life of its arena. */
export const SERIAL_WORD = 0;
/** Word of a block's front: its size and state. */
export const MARK_WORD: number = SERIAL_WORD + 1;
/** Words in front of the payload of a block in an arena. */
export const FRONT_WORDS: number = MARK_WORD + 1;
/** Bytes of them. */
export const FRONT_BYTES: number = FRONT_WORDS * Int32Array.BYTES_PER_ELEMENT;

const SIZE_BITS = 13;
const MAGIC = 0x24e7 << 16;
const SIZE_MASK = ((1 << SIZE_BITS) - 1) << SIZE_SHIFT;

/** The mark of a live block, with no size. */
export const LIVE_MARK: number = MAGIC | FREE | CACHED;
/** That of a block that was given back to its arena. */
export const GIVEN_MARK: number = LIVE_MARK | PREVIOUS_FREE;

/** The size of a block in granules, from its mark; 0 if it has a block of the slice for itself. */
export function arenaGranulesOf(mark: number): number {
  return (mark & SIZE_MASK) >>> SIZE_SHIFT;
}

/** A mark without the size that it says. */
export function arenaStateOf(mark: number): number {
  return mark & ~SIZE_MASK;
}

/** Any thread: whether the header of what would be a block of the slice is the mark of an arena's. */
export function isArenaMark(header: number): boolean {
  return (arenaStateOf(header) | PREVIOUS_FREE) === GIVEN_MARK;
}
