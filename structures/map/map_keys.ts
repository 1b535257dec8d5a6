/**
 * The keys of a map, as words: each key has one form, so that equal keys are equal words. Equal is what a
 * `Map` takes for equal: 0 and -0 are one key, and NaN is one.
 *
 * @module
 */

import type { BytesType, ScalarType, TextType } from "../../allocator/mod.ts";
import type { SegmentArrays } from "../../allocator/unstable_layers.ts";
import { lengthOf } from "./byte_length.ts";
import { hashWords } from "./key_hash.ts";
import { KEY_INFO_WORD, KEY_WORD } from "./map_layout.ts";
import { bytesOfInfo, packText, roomForText, unpackText, wordsOf } from "./node_text.ts";
import type { SoughtKey } from "./split_list.ts";

/** What a key can be: text(), bytes(), or a number of a type that is as exact as a key has to be. */
export type MapKeyType =
  | TextType<boolean>
  | BytesType
  | ScalarType<number, unknown>
  | ScalarType<bigint, unknown>;

/** The key that a key type stands for. */
export type MapKey<Type> = Type extends TextType<boolean> ? string
  : Type extends BytesType ? Uint8Array
  : Type extends ScalarType<infer Value, infer _Elements> ? Value
  : never;

/** Longer keys are refused. */
const MAX_KEY_BYTES = 2 ** 28;

/** Whole numbers that a key may be, by the name of its type. */
const RANGES: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["i32", [-(2 ** 31), 2 ** 31 - 1]],
  ["u32", [0, 2 ** 32 - 1]],
  ["i16", [-(2 ** 15), 2 ** 15 - 1]],
  ["u16", [0, 2 ** 16 - 1]],
  ["i8", [-128, 127]],
  ["u8", [0, 255]],
]);

const enum Kind {
  TEXT,
  BYTES,
  DOUBLE,
  WHOLE,
  SIGNED_64,
  UNSIGNED_64,
}

/** KEY_INFO of a number of 4 bytes, and of 8. */
const enum Info {
  FOUR_BYTES = 8,
  EIGHT_BYTES = 16,
}

/** The keys of the maps of one definition; holds the key that is sought. */
export class MapKeys implements SoughtKey {
  /** The words of the key that was loaded last. */
  words: Int32Array = new Int32Array(64);
  /** How many words it has. */
  wordCount = 0;
  /** KEY_INFO of its node. */
  info = 0;
  /** How often a key was loaded: whether the one that was is still there. */
  loads = 0;
  /** As it is written in the definition. */
  readonly typeName: string;
  private readonly isText: boolean;
  readonly #kind: Kind;
  readonly #mapName: string;
  readonly #range: readonly [number, number];
  #doubles: Float64Array;
  #bigints: BigInt64Array;

  /** @throws {TypeError} If `type` is not one that keys can be of. */
  constructor(mapName: string, type: MapKeyType) {
    const { kind, name } = (type ?? {}) as { readonly kind?: string; readonly name?: string };
    const found = kindOf(kind, name);
    if (found === undefined) {
      throw new TypeError(
        `Cannot define the keys of ${mapName} as ${name ?? String(type)}: ` +
          "expected text(), bytes(), f64, i64, u64, address, or an integer of at most 32 bits",
      );
    }
    this.#kind = found;
    this.isText = found === Kind.TEXT;
    this.#mapName = mapName;
    this.#range = RANGES.get(name!) ?? [0, 0];
    this.typeName = name!;
    this.#doubles = new Float64Array(this.words.buffer);
    this.#bigints = new BigInt64Array(this.words.buffer);
  }

  /**
   * Loads the key that is sought.
   *
   * @returns Its hash.
   * @throws {TypeError} If it is of the wrong kind.
   * @throws {RangeError} If it is out of range.
   */
  load(key: unknown, seed0: number, seed1: number): number {
    this.loads++;
    // The most frequent keys, in a function that the engine inlines.
    if (this.isText) {
      if (typeof key !== "string") throw this.#kindError(key, "a string");
      if (key.length >= this.words.length) this.#makeRoom(roomForText(key.length));
      const { words } = this;
      const info = packText(key, words, 0);
      const count = wordsOf(bytesOfInfo(info));
      this.info = info;
      this.wordCount = count;
      return hashWords(words, count, info, seed0, seed1);
    }
    this.#loadOther(key);
    return hashWords(this.words, this.wordCount, this.info, seed0, seed1);
  }

