/**
 * Numbers and text out of the bytes of a message. The bytes may lie in shared memory; nothing read here
 * refers to them afterwards. Every read is checked against the end of the message.
 *
 * @module
 */

import { readLatin1, readUtf16, Utf8Reader } from "./read_text.ts";
import {
  LATIN1,
  POOLED_TEXT,
  SHORT_TEXT,
  SHORT_TEXT_LENGTH,
  UNDEFINED,
  UTF16,
  UTF8,
} from "./value_layout.ts";

/**
 * Characters of the pool that become a string at once, of which texts are cut. What is cut of one keeps all
 * of it alive, if it is longer than twelve characters.
 */
const PIECE_LENGTH = 256;

const NONE = new Uint8Array(0);
const NO_INT32S = new Int32Array(0);
const NO_FLOATS = new Float64Array(0);
const NO_INTEGERS = new BigInt64Array(0);

/** Where a message is read. */
export class ByteReader {
  /** What holds the message, from `start` to `end`. */
  bytes: Uint8Array = NONE;
  /** The same memory as int32s, float64s and int64s. */
  #int32s: Int32Array = NO_INT32S;
  #floats: Float64Array = NO_FLOATS;
  #integers: BigInt64Array = NO_INTEGERS;
  /** Where the next byte is. */
  at = 0;
  /** Behind the last byte of the message. */
  end = 0;
  #start = 0;
  readonly #utf8Reader = new Utf8Reader();
  /** Where the parts of the pool go on, and where they end. */
  #poolAt = 0;
  #poolEnd = 0;
  /** Some of a part as a string, and the characters of it that were read. */
  #piece = "";
  #pieceAt = 0;
  /** Of a part in Latin-1: where the piece begins, and where the part ends. */
  #pieceStart = 0;
  #partEnd = 0;
  /** Whether `bytes` are a segment's, which this endpoint holds on to anyway. */
  #isSegment = false;

  /** Starts a message, which lies in `bytes` from `start` to `end`. */
  restart(bytes: Uint8Array, start: number, end: number): void {
    if (((bytes.byteOffset | start) & 7) !== 0) {
      // What is aligned in the message has to be so in memory.
      return this.restart(bytes.slice(start, end), 0, end - start);
    }
    if (bytes !== this.bytes) {
      const { buffer, byteOffset, length } = bytes;
      this.bytes = bytes;
      this.#int32s = new Int32Array(buffer, byteOffset, Math.floor(length / 4));
      this.#floats = new Float64Array(buffer, byteOffset, Math.floor(length / 8));
      this.#integers = new BigInt64Array(buffer, byteOffset, Math.floor(length / 8));
      this.#isSegment = buffer instanceof SharedArrayBuffer;
    }
    this.#start = start;
    this.at = start;
    this.end = Math.min(end, bytes.length);
    this.#endPart(0, 0);
    this.#poolAt = 0;
    this.#poolEnd = 0;
  }

