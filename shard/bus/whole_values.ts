/**
 * A text or an array of bytes that is the one value of its message: it is written straight into the
 * message's block and read straight out of it, without the value codec, its scratch and a copy.
 *
 * @module
 */

import type { Allocator } from "../../allocator/mod.ts";
import {
  BLOCK_ASCII,
  BLOCK_BYTES,
  BLOCK_LENGTH_WORD,
  BLOCK_UTF8,
  BLOCK_VALUES,
  CELLS_WORD,
  FLAG_OUT_OF_LINE,
  KIND_WORD,
  TAGS_WORD,
} from "../ring/mod.ts";
import { readLatin1, Utf8Reader } from "../codec/mod.ts";
import { INLINE_CHARACTERS, type RecordViews } from "./inline_codec.ts";

/** Memory that a value may be written into instead of a new block. */
export interface Room {
  /** Where it begins. */
  readonly address: number;
  /** How much there is. */
  readonly byteLength: number;
}

/** None. */
export const NO_ROOM: Room = { address: 0, byteLength: 0 };

/** What `tryWrite()` gives for other values. */
export const NOT_WHOLE = -1;

/** The most bytes that UTF-8 takes for a code unit. */
const UTF8_BYTES = 3;

/**
 * A getter of typed arrays, which a field of the same name does not replace: a length that is not the
 * true one would have bytes written behind the block.
 */
function getterOf<Value>(key: string): (this: Uint8Array) => Value {
  const prototype: object = Object.getPrototypeOf(Uint8Array.prototype);
  return Object.getOwnPropertyDescriptor(prototype, key)!.get!;
}

const lengthOf = getterOf<number>("length");
const bufferOf = getterOf<ArrayBufferLike>("buffer");

/** Writes and reads the values of one endpoint. */
export class WholeValues {
  readonly #allocator: Allocator;
  readonly #segment: Uint8Array;
  readonly #encoder = new TextEncoder();
  readonly #utf8Reader = new Utf8Reader();
  /** Of what was written last. */
  #address = 0;
  #byteLength = 0;
  #how = BLOCK_VALUES;

  constructor(allocator: Allocator, segment: Uint8Array) {
    this.#allocator = allocator;
    this.#segment = segment;
  }

  /** Bytes of what was written last, or of what there was no memory for. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * The address of a block with `value` in it, a new one unless it fits `room`; 0 if there is no memory,
   * NOT_WHOLE if it does not travel this way. Runs no code of the value's, but reclaimers inside of malloc().
   */
  tryWrite(value: unknown, room: Room = NO_ROOM): number {
    if (typeof value === "string") {
      // UTF-8 has no lone surrogates: TextEncoder would replace them.
      const isWhole = value.length > INLINE_CHARACTERS && value.isWellFormed();
      return isWhole ? this.#writeText(value, room) : NOT_WHOLE;
    }
    if (typeof value !== "object" || value === null) return NOT_WHOLE;
    return isPlainBytes(value) ? this.#writeBytes(value, room) : NOT_WHOLE;
  }

  #writeBytes(bytes: Uint8Array, room: Room): number {
    const byteLength = lengthOf.call(bytes);
    if (byteLength <= room.byteLength) {
      this.#segment.set(bytes, room.address);
      return this.#written(room.address, byteLength, BLOCK_BYTES);
    }
    const address = this.#allocator.malloc(byteLength);
    if (address === 0) return this.#written(0, byteLength, BLOCK_BYTES);
    if (lengthOf.call(bytes) !== byteLength) { // a reclaimer has resized its buffer
      this.#allocator.free(address);
      return NOT_WHOLE;
    }
    this.#segment.set(bytes, address);
    return this.#written(address, byteLength, BLOCK_BYTES);
  }

  #writeText(text: string, room: Room): number {
    const { length } = text;
    if (length <= room.byteLength) {
      const { read, written } = this.#encodeInto(text, room.address, room.byteLength);
      const how = written === length ? BLOCK_ASCII : BLOCK_UTF8;
      if (read === length) return this.#written(room.address, written, how);
    }
    const address = this.#allocator.malloc(length);
    if (address === 0) return this.#written(0, length, BLOCK_ASCII);
    const { read, written } = this.#encodeInto(text, address, length);
    if (read === length) return this.#written(address, written, BLOCK_ASCII);
    return this.#writeRest(text, read, address, written);
  }

  /** Text that is not ASCII: `read` units of it are in the block already, as `written` bytes. */
  #writeRest(text: string, read: number, address: number, written: number): number {
    const most = UTF8_BYTES * (text.length - read);
    const grown = this.#allocator.realloc(address, written + most);
    if (grown === 0) {
      this.#allocator.free(address);
      return this.#written(0, written + most, BLOCK_UTF8);
    }
    const rest = this.#encodeInto(text.slice(read), grown + written, most);
    const byteLength = written + rest.written;
    return this.#written(this.#allocator.realloc(grown, byteLength), byteLength, BLOCK_UTF8);
  }

  #encodeInto(text: string, address: number, byteLength: number) {
    return this.#encoder.encodeInto(text, this.#segment.subarray(address, address + byteLength));
  }

  #written(address: number, byteLength: number, how: number): number {
    this.#address = address;
    this.#byteLength = byteLength;
    this.#how = how;
    return address;
  }

  /** Names what was written last in the record at `at`. */
  put(views: RecordViews, at: number): void {
    views.words[at + KIND_WORD]! |= FLAG_OUT_OF_LINE;
    views.words[at + TAGS_WORD] = this.#how;
    views.floats[(at + CELLS_WORD) >> 1] = this.#address;
    views.words[at + BLOCK_LENGTH_WORD] = this.#byteLength;
  }

  /** The value of `byteLength` bytes at `address`, of which a record's TAGS say `how` it lies there. */
  read(how: number, address: number, byteLength: number): string | Uint8Array {
    if (how === BLOCK_ASCII) return readLatin1(this.#segment, address, byteLength);
    const bytes = this.#segment.subarray(address, address + byteLength);
    // Made from the bytes, not filled with them after: so the memory is not cleared first.
    return how === BLOCK_UTF8 ? this.#utf8Reader.read(bytes) : new Uint8Array(bytes);
  }
}

/**
 * Whether `value` is a Uint8Array and nothing more, of some bytes of its own thread's: those of a shared
 * buffer may become more meanwhile. A detached one has none; the codec says why it can't travel.
 */
function isPlainBytes(value: object): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.getPrototypeOf(value) === Uint8Array.prototype &&
    bufferOf.call(value as Uint8Array) instanceof ArrayBuffer &&
    lengthOf.call(value as Uint8Array) > 0;
}
