/**
 * Values into bytes (see value_layout.ts). The walk is structured clone's, of the HTML standard,
 * section 2.7. It differs in that errors are kept whole, wire types are known, shared memory and
 * what has nothing to send are refused, and a refusal names the path.
 *
 * @module
 */

import { ByteWriter, isInt32, type LengthLimit } from "./byte_writer.ts";
import { COMPILE_AFTER, compileWriter } from "./compiled_shape.ts";
import { classify, HIDDEN_FIELDS } from "./error_codec.ts";
import { MetObjects } from "./met_objects.ts";
import { fieldStep, mapStep, reasonAgainst, Refusal, SENT_BY } from "./refusal.ts";
import { inheritsNothing, type WrittenShape, WrittenShapes } from "./shape_table.ts";
import {
  ARRAY,
  BOXED,
  BUFFER,
  DATE,
  DICTIONARY,
  ERROR,
  FALSE,
  FLOATS,
  HAS_POOL,
  HAS_REFERENCES,
  HAS_WIRE_TYPES,
  INTEGERS,
  MAP,
  MAX_DEPTH,
  NULL,
  NUMBERED_SHAPES,
  REFERENCE,
  REGEXP,
  RESIZABLE,
  RUN_LENGTH,
  SET,
  SHAPE_AGAIN,
  SPARSE,
  TRUE,
  UNDEFINED,
  VIEW,
  VIEW_CLASSES,
  WIRE,
} from "./value_layout.ts";
import { descriptorOf, keysOf, memberOf, messageOf } from "./thrown.ts";
import { MAX_WIRE_WORDS, type WireType, type WireTypes } from "./wire_type.ts";

/** A wire-typed value, and where in the scratch it lies. */
interface WrittenValue {
  readonly value: object;
  readonly type: WireType<object>;
  readonly at: number;
  /** Index of the value of the message that holds it. */
  readonly root: number;
}

/** Writes one message at a time. */
export class ValueWriter {
  readonly #types: WireTypes;
  readonly #limit: LengthLimit;
  readonly #out: ByteWriter;
  readonly #shapes = new WrittenShapes();
  readonly #words = new Int32Array(MAX_WIRE_WORDS);
  readonly #wordBytes = new Uint8Array(this.#words.buffer);

  readonly #met = new MetObjects();
  /** Tells the shapes of this message from those of earlier ones. */
  #message = 0;
  #shapeCount = 0;
  /** Whether for-in shows of a plain object what Object.keys() does, if this message has asked. */
  #inheritsNothing: boolean | undefined;
  #flags = 0;
  #depth = 0;
  #transfers: object[] = [];
  /** Which of the values of the message is being written. */
  #root = 0;
  /** The wire-typed values, which may change before the message is complete. */
  #written: WrittenValue[] = [];

  constructor(types: WireTypes, limit: LengthLimit) {
    this.#types = types;
    this.#limit = limit;
    this.#out = new ByteWriter(limit);
  }

  /** Writes a message; see `ValueCodec.encode()`. */
  write(
    values: readonly unknown[],
    name: (index: number) => string,
    transfers: object[],
  ): Uint8Array {
    const out = this.#out;
    const admitted = transfers.length;
    this.#transfers = transfers;
    this.#message++;
    this.#shapeCount = 0;
    this.#inheritsNothing = undefined;
    this.#flags = 0;
    this.#depth = 0;
    out.restart();
    out.byte(0);
    let i = 0;
    try {
      out.u32(values.length);
      for (; i < values.length; i++) {
        this.#root = i;
        const value = values[i];
        // Not into the pool, so that the first values can be read without it.
        if (typeof value === "string") out.wholeText(value);
        else this.value(value);
      }
      if (out.pooledTexts()) this.#flags |= HAS_POOL;
      if (this.#written.length > 0) this.#writeAgain(name);
    } catch (error) {
      transfers.length = admitted;
      Refusal.passing(error, name(i));
      throw error instanceof Refusal ? error.toError() : error;
    } finally {
      this.#forgetObjects();
    }
    out.bytes[0] = this.#flags;
    return out.bytes.subarray(0, out.at);
  }

  /** Nothing of the application's is kept alive between messages. */
  #forgetObjects(): void {
    this.#met.clear();
    this.#out.forgetTexts();
    if (this.#written.length > 0) this.#written = [];
    this.#transfers = [];
  }

  /** Writes one value of the message. */
  value(value: unknown): void {
    // Not a switch, for which the engine would make the name of the type and compare that.
    if (typeof value === "number") this.#out.number(value);
    else if (typeof value === "string") this.#out.text(value);
    else if (typeof value === "object") {
      if (value === null) this.#out.byte(NULL);
      else this.#object(value);
    } else if (typeof value === "boolean") this.#out.byte(value ? TRUE : FALSE);
    else if (value === undefined) this.#out.byte(UNDEFINED);
    else if (typeof value === "bigint") this.#out.bigint(value);
    else throw new Refusal(reasonAgainst(value));
  }

  #object(value: object): void {
    const number = this.#met.meet(value);
    if (number >= 0) return this.#reference(number);
    if (++this.#depth > MAX_DEPTH) {
      throw new Refusal(`it lies deeper than ${MAX_DEPTH} objects inside one another`, true);
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) this.#plain(value);
    else if (Array.isArray(value)) this.#array(value);
    else this.#other(value);
    this.#depth--;
  }

