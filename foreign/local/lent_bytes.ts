/**
 * Bytes of a shard's slice that others borrow: a block of a length that is known at run time only. Its
 * header tells every thread how much of it is filled, and to whom it goes back.
 *
 * ```
 * word  0  CAPACITY  owner     bytes that it has room for, uint32
 *       1  FILLED    borrower  bytes that it holds, uint32: before it sends the block
 *       2  LENDER    borrower  the endpoint that it goes back to, plus 1; 0: it is freed when it is
 *                              disposed of. The owner writes it first
 *       3  RETURNED  whoever gives it back stores 1, and the one that it goes back to swaps 0 in
 *       4  BYTES     borrower  from here on
 * ```
 *
 * @module
 */

import { localAllocator } from "../../shard/mod.ts";

const WORD_BYTES = 4;

/** Word 0. */
export const CAPACITY_WORD = 0;
/** Word 1. */
export const FILLED_WORD: number = CAPACITY_WORD + 1;
/** Word 2. */
export const LENDER_WORD: number = FILLED_WORD + 1;
/** Word 3. */
export const RETURNED_WORD: number = LENDER_WORD + 1;
/** Bytes from the block's start to BYTES. */
export const LENT_HEADER_BYTES: number = (RETURNED_WORD + 1) * WORD_BYTES;

/** No endpoint, as LENDER says it. */
export const NO_LENDER = -1;

/**
 * A block of this shard's slice that it lends: what a `ForeignPtr` from `lend()` or `chunks()` points to.
 * Its bytes are `pointer.bytes()`, on every shard.
 */
export class LentBytes {
  /** The segment. */
  readonly #buffer: SharedArrayBuffer;
  /**
   * Where the block begins.
   * @internal
   */
  private readonly address: number;

  /** Made by the library: use `lend()`. */
  constructor(buffer: SharedArrayBuffer, address: number) {
    this.#buffer = buffer;
    this.address = address;
  }

  /** Frees the block, if it is this one's alone: one that was taken out of its pointers. */
  [Symbol.dispose](): void {
    localAllocator().free(this.address);
  }

  /** How many bytes it holds. O(1). */
  get byteLength(): number {
    return filledBytes(this.#buffer, this.address);
  }

  /**
   * The bytes: a view of the slice, good until the block is disposed of.
   *
   * @param byteLength How many, from the first; all that it holds unless given.
   * @throws {TypeError} If the length is not a number.
   * @throws {RangeError} If the block has not so many.
   */
  bytes(byteLength?: number): Uint8Array<SharedArrayBuffer> {
    return bytesOf(this.#buffer, this.address, byteLength);
  }
}

/** Writes the header of a new block, all of it to be filled. */
export function formatLent(
  buffer: SharedArrayBuffer,
  address: number,
  byteLength: number,
  lender: number,
): void {
  const header = headerOf(buffer, address);
  header[CAPACITY_WORD] = byteLength;
  header[FILLED_WORD] = byteLength;
  header[LENDER_WORD] = lender + 1;
  header[RETURNED_WORD] = 0;
}

/** How many bytes the block at `address` holds. */
export function filledBytes(buffer: SharedArrayBuffer, address: number): number {
  return headerOf(buffer, address)[FILLED_WORD]! >>> 0;
}

/** Says so. What carries the block to another shard publishes it. */
export function setFilledBytes(buffer: SharedArrayBuffer, address: number, length: number): void {
  headerOf(buffer, address)[FILLED_WORD] = length;
}

/** The first bytes of the block at `address`; all that it holds unless told how many. */
export function bytesOf(
  buffer: SharedArrayBuffer,
  address: number,
  byteLength: number = filledBytes(buffer, address),
): Uint8Array<SharedArrayBuffer> {
  if (typeof byteLength !== "number") {
    throw new TypeError(
      `Cannot view bytes of a lent block with a length of type ${typeof byteLength}: expected a number`,
    );
  }
  const capacity = headerOf(buffer, address)[CAPACITY_WORD]! >>> 0;
  if (!Number.isInteger(byteLength) || byteLength < 0 || byteLength > capacity) {
    throw new RangeError(
      `Cannot view ${byteLength} bytes of a lent block: expected a whole number from 0 to ${capacity}`,
    );
  }
  return new Uint8Array(buffer, address + LENT_HEADER_BYTES, byteLength);
}

/** The endpoint that the block goes back to, or NO_LENDER. */
export function lenderOf(words: Int32Array, address: number): number {
  return Atomics.load(words, address / WORD_BYTES + LENDER_WORD) - 1;
}

/** From now on it is freed when it is disposed of. */
export function forgetLender(words: Int32Array, address: number): void {
  Atomics.store(words, address / WORD_BYTES + LENDER_WORD, 0);
}

/** It is given back: publishes that its bytes are used no more. */
export function markReturned(words: Int32Array, address: number): void {
  Atomics.store(words, address / WORD_BYTES + RETURNED_WORD, 1);
}

/** Whether it has been given back since this was asked last. */
export function takeReturned(words: Int32Array, address: number): boolean {
  const word = address / WORD_BYTES + RETURNED_WORD;
  return Atomics.load(words, word) === 1 && Atomics.exchange(words, word, 0) === 1;
}

function headerOf(buffer: SharedArrayBuffer, address: number): Int32Array {
  return new Int32Array(buffer, address, LENT_HEADER_BYTES / WORD_BYTES);
}
