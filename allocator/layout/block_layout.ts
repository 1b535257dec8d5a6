/**
 * Descriptor of a block in the heap of a slice. A block is named by the index of its header in the
 * Int32Array over the slice; headers lie at odd indices, so that payloads are 8-byte aligned.
 *
 * ```text
 *  word  offset  used block                     free block                  writer    reader
 *  ----  ------  -----------------------------  --------------------------  --------  ----------------
 *   0      0     header: size in bytes | flags  the same                    owner     owner; others: size, FREE
 *   1      4     payload …                      previous free block of list used: the program; free: owner
 *   2      8     payload …                      next free block of list     likewise
 *   …            payload …                      (stale)
 *   n-1          payload …                      back reference: this block  likewise
 *   n            header of the next block: PREVIOUS_FREE tells which of the two columns holds
 *
 *  header   31                              3   2    1    0
 *          ┌─────────────────────────────────┬────┬────┬────┐
 *          │ size in granules of 8 bytes     │ C  │ P  │ F  │   C cached: freed, and kept by a small class
 *          └─────────────────────────────────┴────┴────┴────┘     or a debug heap: in use for TLSF
 * ```
 *
 * The links of a free block are swapped against the usual order on purpose: `next` lies at an odd
 * word, where the header of a block that was merged into this one may have been. A block index is
 * odd, hence has the FREE bit, and 0 is no possible header: a second free of the merged block is
 * found whatever was written there, until the memory is handed out again.
 *
 * A block on the list of remote frees is in use for its owner. The freeing thread wrote word 1.
 *
 * @module
 */

/** Set in the header of a free block, and left set in a header that merging made stale. */
export const FREE = 1;
/** Set when the block to the left is free. The owner writes it into headers of live blocks. */
export const PREVIOUS_FREE = 2;
/** Set in the header of a block that a small class or a quarantine keeps: freed, and in use for TLSF. */
export const CACHED = 4;
/** Header bits above the flags: `header >>> SIZE_SHIFT` is the size in granules. */
export const SIZE_SHIFT = 3;
/** Words of a granule: `block + granules * WORDS_PER_GRANULE` is the next block. */
export const WORDS_PER_GRANULE = 2;

/** Word of a free block, from its header: the block before it in its list, or the list's own head. */
export const PREVIOUS_LINK_WORD = 1;
/** Word of a free block, from its header: the next block of its list, 0 at the end. */
export const NEXT_LINK_WORD = 2;
/** Word of a queued block, from its header: the next block on a chain of remote frees, 0 at the end. */
export const REMOTE_LINK_WORD = 1;

/** Bytes in front of each payload. */
export const HEADER_BYTES = 4;

/** Size of the block in granules, from its header. */
export function granulesOf(header: number): number {
  return header >>> SIZE_SHIFT;
}

/** The block that follows one of `granules`. */
export function blockAfter(block: number, granules: number): number {
  return block + granules * WORDS_PER_GRANULE;
}

/** The address of a block's payload, in bytes from the start of the segment. */
export function addressOf(words: Int32Array, block: number): number {
  return words.byteOffset + block * Int32Array.BYTES_PER_ELEMENT + HEADER_BYTES;
}
