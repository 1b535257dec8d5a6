/**
 * Values out of bytes (see value_layout.ts), each a fresh copy. The counterpart of value_writer.ts,
 * section by section.
 *
 * @module
 */

import { ByteReader } from "./byte_reader.ts";
import { COMPILE_AFTER, compileReader } from "./compiled_shape.ts";
import { isBuiltIn, rebuild, restoreStack } from "./error_codec.ts";
import { keyBytes, type ReadShape, ReadShapes, SHAPE_HEADER_BYTES } from "./shape_table.ts";
import {
  ARRAY,
  BIGINT,
  BIGINT64,
  BOXED,
  BUFFER,
  DATE,
  DICTIONARY,
  ERROR,
  FALSE,
  FLOAT64,
  FLOATS,
  HAS_POOL,
  HAS_REFERENCES,
  HAS_WIRE_TYPES,
  INT32,
  INTEGERS,
  MAP,
  NULL,
  NUMBERED_SHAPES,
  POOLED_TEXT,
  REFERENCE,
  REGEXP,
  RESIZABLE,
  SET,
  SHAPE,
  SHAPE_AGAIN,
  SHORT_TEXT,
  SMALL_INTEGER,
  SPARSE,
  TRUE,
  UNDEFINED,
  VIEW,
  VIEW_CLASSES,
  WIDE_SHAPE,
  WIRE,
} from "./value_layout.ts";
import { MAX_WIRE_WORDS, type WireType } from "./wire_type.ts";

/** Reads one message at a time. */
export class ValueReader {
  readonly #types: readonly WireType<object>[];
  readonly #in = new ByteReader();
  readonly #knownShapes = new ReadShapes();
  readonly #words = new Int32Array(MAX_WIRE_WORDS);
  readonly #wordBytes = new Uint8Array(this.#words.buffer);

  /** The objects of the message by their numbers, if it refers to any. */
  #objects: unknown[] = [];
  #keepsObjects = false;
  readonly #shapes: ReadShape[] = [];
  #shapeCount = 0;
  /** Whether wire-typed values are told that nobody will read them, instead of being read. */
  #discards = false;
  #discardErrors: unknown[] = [];
  /** Wire-typed values read from this message, and their types, in pairs. */
  readonly #wireValues: object[] = [];
  readonly #wireTypes: WireType<object>[] = [];
  /** What reading one of them threw: the rest of the message is told that nobody will read it. */
  #failure: { readonly error: unknown } | undefined;

  constructor(types: readonly WireType<object>[]) {
    this.#types = types;
  }

  /** Reads a message; see `ValueCodec.decode()`. */
  read(bytes: Uint8Array, start: number, end: number): unknown[] {
    this.#in.restart(bytes, start, end);
    const flags = this.#in.byte();
    if ((flags & HAS_WIRE_TYPES) === 0) return this.#message(flags);
    this.#failure = undefined;
    try {
      const message = this.#message(flags);
      this.#throwFailure();
      return message;
    } catch (error) {
      this.#wireTypes.forEach((type, i) => type.abandon?.(this.#wireValues[i]!));
      throw error;
    } finally {
      this.#discards = false;
      this.#wireTypes.length = 0;
      this.#wireValues.length = 0; // or what the application has let go of would stay alive
    }
  }