  #reference(number: number): void {
    this.#flags |= HAS_REFERENCES;
    this.#out.byte(REFERENCE);
    this.#out.u32(number);
  }

  /** A plain object. */
  #plain(value: object): void {
    this.#inheritsNothing ??= inheritsNothing();
    const shape = this.#inheritsNothing ? this.#shapes.expected(value) : undefined;
    if (shape === undefined) {
      this.#fields(value);
    } else {
      this.#shape(shape);
      if (shape.write !== undefined) shape.write(value);
      else {
        if (shape.uses < COMPILE_AFTER && ++shape.uses === COMPILE_AFTER) {
          const { keys } = shape;
          shape.write = compileWriter(
            keys,
            this,
            (error, i) => Refusal.passing(error, fieldStep(keys[i]!)),
          );
        }
        this.#valuesOf(value, shape.keys);
      }
    }
  }

  /** A plain object of other keys than expected, or an object that becomes plain. */
  #fields(value: object): void {
    const keys = Object.keys(value);
    const count = keys.length;
    if (count === 0) this.#refuseIfHollow(value);
    const shape = count === 0 ? undefined : this.#shapes.find(keys);
    if (shape === undefined) {
      this.#dictionary(value, keys);
    } else {
      this.#shape(shape);
      this.#valuesOf(value, keys);
    }
  }

  #shape(shape: WrittenShape): void {
    const out = this.#out;
    if (shape.message === this.#message) {
      out.byte(SHAPE_AGAIN);
      out.byte(shape.number);
    } else {
      out.fewBytes(shape.bytes);
      if (this.#shapeCount < NUMBERED_SHAPES) {
        shape.message = this.#message;
        shape.number = this.#shapeCount++;
      }
    }
  }

  #valuesOf(value: object, keys: readonly string[]): void {
    let i = 0;
    try {
      // In a for-in over the object compiled code reads the fields without a look-up of their names.
      for (const key in value) {
        if (key !== keys[i]) break; // inherited, or a getter has changed the object
        this.value((value as Record<string, unknown>)[key]);
        i++;
      }
      for (; i < keys.length; i++) this.value((value as Record<string, unknown>)[keys[i]!]);
    } catch (error) {
      throw Refusal.passing(error, fieldStep(keys[i]!));
    }
  }

  #dictionary(value: object, keys: readonly string[]): void {
    const out = this.#out;
    out.byte(DICTIONARY);
    out.u32(keys.length);
    let i = 0;
    try {
      for (; i < keys.length; i++) {
        const key = keys[i]!;
        out.text(key);
        this.value((value as Record<string, unknown>)[key]);
      }
    } catch (error) {
      throw Refusal.passing(error, fieldStep(keys[i]!));
    }
  }

  /**
   * An object of a class without one field to send would arrive as {}: a file, a socket, a service
   * whose state is private. That is a mistake, and sending it would hide it. So are `Math` and the
   * like, which are plain by their prototype alone.
   */
  #refuseIfHollow(value: object): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === null) return;
    if (prototype !== Object.prototype || Symbol.toStringTag in value) {
      const why = reasonAgainst(value);
      throw new Refusal(SENT_BY in value ? why : `${why}: it has no fields of its own`);
    }
  }

  #array(value: readonly unknown[]): void {
    const out = this.#out;
    const length = value.length;
    out.byte(ARRAY);
    out.u32(length);
    let i = 0;
    try {
      let element = length > 0 ? value[0] : undefined;
      if (length >= RUN_LENGTH && typeof element === "number" && isInt32(element)) {
        const countAt = out.startRun(INTEGERS);
        while (typeof element === "number" && isInt32(element)) {
          out.runInteger(element);
          if (++i === length) break;
          element = value[i];
        }
        out.putU32(countAt, i);
      }
      if (length - i >= RUN_LENGTH && typeof element === "number") {
        const from = i;
        const countAt = out.startRun(FLOATS);
        while (typeof element === "number") {
          out.runFloat(element);
          if (++i === length) break;
          element = value[i];
        }
        out.putU32(countAt, i - from);
      }
      while (i < length) {
        if (element === undefined && !(i in value)) break;
        this.value(element);
        if (++i < length) element = value[i];
      }
    } catch (error) {
      throw Refusal.passing(error, `[${i}]`);
    }
    if (i < length) this.#sparse(value, i, length);
  }

  #sparse(value: readonly unknown[], from: number, length: number): void {
    const out = this.#out;
    out.byte(SPARSE);
    const countAt = out.u32(0);
    let count = 0;
    // Only the elements there are: an array may be two thousand million long and hold one.
    for (const key of Object.keys(value)) {
      const index = Number(key);
      if (!(index >= from && index < length) || String(index) !== key) continue;
      out.u32(index);
      try {
        this.value(value[index]);
      } catch (error) {
        throw Refusal.passing(error, `[${index}]`);
      }
      count++;
    }
    out.putU32(countAt, count);
  }

  /** Everything but plain objects and arrays. */
  #other(value: object): void {
    const out = this.#out;
    const type = this.#types.indexOf(value);
    if (type >= 0) {
      this.#wire(value, type);
    } else if (ArrayBuffer.isView(value)) {
      this.#view(value);
    } else if (value instanceof Map) {
      this.#map(value);
    } else if (value instanceof Set) {
      this.#set(value);
    } else if (value instanceof Date) {
      out.byte(DATE);
      out.float(value.getTime());
    } else if (value instanceof Error) {
      this.#error(value);
    } else if (value instanceof ArrayBuffer) {
      this.#buffer(value);
    } else if (value instanceof RegExp) {
      out.byte(REGEXP);
      out.text(value.source);
      out.text(value.flags);
    } else if (
      value instanceof Number || value instanceof String || value instanceof Boolean ||
      value instanceof BigInt
    ) {
      out.byte(BOXED);
      this.value(value.valueOf());
    } else if (Symbol.toStringTag in value) {
      // Promises, iterators, weak collections, streams, ports, URLs: what the platform makes.
      throw new Refusal(reasonAgainst(value));
    } else {
      this.#fields(value);
    }
  }

  #wire(value: object, index: number): void {
    const out = this.#out;
    const type = this.#types.list[index]!;
    if (type.onlyWhole !== undefined && this.#depth > 1) throw new Refusal(type.onlyWhole);
    try {
      type.write(value, this.#words, 0);
    } catch (error) {
      // A refusal like ours, so that an error that carries such a value still arrives.
      if (error instanceof TypeError) throw new Refusal(error.message, false, error);
      throw error;
    }
    this.#flags |= HAS_WIRE_TYPES;
    out.byte(WIRE);
    out.byte(index);
    this.#written.push({ value, type, at: out.at, root: this.#root });
    const bytes = this.#wordBytes;
    for (let i = 0; i < type.words * 4; i++) out.byte(bytes[i]!);
    this.#transfers.push(value);
  }

  /** Getters have run since wire-typed values were written: they may have sent one away themselves. */
  #writeAgain(name: (index: number) => string): void {
    for (const { value, type, at, root } of this.#written) {
      try {
        type.write(value, this.#words, 0);
      } catch (error) {
        if (error instanceof TypeError) throw Refusal.withPath(error, name(root));
        throw error;
      }
      this.#out.bytes.set(this.#wordBytes.subarray(0, type.words * 4), at);
    }
  }

  #view(value: ArrayBufferView): void {
    const kind = VIEW_CLASSES.findIndex((known) => value instanceof known);
    if (kind < 0) throw new Refusal(reasonAgainst(value));
    const buffer = value.buffer;
    if (buffer instanceof ArrayBuffer) this.#refuseIfDetached(buffer);
    this.#out.byte(VIEW);
    this.#out.byte(kind);
    this.#out.block(
      value instanceof Uint8Array
        ? value
        : new Uint8Array(buffer, value.byteOffset, value.byteLength),
    );
  }

  #buffer(value: ArrayBuffer): void {
    this.#refuseIfDetached(value);
    const out = this.#out;
    if (value.resizable) {
      out.byte(RESIZABLE);
      out.float(value.maxByteLength);
    } else {
      out.byte(BUFFER);
    }
    out.block(new Uint8Array(value));
  }

  #refuseIfDetached(buffer: ArrayBuffer): void {
    if (buffer.detached) throw new Refusal("its ArrayBuffer is detached: it was transferred away");
  }

  #map(value: ReadonlyMap<unknown, unknown>): void {
    this.#out.byte(MAP);
    // Counted, not asked for: a getter on the way may change the Map.
    const countAt = this.#out.u32(0);
    let count = 0;
    for (const [key, element] of value) {
      try {
        this.value(key);
      } catch (error) {
        throw Refusal.passing(error, `.keys()[${count}]`);
      }
      try {
        this.value(element);
      } catch (error) {
        throw Refusal.passing(error, mapStep(key));
      }
      count++;
    }
    this.#out.putU32(countAt, count);
  }

  #set(value: ReadonlySet<unknown>): void {
    this.#out.byte(SET);
    const countAt = this.#out.u32(0);
    let count = 0;
    for (const element of value) {
      try {
        this.value(element);
      } catch (error) {
        throw Refusal.passing(error, `.values()[${count}]`);
      }
      count++;
    }
    this.#out.putU32(countAt, count);
  }

  /**
   * An error, whole; the layout is in error_codec.ts. Whatever its getters do, the error arrives, as it
   * is what explains a failure.
   */
  #error(value: Error): void {
    const out = this.#out;
    // What is left out again must not leave its text behind.
    const pooled = out.setPools(false);
    const names: string[] = [];
    out.byte(ERROR);
    out.byte(classify(value, names));
    out.byte(names.length);
    for (const name of names) out.text(name);
    this.#textOrNone(memberOf(value, "name"));
    this.#textOrNone(messageOf(value));
    this.#textOrNone(memberOf(value, "stack"));
    const countAt = out.u32(0);
    let count = 0;
    for (const key of keysOf(value)) {
      if (key !== "stack" && this.#errorField(value, key, true)) count++;
    }
    for (const key of HIDDEN_FIELDS) {
      const descriptor = descriptorOf(value, key);
      if (descriptor === undefined || descriptor.enumerable) continue;
      if ((key === "name" || key === "message") && typeof descriptor.value === "string") continue;
      if (this.#errorField(value, key, false)) count++;
    }
    out.putU32(countAt, count);
    out.setPools(pooled);
  }

  #textOrNone(value: unknown): void {
    if (typeof value === "string") this.#out.text(value);
    else this.#out.byte(UNDEFINED);
  }

  /**
   * Writes one field of an error, or nothing if it cannot be read or its value cannot travel: an error
   * that carries the request it failed on must arrive all the same.
   */
  #errorField(error: Error, key: string, enumerable: boolean): boolean {
    const out = this.#out;
    const at = out.at;
    const objectCount = this.#met.count;
    const shapeCount = this.#shapeCount;
    const depth = this.#depth;
    const admitted = this.#transfers.length;
    const written = this.#written.length;
    out.byte(enumerable ? 1 : 0);
    out.text(key);
    try {
      this.value(error[key as keyof Error]);
      return true;
    } catch (refusal) {
      if (out.isTooLong && !this.#limit.leavesFieldsOut) throw refusal;
      out.back(at);
      this.#transfers.length = admitted;
      this.#written.length = written;
      this.#depth = depth;
      this.#shapes.forget(this.#message, shapeCount);
      this.#shapeCount = shapeCount;
      this.#met.forgetFrom(objectCount);
      return false;
    }
  }
}