  #loadOther(key: unknown): void {
    if (this.#kind === Kind.BYTES) {
      if (!(key instanceof Uint8Array)) throw this.#kindError(key, "a Uint8Array");
      this.#loadBytes(key);
    } else if (this.#kind === Kind.DOUBLE || this.#kind === Kind.WHOLE) {
      if (typeof key !== "number") throw this.#kindError(key, "a number");
      if (this.#kind === Kind.DOUBLE) this.#loadDouble(key);
      else this.#loadWhole(key);
    } else {
      if (typeof key !== "bigint") throw this.#kindError(key, "a bigint");
      this.#loadBigint(key);
    }
  }

  /** The key of the node at `place`. */
  read(arrays: SegmentArrays, words: Int32Array, place: number): unknown {
    const at = place + KEY_WORD;
    const info = words[place + KEY_INFO_WORD]!;
    const address = words.byteOffset + at * 4;
    switch (this.#kind) {
      case Kind.TEXT:
        return unpackText(arrays, address, info);
      case Kind.BYTES:
        return arrays.u8.slice(address, address + bytesOfInfo(info));
      case Kind.DOUBLE:
        return arrays.f64[address / 8];
      case Kind.WHOLE:
        return this.#range[0] < 0 ? words[at] : words[at]! >>> 0;
      case Kind.SIGNED_64:
        return arrays.i64[address / 8];
      default:
        return arrays.u64[address / 8];
    }
  }

  #loadBytes(key: Uint8Array): void {
    const length = lengthOf(key);
    this.#makeRoom(wordsOf(length));
    const { words } = this;
    let i = 0;
    let to = 0;
    for (; i + 4 <= length; i += 4) {
      words[to++] = key[i]! | (key[i + 1]! << 8) | (key[i + 2]! << 16) | (key[i + 3]! << 24);
    }
    if (i < length) {
      let word = 0;
      for (let shift = 0; i < length; i++, shift += 8) word |= key[i]! << shift;
      words[to] = word;
    }
    this.info = length * 2;
    this.wordCount = wordsOf(length);
  }

  #loadDouble(key: number): void {
    // -0 is 0; and NaNs differ in bits that no program sees.
    this.#doubles[0] = key + 0;
    if (key !== key) {
      this.words[0] = 0;
      this.words[1] = 0x7ff80000;
    }
    this.info = Info.EIGHT_BYTES;
    this.wordCount = 2;
  }

  #loadWhole(key: number): void {
    const [low, high] = this.#range;
    if (!(key >= low && key <= high && Number.isInteger(key))) {
      throw this.#rangeError(key, `a whole number from ${low} to ${high}`);
    }
    this.words[0] = key;
    this.info = Info.FOUR_BYTES;
    this.wordCount = 1;
  }

  #loadBigint(key: bigint): void {
    const isSigned = this.#kind === Kind.SIGNED_64;
    this.#bigints[0] = key;
    const kept = isSigned ? this.#bigints[0]! : BigInt.asUintN(64, this.#bigints[0]!);
    if (kept !== key) {
      throw this.#rangeError(key, `a bigint of 64 bits, ${isSigned ? "signed" : "unsigned"}`);
    }
    this.info = Info.EIGHT_BYTES;
    this.wordCount = 2;
  }

  #makeRoom(wordCount: number): void {
    if (wordCount <= this.words.length) return;
    if (wordCount * 4 > MAX_KEY_BYTES) {
      throw new RangeError(
        `Cannot use a key of ${this.#mapName} of some ${wordCount * 4} bytes: ` +
          `expected ${MAX_KEY_BYTES} at most`,
      );
    }
    this.words = new Int32Array(2 ** Math.ceil(Math.log2(wordCount)));
    this.#doubles = new Float64Array(this.words.buffer);
    this.#bigints = new BigInt64Array(this.words.buffer);
  }

  #kindError(key: unknown, expected: string): TypeError {
    const received = key === null ? "null" : typeof key;
    return new TypeError(
      `Cannot use a key of ${this.#mapName} (${this.typeName}) of type ${received}: expected ${expected}`,
    );
  }

  #rangeError(key: number | bigint, expected: string): RangeError {
    return new RangeError(
      `Cannot use ${key} as a key of ${this.#mapName} (${this.typeName}): expected ${expected}`,
    );
  }
}

function kindOf(kind: string | undefined, name: string | undefined): Kind | undefined {
  if (kind === "text") return Kind.TEXT;
  if (kind === "bytes") return Kind.BYTES;
  if (kind !== "scalar") return undefined;
  if (name === "f64" || name === "address") return Kind.DOUBLE;
  if (name === "i64") return Kind.SIGNED_64;
  if (name === "u64") return Kind.UNSIGNED_64;
  return RANGES.has(name!) ? Kind.WHOLE : undefined;
}