  /** Reads the first `count` values only; see `ValueCodec.decodeFirst()`. */
  readFirst(bytes: Uint8Array, count: number, start: number, end: number): unknown[] {
    this.#in.restart(bytes, start, end);
    return this.#message(this.#in.byte() & ~HAS_POOL, count);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Looks for wire types in a message; see `ValueCodec.discard()`. */
  discard(bytes: Uint8Array, start: number, end: number): void {
    this.#in.restart(bytes, start, end);
    const flags = this.#in.byte();
    if ((flags & HAS_WIRE_TYPES) === 0) {
      this.#in.stop();
      return;
    }
    this.#discards = true;
    this.#discardErrors = [];
    try {
      this.#message(flags);
    } finally {
      this.#discards = false;
    }
    if (this.#discardErrors.length > 0) {
      throw new AggregateError(
        this.#discardErrors,
        `Cannot discard ${this.#discardErrors.length} of the values of an unread message`,
      );
    }
  }

  #message(flags: number, most = Infinity): unknown[] {
    this.#keepsObjects = (flags & HAS_REFERENCES) !== 0;
    this.#shapeCount = 0;
    try {
      if ((flags & HAS_POOL) !== 0) this.#in.startPool();
      const count = Math.min(this.#in.count(1), most);
      const values: unknown[] = [];
      for (let i = 0; i < count; i++) values.push(this.value());
      return values;
    } finally {
      this.#in.stop();
      if (this.#keepsObjects) this.#objects = [];
    }
  }

  /** Reads the next value of the message. */
  value(): unknown {
    const input = this.#in;
    const tag = input.byte();
    if (tag >= SMALL_INTEGER) return tag - SMALL_INTEGER;
    if (tag >= SHORT_TEXT) return input.latin1(tag - SHORT_TEXT);
    switch (tag) {
      case UNDEFINED:
        return undefined;
      case NULL:
        return null;
      case FALSE:
        return false;
      case TRUE:
        return true;
      case POOLED_TEXT:
        return input.pooledText();
      case INT32:
        return input.int32();
      case FLOAT64:
        return input.float();
      case BIGINT64:
        return input.bigint64();
      case BIGINT:
        return this.#bigint();
      case ARRAY:
        return this.#array();
      case SHAPE:
      case WIDE_SHAPE:
        return this.#fields(this.#shape());
      case SHAPE_AGAIN:
        return this.#fields(this.#shapeAgain());
      case DICTIONARY:
        return this.#dictionary();
      case MAP:
        return this.#map();
      case SET:
        return this.#set();
      case DATE:
        return this.#keep(new Date(input.float()));
      case REGEXP: {
        const source = input.text();
        return this.#keep(new RegExp(source, input.text()));
      }
      case BUFFER:
        return this.#keep(input.block().buffer);
      case RESIZABLE:
        return this.#resizable();
      case VIEW:
        return this.#view();
      case BOXED:
        return this.#boxed();
      case ERROR:
        return this.#error();
      case REFERENCE:
        return this.#reference();
      case WIRE:
        return this.#wire();
      default:
        return input.textAfter(tag);
    }
  }

  /** Gives an object its number. Called before its parts are read, as the writer numbers it. */
  #keep<T>(value: T): T {
    if (this.#keepsObjects) this.#objects.push(value);
    return value;
  }

  #reference(): unknown {
    const offset = this.#in.at;
    const number = this.#in.u32();
    if (number >= this.#objects.length) throw this.#in.bad("object", number, offset);
    return this.#objects[number];
  }

  #bigint(): bigint {
    const digits = this.#in.text();
    return digits.startsWith("-") ? -BigInt("0x" + digits.slice(1)) : BigInt("0x" + digits);
  }

  #shape(): ReadShape {
    const input = this.#in;
    const at = input.at - 1;
    input.need(SHAPE_HEADER_BYTES - 1);
    input.need(SHAPE_HEADER_BYTES - 1 + keyBytes(input.bytes, at));
    const shape = this.#knownShapes.find(input.bytes, at);
    if (shape === undefined) throw input.bad("shape of keys", input.bytes[at + 4]!, at);
    input.at = at + shape.bytes.length;
    if (this.#shapeCount < NUMBERED_SHAPES) this.#shapes[this.#shapeCount++] = shape;
    return shape;
  }

  #shapeAgain(): ReadShape {
    const offset = this.#in.at;
    const number = this.#in.byte();
    if (number >= this.#shapeCount) throw this.#in.bad("shape number", number, offset);
    return this.#shapes[number]!;
  }

  #fields(shape: ReadShape): object {
    // Objects that are referred to have to be there before their fields are.
    if (shape.read !== undefined && !this.#keepsObjects) return shape.read();
    if (shape.uses < COMPILE_AFTER && ++shape.uses === COMPILE_AFTER && !shape.unsafe) {
      shape.read = compileReader(shape.keys, this);
    }
    const object: Record<string, unknown> = shape.make === undefined ? {} : shape.make();
    this.#keep(object);
    const keys = shape.keys;
    const count = keys.length;
    if (shape.unsafe) {
      for (let i = 0; i < count; i++) define(object, keys[i]!, this.value());
    } else {
      for (let i = 0; i < count; i++) object[keys[i]!] = this.value();
    }
    return object;
  }

  #dictionary(): object {
    const object: Record<string, unknown> = this.#keep({});
    const count = this.#in.count(2);
    for (let i = 0; i < count; i++) {
      const key = this.#in.text();
      if (key === "__proto__") define(object, key, this.value());
      else object[key] = this.value();
    }
    return object;
  }

