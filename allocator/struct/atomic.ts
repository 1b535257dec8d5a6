/**
 * Fields that several threads change: each operation is one of `Atomics`, on a number in a struct.
 *
 * Reading such a field gives a small object with the operations. Compiled code that uses it at once
 * makes no object, as V8 finds that nobody keeps it; one that is kept costs nothing after that.
 *
 * @module
 */
import type { SegmentArrays } from "../memory/mod.ts";
import { describe } from "./describe.ts";
import type { FieldType } from "./field_type.ts";
import { i32, i64, kindError, u32, u64 } from "./scalar.ts";
import * as memory from "./view_memory.ts";

// Copies, as V8 knows no imported binding to be constant: see view_class.ts.
const ARRAYS: typeof memory.ARRAYS = memory.ARRAYS;
const ADDRESS: typeof memory.ADDRESS = memory.ADDRESS;

/** A number that threads change by `Atomics`. */
export interface AtomicType<Value extends number | bigint> extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "atomic";
  /** @internal */
  read(arrays: SegmentArrays, address: number): AtomicField<Value>;
}

/**
 * An atomic field of a struct, or an atomic element of an array. It stays where it is when the view
 * that it was read from moves. Numbers out of range wrap around.
 *
 * The operations are sequentially consistent: who loads a value sees all that was written before it
 * was stored. Each throws a `TypeError` for a value of the wrong kind, and changes nothing.
 */
export interface AtomicField<Value extends number | bigint> {
  /** The value. */
  load(): Value;
  /**
   * The value by a plain read, which costs a tenth of `load()`. It may be an old one, and what others
   * wrote before they stored it may not be seen yet: for figures, and to look before `load()`.
   */
  peek(): Value;
  /** Replaces the value. */
  store(value: Value): void;
  /** Adds to the value, and returns the former one. */
  add(value: Value): Value;
  /** Subtracts from the value, and returns the former one. */
  sub(value: Value): Value;
  /** Keeps the bits that are also in `value`, and returns the former value. */
  and(value: Value): Value;
  /** Sets the bits of `value`, and returns the former value. */
  or(value: Value): Value;
  /** Flips the bits of `value`, and returns the former value. */
  xor(value: Value): Value;
  /** Replaces the value, and returns the former one. */
  exchange(value: Value): Value;
  /** Replaces the value if it is `expected`. Returns the former one: `expected` if it was replaced. */
  compareExchange(expected: Value, replacement: Value): Value;
  /**
   * Wakes threads that wait for this field, those that have waited longest first.
   *
   * @param count how many at most; all by default
   * @returns how many there were
   */
  notify(count?: number): number;
  /**
   * Blocks the thread while the value is `expected`, until `notify()`. On a shard, that stops all of
   * its calls too: use `waitAsync()` of `@tidepool/core/shard` there.
   *
   * @param expected the value that is waited on
   * @param timeoutMs after so many milliseconds it gives up; never by default
   * @returns "not-equal" if the value was another at once
   * @throws {TypeError} if this thread may not block, or a value is of the wrong kind
   * @throws {RangeError} if `timeoutMs` is negative or NaN
   */
  wait(expected: Value, timeoutMs?: number): "ok" | "not-equal" | "timed-out";
  /**
   * Where to wait for it with functions of `Atomics`, and the value as it is there. Checks both.
   * @internal
   */
  waitPlace(expected: Value, timeoutMs: number): WaitPlace<Value>;
  /** The value, as `load()` gives it. */
  toJSON(): Value;
}

/**
 * A whole number from 0 to 2^32 - 1 that several threads change.
 *
 * @example
 * ```ts
 * import { Allocator, atomicU32, struct } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const Counters = struct("Counters", { hits: atomicU32, misses: atomicU32 });
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const counters = Counters.make(allocator, { misses: 5 });
 *
 * // On any thread, at the same time as on others:
 * const { hits } = Counters.at(segment, counters.address);
 * hits.add(1);
 * if (hits.compareExchange(1, 2) === 1) hits.notify();
 * assertEquals(counters.toJSON(), { hits: 2, misses: 5 });
 * ```
 */
