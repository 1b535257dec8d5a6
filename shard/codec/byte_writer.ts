/**
 * Numbers and text into one growing scratch. Most goes byte by byte: a DataView costs a call wherever
 * code has seen many kinds of values. A float64 is one store at a multiple of eight: its bytes one by one
 * take twice as long.
 *
 * @module
 */

import {
  BIGINT,
  BIGINT64,
  FLOAT64,
  INT32,
  LATIN1,
  PART_LENGTH,
  POOLED_LENGTH,
  POOLED_TEXT,
  SHORT_TEXT,
  SMALL_INTEGER,
  UTF16,
  UTF8,
} from "./value_layout.ts";

const FIRST_BYTES = 4096;
/** A scratch above this size is given back once messages are small again. */
const KEPT_BYTES = 1 << 20;
/** So many bytes are copied one by one: set() is a call of 60 ns. */
const LOOP_BYTES = 48;
/**
 * Longer text goes through TextEncoder, which takes 0.2 µs and then much less a character; here one takes 2
 * to 4 ns.
 */
const LOOP_TEXT_LENGTH = 48;
/** So many characters of a message are written one by one; so the pool, 1 µs in all, has to pay. */
const LOOP_CHARACTERS = 192;
const MAX_SMALL_INTEGER = 0x7f;
const MAX_U32 = 2 ** 32 - 1;

/** How long a message may be. */
export interface LengthLimit {
  /** Its most bytes. */
  readonly maxBytes: number;
  /** What to throw of one that would be longer: it has come to so many bytes. */
  readonly tooLong: (byteLength: number) => Error;
  /** Whether a field of an error that would make it longer is left out instead. */
  readonly leavesFieldsOut?: boolean;
}

interface Scratch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly int32s: Int32Array;
  readonly floats: Float64Array;
  readonly integers: BigInt64Array;
}

function scratchOf(byteLength: number): Scratch {
  const bytes = new Uint8Array(byteLength);
  const eights = Math.floor(byteLength / 8);
  return {
    bytes,
    int32s: new Int32Array(bytes.buffer, 0, 2 * eights),
    floats: new Float64Array(bytes.buffer, 0, eights),
    integers: new BigInt64Array(bytes.buffer, 0, eights),
  };
}

/** Where a message is written. */
export class ByteWriter {
  /** The scratch; another one after it grew. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Where the next byte goes. */
  at = 0;
  /** Whether the message has come to more than its limit. */
  isTooLong = false;
  /** The same memory as int32s, float64s and int64s. */
  #int32s: Int32Array;
  #floats: Float64Array;
  #integers: BigInt64Array;
  readonly #encoder = new TextEncoder();
  /** Text that is written behind the values: the part that grows, those before it, characters of all. */
  #part = "";
  #parts: string[] = [];
  #pooledLength = 0;
  /** Whether text may go there. */
  #pools = true;
  /** Characters that may still be written one by one. */
  #loopCharacters = LOOP_CHARACTERS;
  readonly #limit: LengthLimit;

  constructor(limit: LengthLimit) {
    this.#limit = limit;
    const { bytes, int32s, floats, integers } = scratchOf(Math.min(FIRST_BYTES, limit.maxBytes));
    this.bytes = bytes;
    this.#int32s = int32s;
    this.#floats = floats;
    this.#integers = integers;
  }

