/**
 * What a connection is about to send: one block of its shard's slice, which grows as far as one
 * response needs and is given back once it is sent. An idle connection has none.
 *
 * @module
 */

import type { Allocator } from "@tidepool/core";
import { OutOfMemoryError } from "./out_of_memory.ts";

/** Room for what nearly every response is: a value that another shard puts here, too. */
const BLOCK_BYTES = 4600;
/** Blocks that a shard keeps for the next responses: to allocate one for each costs more. */
const MOST_SPARE = 8;
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

/** Blocks of one shard for responses. */
export class OutputBlocks {
  readonly allocator: Allocator;
  readonly #spare: number[] = [];

  constructor(allocator: Allocator) {
    this.allocator = allocator;
  }

  /** Bytes of the blocks that are kept. */
  get spareBytes(): number {
    return this.#spare.length * BLOCK_BYTES;
  }

  /** A block of BLOCK_BYTES; 0 if there is no memory. */
  take(): number {
    return this.#spare.pop() ?? this.allocator.malloc(BLOCK_BYTES);
  }

  /** Takes such a block back. */
  give(address: number): void {
    if (this.#spare.length < MOST_SPARE) this.#spare.push(address);
    else this.allocator.free(address);
  }

  /** Frees what is kept. */
  [Symbol.dispose](): void {
    for (const address of this.#spare.splice(0)) this.allocator.free(address);
  }
}

/** A response, or several, on their way into a socket. */
export class Output {
  /** Bytes that wait to be sent. */
  length = 0;
  readonly #blocks: OutputBlocks;
  readonly #bytes: Uint8Array;
  /** The block; 0 while there is none. */
  #address = 0;
  #capacity = 0;
  /** Unused bytes at the start of the block: see `copy()`. */
  #skipped = 0;

  constructor(blocks: OutputBlocks) {
    const { allocator } = blocks;
    this.#blocks = blocks;
    this.#bytes = allocator.bytes(0, allocator.buffer.byteLength);
  }

  /** What waits, from its `start`-th byte on: valid until more is written. */
  view(start: number): Uint8Array {
    const first = this.#address + this.#skipped;
    return this.#bytes.subarray(first + start, first + this.length);
  }

  /** Forgets what was sent, and gives the block back. */
  clear(): void {
    if (this.#capacity === BLOCK_BYTES) this.#blocks.give(this.#address);
    else this.#blocks.allocator.free(this.#address);
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
   * Room for a value of up to `byteLength` bytes that another shard is to put here, `headBytes` or
   * more behind what waits: `copy()` adds it. Nothing must be added before it is there. Its address,
   * or 0 without memory.
   */
  offer(headBytes: number, byteLength: number): number {
    const start = this.#skipped + this.length + headBytes + 7; // 7: see #skip()
    const needed = start + byteLength;
    if (needed > this.#capacity && !this.#resize(needed)) return 0;
    return this.#address + start;
  }

  /**
   * Adds bytes of the segment. What waits, if it is little, moves in front of a value that was put
   * where it was offered. Other long values go a word at a time, ten times as fast, if both ends lie
   * alike, so it moves to where that is so.
   */
  copy(address: number, length: number): void {
    if (this.length <= MOVED_BYTES && this.#skipped === 0) {
      const gap = address - this.#address - this.length;
      if (gap >= 0 && gap + this.length < this.#capacity) this.#skip(gap);
      else if (length >= ALIGNED_BYTES) this.#skip(gap & 7);
    }
    const at = this.#take(length);
    if (at === address) return;
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
    let capacity = Math.max(this.#capacity, BLOCK_BYTES);
    while (capacity < needed) capacity *= 2;
    if (!this.#resize(capacity)) throw new OutOfMemoryError("send a response", capacity);
  }

  /** Makes the block `byteLength` long, or BLOCK_BYTES if that is more; false if there is no memory. */
  #resize(byteLength: number): boolean {
    const capacity = Math.max(byteLength, BLOCK_BYTES);
    const address = capacity === BLOCK_BYTES
      ? this.#blocks.take()
      : this.#blocks.allocator.realloc(this.#address, capacity);
    if (address === 0) return false;
    this.#address = address;
    this.#capacity = capacity;
    return true;
  }
}
