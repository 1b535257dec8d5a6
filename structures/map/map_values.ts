/**
 * The values of a map in its nodes: fields of structs, whole structs, text and bytes of any length, or
 * what a codec makes.
 *
 * A value of one aligned machine word is overwritten where it lies, by one store, as a reader sees the old
 * one or the new. Any other value is never changed: its node is replaced.
 *
 * @module
 */

import type {
  BytesType,
  FieldInit,
  FieldPlain,
  FieldType,
  FieldValue,
  TextType,
} from "../../allocator/mod.ts";
import { SegmentArrays } from "../../allocator/unstable_layers.ts";
import { describeType } from "../header/mod.ts";
import { lengthOf } from "./byte_length.ts";
import { KEY_INFO_WORD, KEY_WORD, VALUE_INFO_WORD } from "./map_layout.ts";
import { bytesOfInfo, packText, roomForText, unpackText, wordsOf } from "./node_text.ts";
import type { ValueCodec } from "./value_codec.ts";

/** What a value can be: any type of a struct's field that owns no block, or a `codec()`. */
// deno-lint-ignore no-explicit-any -- what a codec takes goes one way, and what it gives the other
export type MapValueType = FieldType | ValueCodec<any>;

/** What `get()` gives of a value type. */
export type MapValue<Type> = Type extends ValueCodec<infer Value> ? Value : FieldPlain<Type>;

/** What `set()` takes of a value type. */
export type MapValueInit<Type> = Type extends ValueCodec<infer Value> ? Value
  : Type extends TextType<boolean> ? string
  : FieldInit<Type>;

/** What the callback of `read()` is given: the view of what lies in place, else the value. */
export type MapValueView<Type> = Type extends ValueCodec<infer Value> ? Value
  : Type extends TextType<boolean> | BytesType ? MapValue<Type>
  : FieldValue<Type> extends object ? Readonly<FieldValue<Type>>
  : FieldValue<Type>;

const enum Kind {
  /** Of one length, which its type reads and writes. */
  FIXED,
  TEXT,
  BYTES,
  CODEC,
}

/** Where a value lies in a draft: 0 is null. */
const DRAFT_ADDRESS = 8;

/** Memory of this thread's own for a value of fixed length. */
class Draft {
  readonly arrays: SegmentArrays;
  /** The value, in whole words. */
  readonly words: Int32Array;

  constructor(byteLength: number) {
    const wordCount = (byteLength + 3) >>> 2;
    this.arrays = new SegmentArrays(new SharedArrayBuffer(DRAFT_ADDRESS + wordCount * 4));
    this.words = new Int32Array(this.arrays.buffer, DRAFT_ADDRESS, wordCount);
  }
}

/** The values of the maps of one definition. */
export class MapValues {
  /** As it is written in the definition. */
  readonly typeName: string;
  /** Whether a value is overwritten where it lies. */
  readonly isInPlace: boolean;
  readonly #kind: Kind;
  readonly #type: MapValueType;
  readonly #place: string;
  /** 1 if values begin at a multiple of 8 bytes. */
  readonly #oddWords: number;
  /** What prepare() has found: bytes that the value takes, and VALUE_INFO of its node. */
  byteLength = 0;
  /** See above. */
  info = 0;
  /** The text that was prepared last, as it lies in `#words`. */
  #staged = "";
  /** Drafts that nobody uses. */
  readonly #drafts: Draft[] = [];
  #words = new Int32Array(64);

  /** @throws {TypeError} If `type` is not one that values can be of. */
  constructor(mapName: string, type: MapValueType) {
    this.#kind = kindOf(mapName, type);
    this.#type = type;
    this.#place = mapName;
    this.typeName = type.kind === "codec" ? type.name : describeType(type as FieldType);
    const { kind, byteLength = 0, alignment = 1 } = type as Partial<FieldType>;
    this.isInPlace = kind === "pointer" ||
      (kind === "scalar" && byteLength <= 8 && alignment === byteLength);
    this.#oddWords = this.#kind === Kind.FIXED && alignment === 8 ? 1 : 0;
  }

