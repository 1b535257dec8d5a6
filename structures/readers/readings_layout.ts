/**
 * A line about what one endpoint reads of what another owns: readings() of shard/calls/segment_layout.ts
 * says where it lies. It outlives both, so that no life of an owner finds a stranger's words in its memory.
 *
 * ```
 * word  0  READING  reader  adds 1 when it begins to read and when it ends: odd while it reads.
 *                           The owner adds ROUND_ONE before it frees anything: see retired_blocks.ts
 *       1  LIFE     reader  which of its lives the readings are of, before the first
 * ```
 *
 * The line about what an endpoint reads of its own has two words more:
 *
 * ```
 * word  2  PUBLISHED       owner  index in its slice of what it published last, see published.ts; 0 for nothing
 *       3  PUBLISHED_LIFE  owner  which of its lives that is of, counted from 1; 0 before it has published anything
 * ```
 *
 * The low 8 bits of READING count beginnings and ends, the others the owner's rounds, and, every 128
 * readings, the carry of the low ones, which does no harm. So an owner makes 2^24 rounds, of 64 blocks each,
 * before its word is again as a reader that has done nothing meanwhile left it.
 *
 * @module
 */

/** Word 0. */
export const READING_WORD = 0;
/** Word 1. */
export const LIFE_WORD: number = READING_WORD + 1;
/** Word 2. */
export const PUBLISHED_WORD: number = LIFE_WORD + 1;
/** Word 3. */
export const PUBLISHED_LIFE_WORD: number = PUBLISHED_WORD + 1;

/** What the owner adds to READING of each endpoint when it is about to free something. */
export const ROUND_ONE = 0x100;
/** The bits of READING that count beginnings and ends. */
export const READINGS_MASK = 0xff;

/** Whether a value of READING says that its endpoint reads. */
export function isReading(value: number): boolean {
  return (value & 1) !== 0;
}
