/**
 * How every structure begins, so that a reader that was given an address knows what lies there.
 *
 * ```
 * word  0  MAGIC       "TPst" while the structure is open; 0 when it is closed
 *       1  SERIAL      which structure of its owner's life it is, from 1: no other has the number
 *       2  EPOCH       the life of its owner
 *       3  DEFINITION  index in the owner's slice of its definition as text
 *       4  LENGTH      bytes of that, UTF-8
 *       6  OWN         from here on the structure's own words
 * ```
 *
 * The owner alone writes it, before anyone has the address, and once more when it closes the structure.
 *
 * @module
 */

/** Word 0. */
export const MAGIC_WORD = 0;
/** Word 1. */
export const SERIAL_WORD: number = MAGIC_WORD + 1;
/** Word 2. */
export const EPOCH_WORD: number = SERIAL_WORD + 1;
/** Word 3. */
export const DEFINITION_WORD: number = EPOCH_WORD + 1;
/** Word 4. */
export const LENGTH_WORD: number = DEFINITION_WORD + 1;
/** Word 6: at a multiple of 8 bytes. */
export const OWN_WORD: number = LENGTH_WORD + 2;

/** What MAGIC is while the structure is open: "TPst". */
export const STRUCTURE_MAGIC = 0x74735054;
