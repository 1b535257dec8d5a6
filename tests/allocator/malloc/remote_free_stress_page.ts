/**
 * Descriptor of the page by which the stress test hands addresses to a freeing thread.
 *
 * ```text
 *  word  content                                     writer          reader
 *  ----  ------------------------------------------  --------------  --------------
 *  0     state: 0 empty, FULL, STOP                  both (atomic)   both (atomic)
 *  1..   addresses, valid while the state is FULL    owner           freeing thread
 * ```
 */
export const STATE_WORD = 0;
export const PAGE_WORDS = 256;
export const PAGE_BYTES = PAGE_WORDS * Int32Array.BYTES_PER_ELEMENT;
export const FULL = 1;
export const STOP = 2;
