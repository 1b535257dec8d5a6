/**
 * Values into and out of the cells of a record (see record_layout.ts). Numbers, booleans, null,
 * undefined, int64s, short Latin-1 strings and wire types lie in the record itself; what does not
 * fit is left to the value codec and a block of memory.
 *
 * @module
 */

import {
  CELL_COUNT,
  CELLS_WORD,
  INLINE_VALUES,
  RECORD_BYTES,
  RECORD_WORDS,
  TAG_BIGINT,
  TAG_FALSE,
  TAG_LATIN1,
  TAG_NULL,
  TAG_NUMBER,
  TAG_TRUE,
  TAG_UNDEFINED,
  TAG_WIRE,
  TAGS_WORD,
} from "../ring/mod.ts";
import { readLatin1, type WireType, type WireTypes } from "../codec/mod.ts";

/** The most characters of a string that the cells of one record hold. */
export const INLINE_CHARACTERS = CELL_COUNT * 8 - 4;

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** The same bytes seen as words, float64s, int64s and bytes; made once, never per message. */
export class RecordViews {
  // Declared alone, so that no field is undefined before it has its value: see RingProducer.
  /** Int32 words: the index unit of records. */
  declare readonly words: Int32Array;
  /** Cells as float64. */
  declare readonly floats: Float64Array;
  /** Cells as int64. */
  declare readonly integers: BigInt64Array;
  /** Bytes of short strings. */
  declare readonly bytes: Uint8Array;

  constructor(buffer: ArrayBufferLike, byteLength: number) {
    this.words = new Int32Array(buffer, 0, byteLength >> 2);
    this.floats = new Float64Array(buffer, 0, byteLength >> 3);
    this.integers = new BigInt64Array(buffer, 0, byteLength >> 3);
    this.bytes = new Uint8Array(buffer, 0, byteLength);
  }

  /** Views of one record of its own, for a call that has to wait for room. */
  static ofOneRecord(): RecordViews {
    return new RecordViews(new ArrayBuffer(RECORD_BYTES), RECORD_BYTES);
  }

  /** Copies a record, whose words all lie within these views. */
  copyFrom(source: Int32Array, sourceWord: number, targetWord: number): void {
    const words = this.words;
    for (let i = 0; i < RECORD_WORDS; i++) words[targetWord + i] = source[sourceWord + i]!;
  }
}

/** Writes and reads the values that fit a record. */
export class InlineCodec {
  readonly #types: WireTypes;

  constructor(types: WireTypes) {
    this.#types = types;
  }

  /**
   * Writes `values` into the record at `wordIndex`; true when they fit. Values of wire types are
   * added to `transfers`; nothing else is changed, so that a false can be followed by another way.
   */
  tryEncode(
    values: readonly unknown[],
    views: RecordViews,
    wordIndex: number,
    transfers: object[],
  ): boolean {
    const count = values.length;
    if (count > INLINE_VALUES) return false;
    let tags = 0;
    let cell = 0;
    for (let i = 0; i < count; i++) {
      const value = values[i];
      let tag: number;
      switch (typeof value) {
        case "number":
          if (cell === CELL_COUNT) return false;
          views.floats[((wordIndex + CELLS_WORD) >> 1) + cell++] = value;
          tag = TAG_NUMBER;
          break;
        case "boolean":
          tag = value ? TAG_TRUE : TAG_FALSE;
          break;
        case "undefined":
          tag = TAG_UNDEFINED;
          break;
        case "string": {
          const cells = (value.length + 4 + 7) >> 3;
          if (cell + cells > CELL_COUNT) return false;
          if (!writeLatin1(value, views, wordIndex + CELLS_WORD + 2 * cell)) return false;
          cell += cells;
          tag = TAG_LATIN1;
          break;
        }
        case "bigint":
          if (cell === CELL_COUNT || value < MIN_INT64 || value > MAX_INT64) return false;
          views.integers[((wordIndex + CELLS_WORD) >> 1) + cell++] = value;
          tag = TAG_BIGINT;
          break;
        case "object": {
          if (value === null) {
            tag = TAG_NULL;
            break;
          }
          const id = this.#types.indexOf(value);
          if (id < 0) return false;
          const type = this.#types.list[id]!;
          const cells = (type.words + 2) >> 1;
          // The same object twice is one shared reference, which only the value codec can say.
          if (cell + cells > CELL_COUNT || transfers.includes(value)) return false;
          const at = wordIndex + CELLS_WORD + 2 * cell;
          views.words[at] = id;
          if (!tryWrite(type, value, views, at + 1)) return false;
          transfers.push(value);
          cell += cells;
          tag = TAG_WIRE;
          break;
        }
        default:
          return false; // functions and symbols: the value codec names them in its error
      }
      tags |= tag << (i << 2);
    }
    views.words[wordIndex + TAGS_WORD] = tags;
    return true;
  }

