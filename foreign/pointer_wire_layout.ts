/**
 * How a foreign pointer and a reference lie on the wire, in int32 words.
 *
 * A foreign pointer; a reference is words 0 to 2 of the same, without sender:
 *
 * ```
 * word  0  PARTIES     bits 0-8 endpoint of the home shard, 9-17 of the sender
 *       1  HANDLE      index in the owner's table; -1: a null pointer
 *       2  GENERATION  of that entry; another one means another object
 *       3  COPIES      requests for copies made through this pointer; -1: it is unique;
 *                      -2: so is it, and its object is a lent block
 *       4  OBJECT      what all copies have in common: of a struct its offset in its slice, in units of
 *                      8 bytes, negated; of another shared object its number; else 0
 * ```
 *
 * @module
 */

/** Word 0. */
export const PARTIES_WORD = 0;
/** Word 1. */
export const HANDLE_WORD: number = PARTIES_WORD + 1;
/** Word 2. */
export const GENERATION_WORD: number = HANDLE_WORD + 1;
/** Word 3. */
export const COPIES_WORD: number = GENERATION_WORD + 1;
/** Word 4. */
export const OBJECT_WORD: number = COPIES_WORD + 1;
/** Bytes of a word. */
export const WORD_BYTES = 4;
/** Words of a foreign pointer. */
export const FOREIGN_PTR_WORDS: number = OBJECT_WORD + 1;
/** Words of a reference. */
export const REFERENCE_WORDS: number = GENERATION_WORD + 1;

/** HANDLE of a null pointer. */
export const NO_HANDLE = -1;
/** COPIES of a pointer that cannot be copied. */
export const UNIQUE = -1;
/** COPIES of one to a lent block, which cannot be copied either. */
export const LENT = -2;
/** Unit of OBJECT for a struct, in bytes: what blocks are aligned to. */
export const STRUCT_UNIT_BYTES = 8;

const ENDPOINT_BITS = 9;
const ENDPOINT_MASK = 2 ** ENDPOINT_BITS - 1;

/** Word 0 of a foreign pointer. */
export function partiesWord(owner: number, sender: number): number {
  return owner | (sender << ENDPOINT_BITS);
}
/** The home shard in word 0. */
export function ownerOf(parties: number): number {
  return parties & ENDPOINT_MASK;
}
/** The sender in word 0. */
export function senderOf(parties: number): number {
  return parties >>> ENDPOINT_BITS;
}
