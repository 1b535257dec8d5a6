/**
 * Descriptor of a block in the heap of a slice. A block is named by the index of its header in the
 * Int32Array over the slice; headers lie at odd indices, so that payloads are 8-byte aligned.
 *
 * A used block; its payload begins behind the header, and covers the other words:
 *
 * ```text
 *  word  name         content                                  writer                reader
 *  ----  -----------  ---------------------------------------  --------------------  -----------------------
 *   0    HEADER       size and flags, as below                 owner                 owner; any: size, FREE
 *   1    REMOTE_LINK  while it waits on the list of remote     the thread that       owner
 *                     frees: the next block there, 0 at the    freed it
 *                     end
 * ```
 *
 * A free block:
 *
 * ```text
 *  word  name            content                               writer                reader
 *  ----  --------------  ------------------------------------  --------------------  -----------------------
 *   0    HEADER          size and flags, as below              owner                 owner; any: size, FREE
 *   1    PREVIOUS_LINK   the block before it in its list, or   owner                 owner
 *                        the head of the list, as a block
 *   2    NEXT_LINK       the next block of its list, 0 at the  owner                 owner
 *                        end
 *   …    BACK_REFERENCE  the last word: the block itself       owner                 owner
 * ```
 *
 * PREVIOUS_FREE, in the header that follows, tells which of the two it is. A header:
 *
 * ```text
 *  bit     name           meaning
 *  ------  -------------  -----------------------------------------------------------------------------
 *   0      FREE           set in a free block, and left set in a header that merging made stale
 *   1      PREVIOUS_FREE  the block to the left is free; the owner writes it into headers of live blocks
 *   2      CACHED         freed, and kept by a small class or a debug heap: in use for TLSF
 *   3..31  SIZE           in granules of 8 bytes
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
export const FREE: number = 1 << 0;
/** Set when the block to the left is free. The owner writes it into headers of live blocks. */
export const PREVIOUS_FREE: number = FREE << 1;
/** Set in the header of a block that a small class or a quarantine keeps: freed, and in use for TLSF. */
export const CACHED: number = PREVIOUS_FREE << 1;
/** Header bits above the flags: `header >>> SIZE_SHIFT` is the size in granules. */
export const SIZE_SHIFT = 3;
/** Words of a granule: `block + granules * WORDS_PER_GRANULE` is the next block. */
export const WORDS_PER_GRANULE = 2;

const HEADER_WORDS = 1;
/** Word of a free block, from its header: the block before it in its list, or the list's own head. */
export const PREVIOUS_LINK_WORD: number = HEADER_WORDS;
/** Word of a free block, from its header: the next block of its list, 0 at the end. */
export const NEXT_LINK_WORD: number = PREVIOUS_LINK_WORD + 1;
/** Words at the start of a free block that TLSF writes: its header and two links. */
export const FREE_BLOCK_WORDS: number = NEXT_LINK_WORD + 1;
/** Word of a queued block, from its header: the next block on a chain of remote frees, 0 at the end. */
export const REMOTE_LINK_WORD: number = HEADER_WORDS;

/** Bytes in front of each payload. */
export const HEADER_BYTES: number = HEADER_WORDS * Int32Array.BYTES_PER_ELEMENT;

/** Size of the block in granules, from its header. */
export function granulesOf(header: number): number {
  return header >>> SIZE_SHIFT;
}

/** Whether nobody may use the block: it is free, or kept. A stale header says so too. */
export function isFreed(header: number): boolean {
  return (header & (FREE | CACHED)) !== 0;
}

/** The block that follows one of `granules`. */
export function blockAfter(block: number, granules: number): number {
  return block + granules * WORDS_PER_GRANULE;
}

/** The address of a block's payload, in bytes from the start of the segment. */
export function addressOf(words: Int32Array, block: number): number {
  return words.byteOffset + block * Int32Array.BYTES_PER_ELEMENT + HEADER_BYTES;
}

/** The block whose payload begins at an address. Not a whole number if none can begin there. */
export function blockAt(words: Int32Array, address: number): number {
  return (address - words.byteOffset - HEADER_BYTES) / Int32Array.BYTES_PER_ELEMENT;
}