  #array(): unknown[] {
    const input = this.#in;
    const length = input.u32();
    const array: unknown[] = this.#keep([]);
    for (let i = 0; i < length; i++) {
      const tag = input.at < input.end ? input.bytes[input.at] : undefined;
      if (tag === INTEGERS || tag === FLOATS) {
        input.at++;
        i += this.#numbers(array, tag, length - i) - 1;
      } else if (tag === SPARSE) {
        input.at++;
        array.length = length;
        this.#sparse(array);
        break;
      } else {
        array.push(this.value());
      }
    }
    return array;
  }

  /** Numbers without tags of their own, at most so many; returns how many. */
  #numbers(array: unknown[], tag: number, most: number): number {
    const input = this.#in;
    const offset = input.at;
    const count = input.u32();
    if (count > most) throw input.bad("count of numbers", count, offset);
    input.align();
    if (tag === INTEGERS) {
      input.need(4 * count);
      for (let i = 0; i < count; i++) array.push(input.runInteger());
    } else {
      input.need(8 * count);
      for (let i = 0; i < count; i++) array.push(input.runFloat());
    }
    return count;
  }

  #sparse(array: unknown[]): void {
    const input = this.#in;
    const count = input.count(5);
    for (let i = 0; i < count; i++) {
      const offset = input.at;
      const index = input.u32();
      if (index >= array.length) throw input.bad("index", index, offset);
      array[index] = this.value();
    }
  }

  #map(): Map<unknown, unknown> {
    const map = this.#keep(new Map<unknown, unknown>());
    const count = this.#in.count(2);
    for (let i = 0; i < count; i++) {
      const key = this.value();
      map.set(key, this.value());
    }
    return map;
  }

  #set(): Set<unknown> {
    const set = this.#keep(new Set<unknown>());
    const count = this.#in.count(1);
    for (let i = 0; i < count; i++) set.add(this.value());
    return set;
  }

  #resizable(): ArrayBuffer {
    const maxByteLength = this.#in.float();
    const bytes = this.#in.block();
    const buffer = new ArrayBuffer(bytes.length, { maxByteLength });
    new Uint8Array(buffer).set(bytes);
    return this.#keep(buffer);
  }

  #view(): ArrayBufferView {
    const input = this.#in;
    const offset = input.at;
    const kind = input.byte();
    const view = VIEW_CLASSES[kind];
    if (view === undefined) throw input.bad("kind of view", kind, offset);
    const bytes = input.block();
    return this.#keep(view === Uint8Array ? bytes : new view(bytes.buffer));
  }

  #boxed(): object {
    // Numbered before its primitive, which has no number itself.
    return this.#keep(Object(this.value()) as object);
  }

  #error(): Error {
    const input = this.#in;
    const offset = input.at;
    const builtIn = input.byte();
    if (!isBuiltIn(builtIn)) throw input.bad("error class", builtIn, offset);
    const names: string[] = [];
    for (let i = input.byte(); i > 0; i--) names.push(input.text());
    const name = input.textOrNone();
    const error = this.#keep(rebuild(builtIn, names, name, input.textOrNone()));
    restoreStack(error, input.textOrNone());
    const count = input.count(3);
    for (let i = 0; i < count; i++) {
      const enumerable = input.byte() === 1;
      const key = input.text();
      define(error, key, this.value(), enumerable);
    }
    return error;
  }

  #wire(): unknown {
    const input = this.#in;
    const offset = input.at;
    const index = input.byte();
    const type = this.#types[index];
    if (type === undefined) throw input.bad("wire type", index, offset);
    const byteLength = type.words * 4;
    input.need(byteLength);
    for (let i = 0; i < byteLength; i++) this.#wordBytes[i] = input.bytes[input.at + i]!;
    input.at += byteLength;
    if (!this.#discards) return this.#keep(this.#readWire(type));
    try {
      type.undelivered(this.#words, 0);
    } catch (error) {
      // The others have to be told all the same; discard() throws what was collected.
      this.#discardErrors.push(error);
    }
    return this.#keep(undefined);
  }

  #readWire(type: WireType<object>): object | undefined {
    try {
      const value = type.read(this.#words, 0);
      this.#wireTypes.push(type);
      this.#wireValues.push(value);
      return value;
    } catch (error) {
      this.#failure = { error };
      this.#discards = true;
    }
  }
}

function define(object: object, key: string, value: unknown, enumerable = true): void {
  Object.defineProperty(object, key, { value, writable: true, configurable: true, enumerable });
}
