/**
 * What a connection is about to send: one block of its shard's slice, which grows as far as one
 * response needs and is freed once it is sent. An idle connection has none.
 *
 * @module
 */

import type { Allocator } from "@tidepool/core";
import { OutOfMemoryError } from "./out_of_memory.ts";

const FIRST_BYTES = 2048;
/** From so many bytes on it pays to have both ends of a copy lie alike within their eight bytes. */
const ALIGNED_BYTES = 256;
/** So many bytes in front of them are moved for it at most. */
const MOVED_BYTES = 512;
const ZERO = 48;
const encoder = new TextEncoder();

/** The bytes of a text of the protocols, which are ASCII. */
export function ascii(text: string): Uint8Array {
  return encoder.encode(text);
}

/** A response, or several, on their way into a socket. */
export class Output {
  /** Bytes that wait to be sent. */
  length = 0;
  readonly #allocator: Allocator;
  readonly #bytes: Uint8Array;
  /** The block; 0 while there is none. */
  #address = 0;
  #capacity = 0;
  /** Unused bytes at the start of the block: see `copy()`. */
  #skipped = 0;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
    this.#bytes = allocator.bytes(0, allocator.buffer.byteLength);
  }

  /** What waits, from its `start`-th byte on: valid until more is written. */
  view(start: number): Uint8Array {
    const first = this.#address + this.#skipped;
    return this.#bytes.subarray(first + start, first + this.length);
  }

  /** Forgets what was sent, and frees the block. */
  clear(): void {
    this.#allocator.free(this.#address);
    this.#address = 0;
    this.#capacity = 0;
    this.#skipped = 0;
    this.length = 0;
  }

  /** Forgets what was written after `length` was so much. */
  truncate(length: number): void {
    this.length = length;
  }

  /** Adds bytes of the protocol. */
  write(bytes: Uint8Array): void {
    const at = this.#take(bytes.length);
    if (bytes.length > 64) this.#bytes.set(bytes, at);
    else for (let i = 0; i < bytes.length; i++) this.#bytes[at + i] = bytes[i]!;
  }

  /** Adds text of the protocol. */
  text(text: string): void {
    const at = this.#take(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[at + i] = text.charCodeAt(i);
  }

  /**
   * Adds bytes of the segment. A long value goes a word at a time, ten times as fast, if both ends lie
   * alike; so the few bytes in front of it move to where that is so.
   */
  copy(address: number, length: number): void {
    if (length >= ALIGNED_BYTES && this.length <= MOVED_BYTES && this.#skipped === 0) {
      this.#skip((address - this.#address - this.length) & 7);
    }
    const at = this.#take(length);
    if (length > 64) this.#bytes.copyWithin(at, address, address + length);
    else for (let i = 0; i < length; i++) this.#bytes[at + i] = this.#bytes[address + i]!;
  }

  /** Adds one byte. */
  byte(byte: number): void {
    const at = this.#take(1);
    this.#bytes[at] = byte;
  }

  /** Adds a whole number from 0 on in decimal digits. */
  decimal(number: number): void {
    let digits = 1;
    for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    let at = this.#take(digits) + digits;
    for (let rest = number; digits > 0; digits--) {
      const tenth = Math.floor(rest / 10);
      this.#bytes[--at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
  }

  /** Adds an unsigned number of 1, 2 or 4 bytes, the highest byte first. */
  unsigned(number: number, byteLength: number): void {
    const at = this.#take(byteLength);
    for (let i = 0; i < byteLength; i++) {
      this.#bytes[at + i] = number >>> (8 * (byteLength - 1 - i));
    }
  }

  /** Leaves so many bytes free at the start of the block. */
  #skip(byteLength: number): void {
    if (byteLength === 0) return;
    if (byteLength + this.length > this.#capacity) this.#grow(byteLength + this.length);
    const first = this.#address;
    this.#bytes.copyWithin(first + byteLength, first, first + this.length);
    this.#skipped = byteLength;
  }

  /** Room for so many bytes behind what is there; its address. */
  #take(byteLength: number): number {
    const start = this.#skipped + this.length;
    if (start + byteLength > this.#capacity) this.#grow(start + byteLength);
    this.length += byteLength;
    return this.#address + start;
  }

  #grow(needed: number): void {
    let capacity = Math.max(this.#capacity, FIRST_BYTES);
    while (capacity < needed) capacity *= 2;
    const address = this.#allocator.realloc(this.#address, capacity);
    if (address === 0) throw new OutOfMemoryError("send a response", capacity);
    this.#address = address;
    this.#capacity = capacity;
  }
}