  /**
   * Finds out what a value takes: see `byteLength` and `info`. A codec may do anything here, and so may a getter of the
   * value, the map included: nothing of the program runs in store().
   *
   * @returns What store() is to be given: it holds on to nothing that other calls change.
   * @throws {TypeError | RangeError} If it is not one of its type; a value in place is looked at when it is written.
   */
  prepare(value: unknown): unknown {
    switch (this.#kind) {
      case Kind.TEXT: {
        if (typeof value !== "string") throw this.#kindError(value, "a string");
        const room = roomForText(value.length);
        if (room > this.#words.length) this.#words = new Int32Array(room * 2);
        this.info = packText(value, this.#words, 0);
        this.#staged = value;
        this.byteLength = bytesOfInfo(this.info);
        return value;
      }
      case Kind.BYTES:
        return this.#prepareBytes(value);
      case Kind.CODEC:
        return this.#prepareBytes((this.#type as ValueCodec<unknown>).encode(value));
      default:
        this.info = 0;
        this.byteLength = (this.#type as FieldType).byteLength;
        return this.isInPlace ? value : this.#draw(value);
    }
  }

  /** A value of fixed length, written aside: getters and iterators of it may do anything, the map included. */
  #draw(value: unknown): Draft {
    const type = this.#type as FieldType;
    const draft = this.#drafts.pop() ?? new Draft(type.byteLength);
    draft.words.fill(0);
    type.write(draft.arrays, DRAFT_ADDRESS, value, this.#place);
    return draft;
  }

  #prepareBytes(bytes: unknown): Uint8Array {
    if (!(bytes instanceof Uint8Array)) throw this.#kindError(bytes, "a Uint8Array");
    this.byteLength = lengthOf(bytes);
    this.info = this.byteLength * 2;
    return bytes;
  }

  /** Index of the value of the node at `place`. */
  placeIn(words: Int32Array, place: number): number {
    return this.placeAfter(place, wordsOf(bytesOfInfo(words[place + KEY_INFO_WORD]!)));
  }

  /** The same where the key has so many words: `place` 0 gives words of a node up to its value. */
  placeAfter(place: number, keyWords: number): number {
    const at = place + KEY_WORD + keyWords;
    return at + (at & this.#oddWords);
  }

  /**
   * Writes what was prepared to the new node at `place`, whose key is written.
   *
   * @throws {TypeError | RangeError} If a value in place is not one of its type, or bytes have changed their number.
   */
  store(
    arrays: SegmentArrays,
    words: Int32Array,
    place: number,
    prepared: unknown,
    info: number,
  ): void {
    const at = this.placeIn(words, place);
    const address = words.byteOffset + at * 4;
    words[place + VALUE_INFO_WORD] = info;
    switch (this.#kind) {
      case Kind.TEXT: {
        if (this.#staged !== prepared) packText(prepared as string, words, at);
        else {
          const count = wordsOf(bytesOfInfo(info));
          for (let i = 0; i < count; i++) words[at + i] = this.#words[i]!;
        }
        return;
      }
      case Kind.BYTES:
      case Kind.CODEC: {
        const bytes = prepared as Uint8Array;
        if (lengthOf(bytes) !== bytesOfInfo(info)) {
          throw new TypeError(
            `Cannot store bytes in ${this.#place}: their number has changed meanwhile`,
          );
        }
        arrays.u8.set(bytes, address);
        return;
      }
      default: {
        if (this.isInPlace) (this.#type as FieldType).write(arrays, address, prepared, this.#place);
        else {
          const draft = prepared as Draft;
          for (let i = 0; i < draft.words.length; i++) words[at + i] = draft.words[i]!;
          this.#drafts.push(draft);
        }
      }
    }
  }

  /** Overwrites the value of the node at `place`, which is in place, by one store. */
  overwrite(arrays: SegmentArrays, words: Int32Array, place: number, value: unknown): void {
    const address = words.byteOffset + this.placeIn(words, place) * 4;
    (this.#type as FieldType).write(arrays, address, value, this.#place);
  }

  /** The value of the node at `place`, which is in place: of a node that was freed it is any, or undefined. */
  readInPlace(arrays: SegmentArrays, words: Int32Array, place: number): unknown {
    const address = words.byteOffset + this.placeIn(words, place) * 4;
    return (this.#type as FieldType).read(arrays, address);
  }

  /** What is to be kept of the value of the node at `place`, inside of a reading; finish() makes the value of it. */
  copy(arrays: SegmentArrays, words: Int32Array, place: number): unknown {
    const address = words.byteOffset + this.placeIn(words, place) * 4;
    switch (this.#kind) {
      case Kind.TEXT:
        return unpackText(arrays, address, words[place + VALUE_INFO_WORD]!);
      case Kind.BYTES:
      case Kind.CODEC:
        return copyOf(arrays, address, bytesOfInfo(words[place + VALUE_INFO_WORD]!));
      default: {
        const type = this.#type as FieldType;
        const value = type.read(arrays, address);
        return typeof value === "object" ? (value as { toJSON(): unknown }).toJSON() : value;
      }
    }
  }

  /** The value that copy() has kept. What a codec does is done outside of readings, as it may do anything. */
  finish(kept: unknown): unknown {
    if (this.#kind !== Kind.CODEC) return kept;
    return (this.#type as ValueCodec<unknown>).decode(kept as Uint8Array<ArrayBuffer>);
  }

  /** The value of the node at `place`, as `read()` shows it: a struct where it lies. */
  view(arrays: SegmentArrays, words: Int32Array, place: number): unknown {
    if (this.#kind !== Kind.FIXED) return this.finish(this.copy(arrays, words, place));
    const address = words.byteOffset + this.placeIn(words, place) * 4;
    return (this.#type as FieldType).read(arrays, address);
  }

  #kindError(value: unknown, expected: string): TypeError {
    const received = value === null ? "null" : typeof value;
    return new TypeError(
      `Cannot store a value of type ${received} in ${this.#place} (${this.typeName}): expected ${expected}`,
    );
  }
}

function copyOf(
  { u8 }: SegmentArrays,
  address: number,
  byteLength: number,
): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(byteLength);
  copy.set(u8.subarray(address, address + byteLength));
  return copy;
}

function kindOf(mapName: string, type: MapValueType): Kind {
  switch ((type as { readonly kind?: unknown } | null | undefined)?.kind) {
    case "codec":
      return Kind.CODEC;
    case "text":
      return Kind.TEXT;
    case "bytes":
      return Kind.BYTES;
    case "scalar":
    case "pointer":
    case "array":
    case "flags":
    case "union":
    case "struct":
      if ((type as FieldType).release === undefined) return Kind.FIXED;
      throw new TypeError(
        `Cannot define the values of ${mapName} as ${type.name}: it owns text or bytes in blocks of ` +
          "their own, expected string(bytes) or a codec() in their place",
      );
    default:
      throw new TypeError(
        `Cannot define the values of ${mapName} as ${
          String(type)
        }: expected a field type such as ` +
          "f64, text() or a struct, or a codec()",
      );
  }
}