export const atomicU32: AtomicType<number> = atomic("atomicU32", {
  byteLength: 4,
  sample: 0,
  words: (arrays) => arrays.u32,
  waitWords: (arrays) => arrays.i32,
  waitValue: (value) => value | 0,
  peek: u32.read,
});

/** A whole number from -2^31 to 2^31 - 1 that several threads change. */
export const atomicI32: AtomicType<number> = atomic("atomicI32", {
  byteLength: 4,
  sample: 0,
  words: (arrays) => arrays.i32,
  waitWords: (arrays) => arrays.i32,
  waitValue: (value) => value | 0,
  peek: i32.read,
});

/** A bigint from 0 to 2^64 - 1 that several threads change. */
export const atomicU64: AtomicType<bigint> = atomic("atomicU64", {
  byteLength: 8,
  sample: 0n,
  words: (arrays) => arrays.u64,
  waitWords: (arrays) => arrays.i64,
  waitValue: (value) => BigInt.asIntN(64, value),
  peek: u64.read,
});

/** A bigint from -2^63 to 2^63 - 1 that several threads change. */
export const atomicI64: AtomicType<bigint> = atomic("atomicI64", {
  byteLength: 8,
  sample: 0n,
  words: (arrays) => arrays.i64,
  waitWords: (arrays) => arrays.i64,
  waitValue: (value) => BigInt.asIntN(64, value),
  peek: i64.read,
});

/** The typed arrays that `Atomics` works on, for one kind of value. */
type Words<Value> = Value extends number ? Int32Array | Uint32Array
  : BigInt64Array | BigUint64Array;
type WaitWords<Value> = Value extends number ? Int32Array : BigInt64Array;

/** Where to wait for a field by functions of `Atomics`. */
export interface WaitPlace<Value> {
  /** The array that the field is an element of. */
  readonly words: WaitWords<Value>;
  /** Which one. */
  readonly index: number;
  /** The value that is waited on, as it is there. */
  readonly value: Value;
}

interface Access<Value extends number | bigint> {
  readonly byteLength: number;
  /** A value of the right kind. */
  readonly sample: Value;
  readonly words: (arrays: SegmentArrays) => Words<Value>;
  /** The same words as an array that can be waited on, and a value as it is there. */
  readonly waitWords: (arrays: SegmentArrays) => WaitWords<Value>;
  readonly waitValue: (value: Value) => Value;
  readonly peek: (arrays: SegmentArrays, address: number) => Value;
}

/** `Atomics`, for arrays of one kind of value. TypeScript has two overloads, of which a union takes none. */
interface AtomicsOf<Value> {
  load(words: Words<Value>, index: number): Value;
  store(words: Words<Value>, index: number, value: Value): Value;
  add(words: Words<Value>, index: number, value: Value): Value;
  sub(words: Words<Value>, index: number, value: Value): Value;
  and(words: Words<Value>, index: number, value: Value): Value;
  or(words: Words<Value>, index: number, value: Value): Value;
  xor(words: Words<Value>, index: number, value: Value): Value;
  exchange(words: Words<Value>, index: number, value: Value): Value;
  compareExchange(words: Words<Value>, index: number, expected: Value, replacement: Value): Value;
  notify(words: WaitWords<Value>, index: number, count?: number): number;
  wait(
    words: WaitWords<Value>,
    index: number,
    value: Value,
    timeoutMs?: number,
  ): "ok" | "not-equal" | "timed-out";
}