  /** Lets go of the message. */
  stop(): void {
    this.end = 0;
    this.#piece = "";
    if (this.#isSegment) return; // views for each message would cost more than most of them
    this.bytes = NONE;
    this.#int32s = NO_INT32S;
    this.#floats = NO_FLOATS;
    this.#integers = NO_INTEGERS;
  }

  /** Throws unless so many bytes are left. */
  need(byteLength: number): void {
    if (byteLength > this.end - this.at) {
      throw new RangeError(
        `Cannot read a message past its end: ${byteLength} bytes expected at offset ` +
          `${this.at - this.#start}, the message has ${this.end - this.#start}`,
      );
    }
  }

  /** The error for a tag or number at `at` that no writer writes. */
  bad(what: string, value: number, at: number): RangeError {
    return new RangeError(
      `Cannot read a message as it is damaged: unknown ${what} ${value} at offset ` +
        `${at - this.#start}`,
    );
  }

  /** One byte. */
  byte(): number {
    if (this.at >= this.end) this.need(1);
    return this.bytes[this.at++]!;
  }

  /** A u32. */
  u32(): number {
    return this.int32() >>> 0;
  }

  /** An integer of 32 bits. */
  int32(): number {
    if (this.at + 4 > this.end) this.need(4);
    const bytes = this.bytes;
    const at = this.at;
    this.at = at + 4;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  /** The number of things that follow, each of which takes at least `bytesEach`. */
  count(bytesEach: number): number {
    const count = this.u32();
    this.need(count * bytesEach);
    return count;
  }

  /** Goes on to the next multiple of eight. */
  align(): void {
    const padding = -this.at & 7;
    this.need(padding);
    this.at += padding;
  }

  /** The next of INTEGERS, which is known to be there. */
  runInteger(): number {
    const at = this.at;
    this.at = at + 4;
    return this.#int32s[at / 4]!;
  }

  /** The next of FLOATS, which is known to be there. */
  runFloat(): number {
    const at = this.at;
    this.at = at + 8;
    return this.#floats[at / 8]!;
  }

  /** A float64, at the next multiple of eight. */
  float(): number {
    return this.#floats[this.#eight()]!;
  }

  /** A bigint that fits 64 bits, at the next multiple of eight. */
  bigint64(): bigint {
    return this.#integers[this.#eight()]!;
  }

  /** Takes eight bytes from the next multiple of eight on; gives its index in words of eight. */
  #eight(): number {
    const padding = -this.at & 7;
    if (this.at + padding + 8 > this.end) {
      this.need(8);
      this.need(padding + 8);
    }
    const at = this.at + padding;
    this.at = at + 8;
    return at / 8; // not a shift: a segment may be larger than 2 GiB
  }

  /** Text with its tag. */
  text(): string {
    const tag = this.byte();
    return this.textAfter(tag);
  }

  /** Text with its tag, or undefined with its. */
  textOrNone(): string | undefined {
    const tag = this.byte();
    return tag === UNDEFINED ? undefined : this.textAfter(tag);
  }

  /** Text whose tag was just read. */
  textAfter(tag: number): string {
    if (tag >= SHORT_TEXT && tag <= SHORT_TEXT + SHORT_TEXT_LENGTH) {
      return this.latin1(tag - SHORT_TEXT);
    }
    switch (tag) {
      case LATIN1:
        return this.latin1(this.u32());
      case UTF8:
        return this.#utf8(this.u32());
      case UTF16:
        return this.#utf16(this.u32());
      case POOLED_TEXT:
        return this.pooledText();
    }
    throw this.bad("tag", tag, this.at - 1);
  }

  /** Latin-1 text of so many characters: one byte each. */
  latin1(length: number): string {
    this.need(length);
    const at = this.at;
    this.at = at + length;
    return readLatin1(this.bytes, at, length);
  }

  /** The message has a pool, which lies behind its values. */
  startPool(): void {
    const start = this.at;
    this.need(4);
    const end = this.end - 4;
    this.at = end;
    const byteLength = this.u32();
    if (byteLength > end - start) throw this.bad("length of the pool", byteLength, end);
    this.at = start;
    this.end = end - byteLength;
    this.#poolAt = this.end;
    this.#poolEnd = end;
  }

  /** Text that lies in the pool. */
  pooledText(): string {
    const length = this.byte();
    const from = this.#pieceAt;
    const to = from + length;
    if (to > this.#piece.length) return this.#textOfNextPiece(length);
    this.#pieceAt = to;
    return this.#piece.substring(from, to);
  }

  #textOfNextPiece(length: number): string {
    if (this.#pieceAt === this.#piece.length && this.#pieceStart + this.#pieceAt >= this.#partEnd) {
      this.#startPart(length);
    }
    const at = this.#pieceStart + this.#pieceAt;
    if (at < this.#partEnd) {
      // In Latin-1 the next piece begins wherever a text does.
      const end = Math.min(at + Math.max(PIECE_LENGTH, length), this.#partEnd);
      this.#piece = readLatin1(this.bytes, at, end - at);
      this.#pieceStart = at;
      this.#pieceAt = 0;
    }
    const from = this.#pieceAt;
    const to = from + length;
    if (to > this.#piece.length) throw this.bad("length of text", length, this.at - 1);
    this.#pieceAt = to;
    return this.#piece.substring(from, to);
  }

  #startPart(length: number): void {
    if (this.#poolAt >= this.#poolEnd) throw this.bad("length of text", length, this.at - 1);
    const { at, end } = this;
    this.at = this.#poolAt;
    this.end = this.#poolEnd;
    const tag = this.byte();
    if (tag === LATIN1) {
      const byteLength = this.u32();
      this.need(byteLength);
      this.#endPart(this.at, this.at += byteLength);
    } else if (tag === UTF8 || tag === UTF16) {
      this.#endPart(0, 0);
      this.#piece = this.textAfter(tag);
    } else throw this.bad("tag", tag, this.at - 1);
    this.#poolAt = this.at;
    this.at = at;
    this.end = end;
  }

  /** Nothing is left of a part; the next is Latin-1 text from `start` to `end`, if there is any. */
  #endPart(start: number, end: number): void {
    this.#piece = "";
    this.#pieceAt = 0;
    this.#pieceStart = start;
    this.#partEnd = end;
  }

  #utf8(byteLength: number): string {
    this.need(byteLength);
    const at = this.at;
    this.at = at + byteLength;
    return this.#utf8Reader.read(this.bytes.subarray(at, this.at));
  }

  #utf16(length: number): string {
    this.need(2 * length);
    const at = this.at;
    this.at = at + 2 * length;
    return readUtf16(this.bytes, at, this.at);
  }

  /** A length and so many bytes from the next multiple of eight, as a copy in a buffer of its own. */
  block(): Uint8Array<ArrayBuffer> {
    const length = this.u32();
    this.align();
    this.need(length);
    const at = this.at;
    this.at = at + length;
    // Made from the bytes, not filled with them after: so the memory is not cleared first.
    return new Uint8Array(this.bytes.subarray(at, at + length));
  }
}
