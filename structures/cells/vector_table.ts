/**
 * An array that grows under its readers, after Dechev, Pirkelbauer and Stroustrup, "Lock-free dynamically
 * resizable arrays" (OPODIS 2006): pieces that never move, found by a directory. With one writer it takes no
 * more than one store: the length, behind all that it makes visible.
 *
 * Nothing here waits: the table takes its view as an argument, so that the model checker runs this very code.
 *
 * @module
 */

import { WORD_BYTES } from "../header/mod.ts";
import {
  ADDRESS_WORDS,
  DIRECTORIES_WORD,
  DIRECTORY_PIECES,
  FIRST_PIECES,
  PIECES_WORD,
} from "./vector_layout.ts";

/** LENGTH of a vector that is disposed of. */
export const GONE = -1;

/** The length of a vector and the addresses of its pieces. */
export class VectorTable {
  readonly #words: Int32Array;
  readonly #lengthWord: number = 0;

  constructor(words: Int32Array, lengthWord: number) {
    this.#words = words;
    this.#lengthWord = lengthWord;
  }

  /** How many elements there are, or GONE. Orders the reads of these behind what `publish()` stored. */
  load(): number {
    return Atomics.load(this.#words, this.#lengthWord);
  }

  /** There are `length` elements now, all of them written, and their pieces in the table. Owner only. */
  publish(length: number): void {
    Atomics.store(this.#words, this.#lengthWord, length);
  }

  /** The vector is disposed of. Owner only. */
  end(): void {
    Atomics.store(this.#words, this.#lengthWord, GONE);
  }

  /** The address of a piece, plainly: of one that has an element below a length that was loaded. */
  piece(piece: number): number {
    return this.#address(this.#pieceWord(piece));
  }

  /** Puts a piece into the table, behind the last one. Owner only. */
  setPiece(piece: number, address: number): void {
    this.#setAddress(this.#pieceWord(piece), address);
  }

  /** The number of the directory that a piece needs and that is not there yet; -1 if there is none. Owner only. */
  missingDirectory(piece: number): number {
    if (piece < FIRST_PIECES) return -1;
    const directory = Math.floor((piece - FIRST_PIECES) / DIRECTORY_PIECES);
    return this.#address(this.#directoryWord(directory)) === 0 ? directory : -1;
  }

  /** The address of a directory; 0 if it is not there. */
  directory(directory: number): number {
    return this.#address(this.#directoryWord(directory));
  }

  /** Puts a directory into the table. Owner only. */
  setDirectory(directory: number, address: number): void {
    this.#setAddress(this.#directoryWord(directory), address);
  }

  #pieceWord(piece: number): number {
    if (piece < FIRST_PIECES) return this.#lengthWord + PIECES_WORD + piece * ADDRESS_WORDS;
    const further = piece - FIRST_PIECES;
    const address = this.#address(this.#directoryWord(Math.floor(further / DIRECTORY_PIECES)));
    return address / WORD_BYTES + (further % DIRECTORY_PIECES) * ADDRESS_WORDS;
  }

  #directoryWord(directory: number): number {
    return this.#lengthWord + DIRECTORIES_WORD + directory * ADDRESS_WORDS;
  }

  #address(word: number): number {
    return (this.#words[word]! >>> 0) + this.#words[word + 1]! * 2 ** 32;
  }

  #setAddress(word: number, address: number): void {
    this.#words[word] = address | 0;
    this.#words[word + 1] = Math.floor(address / 2 ** 32);
  }
}
