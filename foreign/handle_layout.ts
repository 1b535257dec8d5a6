/**
 * How a foreign pointer and a reference lie on the wire, in int32 words.
 *
 * ```
 * foreign pointer   word 0  OWNER       endpoint of the home shard
 *                        1  HANDLE      index in the owner's table
 *                        2  GENERATION  of that entry; another one means another object
 *                        3  COPIES      copies asked for through this pointer so far; -1: it is unique
 * reference         words 0 to 2 of the same
 * ```
 *
 * @module
 */

/** Word 0. */
export const OWNER_WORD = 0;
/** Word 1. */
export const HANDLE_WORD = 1;
/** Word 2. */
export const GENERATION_WORD = 2;
/** Word 3. */
export const COPIES_WORD = 3;
/** Words of a foreign pointer. */
export const FOREIGN_PTR_WORDS = 4;
/** Words of a reference. */
export const REFERENCE_WORDS = 3;
/** COPIES of a pointer that cannot be copied. */
export const UNIQUE = -1;
