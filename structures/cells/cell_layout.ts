import { headerBytes, LINE_BYTES, WORD_BYTES } from "../header/mod.ts";
/**
 * Where the words of a SeqCell lie, behind the header that every structure has.
 *
 * ```
 * byte     0..3     CURRENT        owner    the slot whose value is the newest; -1 when the cell is disposed of
 *          4..7     WAITING        readers store 1 before they wait for the next value; the owner stores 0
 *        128..      ANNOUNCED      readers  64 bytes each endpoint, the first word of which says which slot it
 *                                           may be reading: 1 + slot
 *          …        SLOTS          owner    as many as endpoints, and 2: a count of the values so far, of two
 *                                           words, the low one first, and the struct; each at a multiple of
 *                                           64 bytes
 * ```
 *
 * @module
 */

/** Readers' words and slots begin at multiples of this: what a processor fetches. */
const PART_BYTES = 64;

/** Bytes from CURRENT to WAITING. */
export const WAITING_BYTES: number = WORD_BYTES;
/** Bytes from CURRENT to ANNOUNCED. */
export const ANNOUNCED_BYTES: number = LINE_BYTES;
/** Words from the word of one endpoint to that of the next. */
export const ANNOUNCED_STRIDE_WORDS: number = PART_BYTES / WORD_BYTES;
/** Bytes from a slot's start to its struct. */
export const VALUE_BYTES = 8;
/** CURRENT of a cell that is disposed of. */
export const GONE = -1;

/** Offsets of a cell for so many endpoints. */
export class CellLayout {
  /** Bytes from the cell's start to CURRENT. */
  readonly currentBytes: number;
  /** Bytes from the cell's start to SLOTS. */
  readonly slotsBytes: number;
  /** Bytes of a slot. */
  readonly slotBytes: number;
  /** Slots: each endpoint may be reading one, one is the newest, and one is left to write. */
  readonly slotCount: number;
  /** Bytes of the cell. */
  readonly byteLength: number;

  constructor(endpointCount: number, valueBytes: number) {
    this.currentBytes = headerBytes(endpointCount);
    this.slotsBytes = this.currentBytes + ANNOUNCED_BYTES + endpointCount * PART_BYTES;
    this.slotBytes = Math.ceil((VALUE_BYTES + valueBytes) / PART_BYTES) * PART_BYTES;
    this.slotCount = endpointCount + 2;
    this.byteLength = this.slotsBytes + this.slotCount * this.slotBytes;
  }
}