  #use({ bytes, int32s, floats, integers }: Scratch): void {
    this.bytes = bytes;
    this.#int32s = int32s;
    this.#floats = floats;
    this.#integers = integers;
  }

  /** Starts a message. */
  restart(): void {
    // A scratch that the last message used a fraction of was made for an exception.
    if (this.bytes.length > KEPT_BYTES && this.at < this.bytes.length >>> 2) {
      this.#use(scratchOf(KEPT_BYTES));
    }
    this.back(0);
    this.#loopCharacters = LOOP_CHARACTERS;
    this.#pools = true;
    this.forgetTexts();
  }

  /** Goes back to `at`, as if nothing had been written since. */
  back(at: number): void {
    this.at = at;
    this.isTooLong = false;
  }

  /** Makes room for `byteLength` bytes more. */
  reserve(byteLength: number): void {
    if (this.at + byteLength > this.bytes.length) this.#grow(this.at + byteLength);
  }

  /** The same if that many are allowed: fewer may do. */
  #makeRoom(byteLength: number): void {
    if (this.at + byteLength <= this.#limit.maxBytes) this.reserve(byteLength);
  }

  #grow(leastBytes: number): void {
    const { maxBytes, tooLong } = this.#limit;
    if (leastBytes > maxBytes) {
      this.isTooLong = true;
      throw tooLong(leastBytes);
    }
    const wanted = Math.max(this.bytes.length * 2, leastBytes);
    const grown = scratchOf(Math.min(wanted, maxBytes));
    grown.bytes.set(this.bytes.subarray(0, this.at));
    this.#use(grown);
  }

  /** One byte. */
  byte(value: number): void {
    if (this.at === this.bytes.length) this.#grow(this.at + 1);
    this.bytes[this.at++] = value;
  }

  /** A u32; returns where it lies. */
  u32(value: number): number {
    this.reserve(4);
    const at = this.at;
    this.at = at + 4;
    this.putU32(at, value);
    return at;
  }

  /** Writes a u32 where one was written before. */
  putU32(at: number, value: number): void {
    const bytes = this.bytes;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  /** A float64, at the next multiple of eight. */
  float(value: number): void {
    const index = this.#eight();
    this.#floats[index] = value;
  }

  /** Room for eight bytes from the next multiple of eight on; its index in words of eight. */
  #eight(): number {
    const padding = -this.at & 7;
    this.reserve(padding + 8);
    const at = this.at + padding;
    this.at = at + 8;
    return at / 8; // not a shift: a message may be longer than 2 GiB
  }

  /** The tag of numbers without tags of their own; returns where their count is to be put. */
  startRun(tag: number): number {
    this.byte(tag);
    const countAt = this.u32(0);
    this.align();
    return countAt;
  }

  /** The next of INTEGERS. */
  runInteger(value: number): void {
    this.reserve(4);
    this.#int32s[this.at / 4] = value;
    this.at += 4;
  }

  /** The next of FLOATS. */
  runFloat(value: number): void {
    this.reserve(8);
    this.#floats[this.at / 8] = value;
    this.at += 8;
  }

  /** Zeros up to the next multiple of eight. */
  align(): void {
    const padding = -this.at & 7;
    this.reserve(padding);
    const end = this.at + padding;
    while (this.at < end) this.bytes[this.at++] = 0;
  }

  /** A number with its tag. */
  number(value: number): void {
    if (!isInt32(value)) {
      this.byte(FLOAT64);
      this.float(value);
    } else if (value >= 0 && value <= MAX_SMALL_INTEGER) {
      this.byte(SMALL_INTEGER | value);
    } else {
      this.reserve(5);
      const at = this.at;
      this.bytes[at] = INT32;
      this.putU32(at + 1, value);
      this.at = at + 5;
    }
  }

  /** A bigint with its tag. */
  bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) {
      this.byte(BIGINT64);
      const index = this.#eight();
      this.#integers[index] = value;
    } else {
      this.byte(BIGINT);
      this.text(value.toString(16));
    }
  }

  /** Text with its tag, every code unit kept. */
  text(value: string): void {
    const length = value.length;
    if (length <= LOOP_TEXT_LENGTH && length <= this.#loopCharacters) {
      this.#shortText(value, length);
    } else if (length <= POOLED_LENGTH && this.#pools) this.#pooledText(value, length);
    else this.#longText(value);
  }

  /** The same, never in the pool. */
  wholeText(value: string): void {
    const length = value.length;
    if (length <= LOOP_TEXT_LENGTH) this.#shortText(value, length);
    else this.#longText(value);
  }

  #shortText(value: string, length: number): void {
    this.#loopCharacters -= length;
    const start = this.at;
    this.reserve(1 + length);
    const bytes = this.bytes;
    let at = start + 1;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0xff) return this.#utf16(value);
      bytes[at++] = code;
    }
    // Invariant: LOOP_TEXT_LENGTH is at most SHORT_TEXT_LENGTH.
    bytes[start] = SHORT_TEXT | length;
    this.at = at;
  }

  /** To append text takes 10 ns: the engine only notes what is appended to what. */
  #pooledText(value: string, length: number): void {
    this.reserve(2);
    const at = this.at;
    this.bytes[at] = POOLED_TEXT;
    this.bytes[at + 1] = length;
    this.at = at + 2;
    if (this.#part.length + length > PART_LENGTH) this.#endPart();
    this.#part += value;
  }

  #endPart(): void {
    this.#parts.push(this.#part);
    this.#pooledLength += this.#part.length;
    this.#part = "";
    const leastBytes = this.at + this.#pooledLength;
    if (leastBytes > this.#limit.maxBytes) this.#grow(leastBytes);
  }

  /** Text goes where it is from now on, unless `pools`; whether it did not so far. */
  setPools(pools: boolean): boolean {
    const before = this.#pools;
    this.#pools = pools;
    return before;
  }

  /** Writes what is to lie behind the values; false if there is nothing. */
  pooledTexts(): boolean {
    if (this.#part === "") return false;
    const start = this.at;
    const parts = this.#parts;
    for (let i = 0; i < parts.length; i++) this.#longText(parts[i]!);
    this.#longText(this.#part);
    this.u32(this.at - start);
    return true;
  }

  /** Lets go of it. */
  forgetTexts(): void {
    this.#part = "";
    this.#pooledLength = 0;
    if (this.#parts.length > 0) this.#parts = [];
  }

  #longText(value: string): void {
    // UTF-8 has no lone surrogates: TextEncoder would replace them.
    if (!value.isWellFormed()) return this.#utf16(value);
    const start = this.at;
    this.reserve(5 + value.length);
    this.at = start + 5;
    let rest = value;
    while (true) {
      const { read, written } = this.#encoder.encodeInto(rest, this.bytes.subarray(this.at));
      this.at += written;
      if (read === rest.length) break;
      // Not one more character fits, which takes up to four bytes: too long, unless the scratch can grow.
      this.reserve(read === 0 ? 4 : rest.length - read);
      rest = rest.slice(read);
      this.#makeRoom(3 * rest.length);
    }
    const byteLength = this.at - start - 5;
    // As many bytes as characters: ASCII, of which Latin-1 is the faster to read.
    this.bytes[start] = byteLength === value.length ? LATIN1 : UTF8;
    this.putU32(start + 1, byteLength);
  }

  #utf16(value: string): void {
    const length = value.length;
    this.reserve(5 + 2 * length);
    this.byte(UTF16);
    this.u32(length);
    const bytes = this.bytes;
    let at = this.at;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      bytes[at++] = code;
      bytes[at++] = code >>> 8;
    }
    this.at = at;
  }

  /**
   * A length, which must fit 32 bits, and so many bytes, which begin at a multiple of eight. The
   * scratch and the block in the segment are aligned so too, and a copy between shared and other
   * memory goes a word at a time only if both ends are aligned alike: 64 KiB take 1.3 µs, else 9.
   */
  block(source: Uint8Array): void {
    const length = source.length;
    if (length > MAX_U32) {
      throw new RangeError(
        `Cannot send ${length} bytes in one block: a block holds at most ${MAX_U32}`,
      );
    }
    this.reserve(4 + 7 + length);
    this.u32(length);
    this.align();
    this.bytes.set(source, this.at);
    this.at += length;
  }

  /** A few bytes, as they are. */
  fewBytes(source: Uint8Array): void {
    const length = source.length;
    this.reserve(length);
    const bytes = this.bytes;
    const at = this.at;
    if (length > LOOP_BYTES) bytes.set(source, at);
    else for (let i = 0; i < length; i++) bytes[at + i] = source[i]!;
    this.at = at + length;
  }
}

/** Whether it is an integer of 32 bits. -0 is one by value alone: a float64 keeps its sign. */
export function isInt32(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0);
}