function atomic<Value extends number | bigint>(
  name: string,
  access: Access<Value>,
): AtomicType<Value> {
  const { byteLength, words, waitWords, waitValue, peek } = access;
  const bytes = byteLength;
  const kind = typeof access.sample;
  const expectedKind = kind === "number" ? "a number" : "a bigint";
  const operations = Atomics as unknown as AtomicsOf<Value>;
  const { load, store, add, sub, and, or, xor, exchange, compareExchange, notify, wait } =
    operations;

  function refuse(value: unknown): never {
    throw kindError(value, "an atomic field", name, expectedKind);
  }

  class Field implements AtomicField<Value> {
    declare [ARRAYS]: SegmentArrays;
    declare [ADDRESS]: number;

    constructor(arrays: SegmentArrays, address: number) {
      this[ARRAYS] = arrays;
      this[ADDRESS] = address;
    }

    get [Symbol.toStringTag](): string {
      return name;
    }

    load(): Value {
      return load(words(this[ARRAYS]), this[ADDRESS] / bytes);
    }

    peek(): Value {
      return peek(this[ARRAYS], this[ADDRESS]);
    }

    store(value: Value): void {
      if (typeof value !== kind) refuse(value);
      store(words(this[ARRAYS]), this[ADDRESS] / bytes, value);
    }

    add(value: Value): Value {
      if (typeof value !== kind) refuse(value);
      return add(words(this[ARRAYS]), this[ADDRESS] / bytes, value);
    }

    sub(value: Value): Value {
      if (typeof value !== kind) refuse(value);
      return sub(words(this[ARRAYS]), this[ADDRESS] / bytes, value);
    }

    and(value: Value): Value {
      if (typeof value !== kind) refuse(value);
      return and(words(this[ARRAYS]), this[ADDRESS] / bytes, value);
    }

    or(value: Value): Value {
      if (typeof value !== kind) refuse(value);
      return or(words(this[ARRAYS]), this[ADDRESS] / bytes, value);
    }

    xor(value: Value): Value {
      if (typeof value !== kind) refuse(value);
      return xor(words(this[ARRAYS]), this[ADDRESS] / bytes, value);
    }

    exchange(value: Value): Value {
      if (typeof value !== kind) refuse(value);
      return exchange(words(this[ARRAYS]), this[ADDRESS] / bytes, value);
    }

    compareExchange(expected: Value, replacement: Value): Value {
      if (typeof expected !== kind) refuse(expected);
      if (typeof replacement !== kind) refuse(replacement);
      const index = this[ADDRESS] / bytes;
      return compareExchange(words(this[ARRAYS]), index, expected, replacement);
    }

    notify(count?: number): number {
      return notify(waitWords(this[ARRAYS]), this[ADDRESS] / bytes, count);
    }

    wait(expected: Value, timeoutMs: number = Infinity): "ok" | "not-equal" | "timed-out" {
      const { words, index, value } = this.waitPlace(expected, timeoutMs);
      return wait(words, index, value, timeoutMs);
    }

    waitPlace(expected: Value, timeoutMs: number): WaitPlace<Value> {
      if (typeof expected !== kind) refuse(expected);
      checkTimeout(timeoutMs);
      const index = this[ADDRESS] / bytes;
      return { words: waitWords(this[ARRAYS]), index, value: waitValue(expected) };
    }

    toJSON(): Value {
      return this.load();
    }

    [Symbol.for("Deno.customInspect")](
      inspect: (value: unknown, options: unknown) => string,
      options: unknown,
    ): string {
      return `${name} ${inspect(this.load(), options)}`;
    }
  }

  Object.defineProperty(Field, "name", { value: name });
  return Object.freeze<AtomicType<Value>>({
    kind: "atomic",
    name,
    byteLength,
    alignment: byteLength,
    read: (arrays, address) => new Field(arrays, address),
    write: (arrays, address, value, place) => {
      const plain: unknown = value instanceof Field ? value.load() : value;
      if (typeof plain !== kind) throw kindError(value, place, name, expectedKind);
      store(words(arrays), address / bytes, plain as Value);
    },
  });
}

function checkTimeout(timeoutMs: unknown): void {
  if (typeof timeoutMs !== "number") {
    throw new TypeError(
      `Cannot wait for ${describe(timeoutMs)} ms: expected a number of milliseconds`,
    );
  }
  if (!(timeoutMs >= 0)) {
    throw new RangeError(`Cannot wait for ${timeoutMs} ms: expected 0 or more`);
  }
}