  /**
   * Writes one number, boolean, null or undefined into the record at `wordIndex`; false for any other
   * value. What most calls give back.
   */
  tryEncodePlain(value: unknown, views: RecordViews, wordIndex: number): boolean {
    let tag: number;
    if (typeof value === "number") {
      views.floats[(wordIndex + CELLS_WORD) >> 1] = value;
      tag = TAG_NUMBER;
    } else if (value === undefined) tag = TAG_UNDEFINED;
    else if (value === true) tag = TAG_TRUE;
    else if (value === false) tag = TAG_FALSE;
    else if (value === null) tag = TAG_NULL;
    else return false;
    views.words[wordIndex + TAGS_WORD] = tag;
    return true;
  }

  /** Writes one value of a wire type into the record at `wordIndex`; its type, if it has one and fits. */
  tryEncodeWire(
    value: object,
    views: RecordViews,
    wordIndex: number,
  ): WireType<object> | undefined {
    const id = this.#types.indexOf(value);
    if (id < 0) return undefined;
    const type = this.#types.list[id]!;
    if (type.words >= CELL_COUNT * 2) return undefined;
    const at = wordIndex + CELLS_WORD;
    views.words[at] = id;
    if (!tryWrite(type, value, views, at + 1)) return undefined;
    views.words[wordIndex + TAGS_WORD] = TAG_WIRE;
    return type;
  }

  /** Reads `count` values of the record at `wordIndex` into `into`, from its start. */
  decode(count: number, views: RecordViews, wordIndex: number, into: unknown[]): void {
    const tags = views.words[wordIndex + TAGS_WORD]!;
    let cell = 0;
    for (let i = 0; i < count; i++) {
      const at = wordIndex + CELLS_WORD + 2 * cell;
      switch ((tags >>> (i << 2)) & 15) {
        case TAG_UNDEFINED:
          into[i] = undefined;
          break;
        case TAG_NULL:
          into[i] = null;
          break;
        case TAG_FALSE:
          into[i] = false;
          break;
        case TAG_TRUE:
          into[i] = true;
          break;
        case TAG_NUMBER:
          into[i] = views.floats[at >> 1];
          cell++;
          break;
        case TAG_BIGINT:
          into[i] = views.integers[at >> 1];
          cell++;
          break;
        case TAG_LATIN1: {
          const length = views.words[at]!;
          into[i] = readLatin1(views.bytes, 4 * at + 4, length);
          cell += (length + 4 + 7) >> 3;
          break;
        }
        case TAG_WIRE: {
          const type = this.#types.list[views.words[at]!]!;
          try {
            into[i] = type.read(views.words, at + 1);
          } catch (error) {
            this.#drop(count, views, wordIndex, into, i);
            throw error;
          }
          cell += (type.words + 2) >> 1;
          break;
        }
      }
    }
  }

  /** Reads the one value of the record at `wordIndex`. */
  decodeOne(views: RecordViews, wordIndex: number): unknown {
    const tag = views.words[wordIndex + TAGS_WORD];
    if (tag === TAG_NUMBER) return views.floats[(wordIndex + CELLS_WORD) >> 1];
    if (tag === TAG_WIRE) {
      const at = wordIndex + CELLS_WORD;
      return this.#types.list[views.words[at]!]!.read(views.words, at + 1);
    }
    const values: unknown[] = [undefined];
    this.decode(1, views, wordIndex, values);
    return values[0];
  }

  /** Tells each wire type in the record that nobody will read it. */
  discard(count: number, views: RecordViews, wordIndex: number): void {
    this.#drop(count, views, wordIndex, [], -1);
  }

  /** Lets go of the record's wire types: of those before value `failed`, which were read, otherwise. */
  #drop(
    count: number,
    views: RecordViews,
    wordIndex: number,
    read: readonly unknown[],
    failed: number,
  ): void {
    const tags = views.words[wordIndex + TAGS_WORD]!;
    let cell = 0;
    for (let i = 0; i < count; i++) {
      const at = wordIndex + CELLS_WORD + 2 * cell;
      const tag = (tags >>> (i << 2)) & 15;
      if (tag === TAG_NUMBER || tag === TAG_BIGINT) cell++;
      else if (tag === TAG_LATIN1) cell += (views.words[at]! + 4 + 7) >> 3;
      else if (tag === TAG_WIRE) {
        const type = this.#types.list[views.words[at]!]!;
        if (i < failed) type.abandon?.(read[i] as object);
        else if (i > failed) type.undelivered(views.words, at + 1);
        cell += (type.words + 2) >> 1;
      }
    }
  }
}

/** False if the object cannot travel: the value codec's error says where it is. */
function tryWrite(type: WireType<object>, value: object, views: RecordViews, at: number): boolean {
  try {
    type.write(value, views.words, at);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

function writeLatin1(text: string, views: RecordViews, wordIndex: number): boolean {
  const at = (wordIndex << 2) + 4;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) return false;
    views.bytes[at + i] = code;
  }
  views.words[wordIndex] = text.length;
  return true;
}
