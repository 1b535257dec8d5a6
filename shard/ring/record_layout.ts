/**
 * One record of the bus: 64 bytes, one cache line, the same for a request and for its reply.
 *
 * ```
 * word  0      KIND   bits 0-7 kind, 8-15 number of values, 16-23 flags
 *       1      CALL   the caller's number for the call; the reply carries it back
 *       2      TASK   the caller's number for the task (requests only)
 *       3      TAGS   four bits a value: how it lies in the cells
 *       4..15  CELLS  six cells of 8 bytes; a value takes none, one, or several in a row
 * ```
 *
 * Values that do not fit are written by the value codec into a block of the sender's slice; then
 * OUT_OF_LINE is set, cell 0 holds the block's address as a float64, word 6 its bytes in use, and TAGS
 * says what the bytes are.
 *
 * @module
 */

/** Word 0: kind, number of values, flags. */
export const KIND_WORD = 0;
/** Word 1: the call that the record belongs to. */
export const CALL_WORD: number = KIND_WORD + 1;
/** Word 2: which task a request wants run. */
export const TASK_WORD: number = CALL_WORD + 1;
/** Word 2 of a KIND_GRANT: how many calls without reply give their credit back besides. */
export const DETACHED_WORD: number = TASK_WORD;
/** Word 3: the tags of the values. */
export const TAGS_WORD: number = TASK_WORD + 1;
/** Word 4: where the cells begin; a multiple of two, so that a cell is 8-byte aligned. */
export const CELLS_WORD: number = TAGS_WORD + 1;
/** Cells of a record, 8 bytes each. */
export const CELL_COUNT = 6;
/** The most values that tags can describe. */
export const INLINE_VALUES = 8;
/** Word 6: bytes in use of the block that an OUT_OF_LINE record names in cell 0. */
export const BLOCK_LENGTH_WORD: number = CELLS_WORD + 2;

/** Int32 words of a record. */
export const RECORD_WORDS: number = CELLS_WORD + 2 * CELL_COUNT;
/** Bytes of a record. */
export const RECORD_BYTES: number = RECORD_WORDS * 4;

/** Run a task. */
export const KIND_REQUEST = 1;
/** A task's result. */
export const KIND_RESULT = 2;
/** What a task threw. */
export const KIND_ERROR = 3;
/** The same as packed bytes in a parcel, where there was no other way: see error_packer.ts. */
export const KIND_PACKED_ERROR = 4;
/** CALL messages that get no reply are over; no values. */
export const KIND_ACK = 5;
/** The sender's calls wait for credit, and others wait for it: it wants back what it can get. */
export const KIND_ASK = 6;
/** CALL calls run on and give their credit back: their replies will be LATE. */
export const KIND_GRANT = 7;
/** The caller has given CALL up: the value says why, as a text, or packed in a parcel. */
export const KIND_CANCEL = 8;
/** The value went wrong where nobody waits: the receiver tells its program. */
export const KIND_WARNING = 9;

/** The values lie in a block of the sender's slice. */
export const FLAG_OUT_OF_LINE = 1 << 16;
/** The first two values are the URL and the key that TASK stands for from now on. */
export const FLAG_INTRODUCES = 1 << 17;

/** The caller may give the call up, and its callee wants to know. */
export const FLAG_CANCELLABLE = 1 << 18;
/** The caller wants no reply: it gets its credit back by a KIND_ACK. */
export const FLAG_NO_REPLY = 1 << 19;
/** Some value is a parcel, see parcels.ts. */
export const FLAG_PARCELS = 1 << 20;

/** The reply of a call that has given its credit back: it comes on credit of its own sender's. */
export const FLAG_LATE = 1 << 21;

/** The reply's values lie in the block of its request, which is its reader's own. */
export const FLAG_IN_REQUEST = 1 << 22;

/** No cell: `undefined`. */
export const TAG_UNDEFINED = 0;
/** No cell: `null`. */
export const TAG_NULL = 1;
/** No cell: `false`. */
export const TAG_FALSE = 2;
/** No cell: `true`. */
export const TAG_TRUE = 3;
/** One cell: a float64. Addresses are numbers. */
export const TAG_NUMBER = 4;
/** One cell: an int64. */
export const TAG_BIGINT = 5;
/** One int32 of length, then one byte a character, rounded up to whole cells. */
export const TAG_LATIN1 = 6;
/** One int32 naming the wire type, then its words, rounded up to whole cells. */
export const TAG_WIRE = 7;

/** TAGS of an OUT_OF_LINE record: the block holds what the value codec wrote. */
export const BLOCK_VALUES = 0;
/** The same: the block holds the characters of one text, a byte each. */
export const BLOCK_ASCII = 1;
/** The same: the block holds one text in UTF-8. */
export const BLOCK_UTF8 = 2;
/** The same: the block holds the bytes of one Uint8Array. */
export const BLOCK_BYTES = 3;

/** Word 0 of a record. */
export function kindWord(kind: number, valueCount: number, flags: number): number {
  return kind | (valueCount << 8) | flags;
}
/** The kind in word 0. */
export function kindOf(word: number): number {
  return word & 0xff;
}
/** The number of values in word 0. */
export function valueCountOf(word: number): number {
  return (word >>> 8) & 0xff;
}
