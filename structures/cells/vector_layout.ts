import { headerBytes, WORD_BYTES } from "../header/mod.ts";
/**
 * Where the words of a SharedVector lie, behind the header that every structure has, and which of its pieces
 * an element is in.
 *
 * ```
 * word     0     LENGTH       owner    elements that there are; -1 when the vector is disposed of
 *         32     PIECES       owner    addresses of the first 16 pieces, two words each, the low one first
 *         64     DIRECTORIES  owner    the same of 64 directories, each with the addresses of 512 further pieces
 * ```
 *
 * Pieces never move. The first two have some 1 KiB each, and each later one as much as all before it,
 * up to 64 KiB: a short vector is small, a long one in few pieces.
 *
 * @module
 */

/** Words from LENGTH to PIECES: a line. */
export const PIECES_WORD = 32;
/** Pieces whose addresses are in the vector's first block. */
export const FIRST_PIECES = 16;
/** Words of an address. */
export const ADDRESS_WORDS = 2;
/** Words from LENGTH to DIRECTORIES. */
export const DIRECTORIES_WORD: number = PIECES_WORD + FIRST_PIECES * ADDRESS_WORDS;
/** How many directories there may be. */
export const DIRECTORIES = 64;
/** Pieces of a directory. */
export const DIRECTORY_PIECES = 512;
/** Bytes of a directory. */
export const DIRECTORY_BYTES: number = DIRECTORY_PIECES * ADDRESS_WORDS * WORD_BYTES;
/** Pieces of the longest vector. */
export const MOST_PIECES: number = FIRST_PIECES + DIRECTORIES * DIRECTORY_PIECES;

const FIRST_PIECE_BYTES = 1024;
const LAST_PIECE_BYTES = 65_536;
/** As many elements as LENGTH can count. */
const MOST_ELEMENTS = 2 ** 31 - 1;

/** Bytes of the first block of a vector, for so many endpoints. */
export function vectorBytes(endpointCount: number): number {
  return headerBytes(endpointCount) +
    (DIRECTORIES_WORD + DIRECTORIES * ADDRESS_WORDS) * WORD_BYTES;
}

/** How elements of some size are divided into pieces. All numbers are whole, and lengths powers of two. */
export class VectorShape {
  /** Bits of an index within the first piece, and within the last ones. */
  readonly #firstBits: number;
  readonly #lastBits: number;
  /** How many pieces there are up to the first one of the largest size. */
  readonly #growing: number;
  /** Elements that there may be. */
  readonly mostElements: number;

  constructor(elementBytes: number) {
    this.#firstBits = bitsOf(FIRST_PIECE_BYTES / elementBytes);
    this.#lastBits = bitsOf(LAST_PIECE_BYTES / elementBytes);
    this.#growing = this.#lastBits - this.#firstBits + 1;
    this.mostElements = Math.min(MOST_ELEMENTS, this.start(MOST_PIECES));
  }

  /** The piece that an element is in. */
  pieceOf(index: number): number {
    if (index >>> this.#lastBits >= 2) return this.#growing - 1 + (index >>> this.#lastBits);
    return 32 - Math.clz32(index >>> this.#firstBits);
  }

  /** The first element of a piece. */
  start(piece: number): number {
    if (piece === 0) return 0;
    if (piece <= this.#growing) return 2 ** (this.#firstBits + piece - 1);
    return (piece - this.#growing + 1) * 2 ** this.#lastBits;
  }

  /** Elements of a piece. */
  lengthOf(piece: number): number {
    return this.start(piece + 1) - this.start(piece);
  }
}

/** The most bits whose numbers there are `count` of. */
function bitsOf(count: number): number {
  return count < 2 ? 0 : 31 - Math.clz32(count);
}
