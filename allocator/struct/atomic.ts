/**
 * Fields that several threads change: each operation is one of `Atomics`, on a number in a struct.
 *
 * Reading such a field gives an object with the operations. It would be a new one at each access: V8
 * leaves out an object that nobody keeps, but not one with a method that calls a function, as those of
 * `Atomics` are. So a view keeps the objects of its fields from the first access on, and they move
 * with it: all look where one {@linkcode AtomicPlace} says.
 *
 * @module
 */
import type { SegmentArrays } from "../memory/mod.ts";
import { describe } from "./describe.ts";
import type { FieldType } from "./field_type.ts";
import { kindError } from "./scalar.ts";

// Symbols, as a name that is private to a class has another key each time that the class is made, which
// V8 does not know: 7 ns an access.
const PLACE: unique symbol = Symbol("place");
const OFFSET: unique symbol = Symbol("offset");
const WORDS: unique symbol = Symbol("words");

/** By atomic type: how a view makes its field at an offset. */
const fieldMakers = new WeakMap<
  FieldType,
  (place: AtomicPlace, offset: number) => AtomicField<number | bigint>
>();

/** A number that threads change by `Atomics`. */
export interface AtomicType<Value extends number | bigint, Elements = unknown> extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "atomic";
  /** @internal */
  read(arrays: SegmentArrays, address: number): AtomicField<Value>;
  /**
   * The typed array over `length` of them in a row.
   * @internal
   */
  elements(arrays: SegmentArrays, address: number, length: number): Elements;
}

/** Where the atomic fields of a view are at present. */
export class AtomicPlace {
  /** The arrays over the segment. */
  readonly arrays: SegmentArrays;
  /** Where the struct begins. The view changes it when it moves. */
  address: number;
  /** The atomic fields of the struct, in order. */
  readonly fields: AtomicField<number | bigint>[] = [];

  constructor(arrays: SegmentArrays, address: number) {
    this.arrays = arrays;
    this.address = address;
  }
}

/**
 * An atomic field of a struct, or an atomic element of an array. Numbers out of range wrap around.
 *
 * That of a struct moves with the view that it was read from; so reading it again, also in a loop,
 * makes no object. That of an array stays where it is, and is a new object at each `get()`: in loops,
 * use `Atomics` on the `elements` of the array.
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
   * Where to wait for it with functions of `Atomics`.
   *
   * @param expected the value that is waited on
   * @returns the array that the field is an element of, and which element
   * @throws {TypeError} if the value is of the wrong kind
   */
  waitPlace(expected: Value): {
    readonly words: Value extends number ? Int32Array : BigInt64Array;
    readonly index: number;
  };
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
export const atomicU32: AtomicType<number, Uint32Array<SharedArrayBuffer>> = atomic("atomicU32", {
  byteLength: 4,
  sample: 0,
  words: (arrays) => arrays.u32,
  waitWords: (arrays) => arrays.i32,
  peek: (words, index) => words[index]!,
  elements: (buffer, address, length) => new Uint32Array(buffer, address, length),
});

/** A whole number from -2^31 to 2^31 - 1 that several threads change. */
export const atomicI32: AtomicType<number, Int32Array<SharedArrayBuffer>> = atomic("atomicI32", {
  byteLength: 4,
  sample: 0,
  words: (arrays) => arrays.i32,
  waitWords: (arrays) => arrays.i32,
  peek: (words, index) => words[index]!,
  elements: (buffer, address, length) => new Int32Array(buffer, address, length),
});

/** A bigint from 0 to 2^64 - 1 that several threads change. */
export const atomicU64: AtomicType<bigint, BigUint64Array<SharedArrayBuffer>> = atomic(
  "atomicU64",
  {
    byteLength: 8,
    sample: 0n,
    words: (arrays) => arrays.u64,
    waitWords: (arrays) => arrays.i64,
    peek: (words, index) => words[index]!,
    elements: (buffer, address, length) => new BigUint64Array(buffer, address, length),
  },
);

/** A bigint from -2^63 to 2^63 - 1 that several threads change. */
export const atomicI64: AtomicType<bigint, BigInt64Array<SharedArrayBuffer>> = atomic("atomicI64", {
  byteLength: 8,
  sample: 0n,
  words: (arrays) => arrays.i64,
  waitWords: (arrays) => arrays.i64,
  peek: (words, index) => words[index]!,
  elements: (buffer, address, length) => new BigInt64Array(buffer, address, length),
});

/** The typed arrays that `Atomics` works on, for one kind of value. */
type Words<Value> = Value extends number ? Int32Array | Uint32Array
  : BigInt64Array | BigUint64Array;

/** Those that it waits on. */
type WaitWords<Value> = Value extends number ? Int32Array : BigInt64Array;

interface Access<Value extends number | bigint, Elements> {
  readonly byteLength: number;
  /** A value of the right kind. */
  readonly sample: Value;
  readonly words: (arrays: SegmentArrays) => Words<Value>;
  /** The same words as an array that can be waited on. */
  readonly waitWords: (arrays: SegmentArrays) => WaitWords<Value>;
  /** Reads plainly. One for each kind: see scalar.ts. */
  readonly peek: (words: Words<Value>, index: number) => Value;
  readonly elements: (buffer: SharedArrayBuffer, address: number, length: number) => Elements;
}

/** The atomic field that lies at `offset` from a place, wherever that moves. */
export function atomicFieldAt(
  type: FieldType,
  place: AtomicPlace,
  offset: number,
): AtomicField<number | bigint> {
  return fieldMakers.get(type)!(place, offset);
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

function atomic<Value extends number | bigint, Elements>(
  name: string,
  access: Access<Value, Elements>,
): AtomicType<Value, Elements> {
  const { byteLength, sample, words, waitWords, peek } = access;
  const bytes = byteLength;
  const expectedKind = typeof sample === "number" ? "a number" : "a bigint";
  const operations = Atomics as unknown as AtomicsOf<Value>;
  const { load, store, add, sub, and, or, xor, exchange, compareExchange, notify, wait } =
    operations;

  function refuse(value: unknown): never {
    throw kindError(value, "an atomic field", name, expectedKind);
  }

  class Field implements AtomicField<Value> {
    declare readonly [PLACE]: AtomicPlace;
    declare readonly [OFFSET]: number;
    declare readonly [WORDS]: Words<Value>;

    constructor(place: AtomicPlace, offset: number) {
      const self = this as { [PLACE]: AtomicPlace; [OFFSET]: number; [WORDS]: Words<Value> };
      self[PLACE] = place;
      self[OFFSET] = offset;
      self[WORDS] = words(place.arrays);
    }

    get [Symbol.toStringTag](): string {
      return name;
    }

    load(): Value {
      return load(this[WORDS], (this[PLACE].address + this[OFFSET]) / bytes);
    }

    peek(): Value {
      return peek(this[WORDS], (this[PLACE].address + this[OFFSET]) / bytes);
    }

    store(value: Value): void {
      if (typeof value !== typeof sample) refuse(value);
      store(this[WORDS], (this[PLACE].address + this[OFFSET]) / bytes, value);
    }

    add(value: Value): Value {
      if (typeof value !== typeof sample) refuse(value);
      return add(this[WORDS], (this[PLACE].address + this[OFFSET]) / bytes, value);
    }

    sub(value: Value): Value {
      if (typeof value !== typeof sample) refuse(value);
      return sub(this[WORDS], (this[PLACE].address + this[OFFSET]) / bytes, value);
    }

    and(value: Value): Value {
      if (typeof value !== typeof sample) refuse(value);
      return and(this[WORDS], (this[PLACE].address + this[OFFSET]) / bytes, value);
    }

    or(value: Value): Value {
      if (typeof value !== typeof sample) refuse(value);
      return or(this[WORDS], (this[PLACE].address + this[OFFSET]) / bytes, value);
    }

    xor(value: Value): Value {
      if (typeof value !== typeof sample) refuse(value);
      return xor(this[WORDS], (this[PLACE].address + this[OFFSET]) / bytes, value);
    }

    exchange(value: Value): Value {
      if (typeof value !== typeof sample) refuse(value);
      return exchange(
        this[WORDS],
        (this[PLACE].address + this[OFFSET]) / bytes,
        value,
      );
    }

    compareExchange(expected: Value, replacement: Value): Value {
      if (typeof expected !== typeof sample) refuse(expected);
      if (typeof replacement !== typeof sample) refuse(replacement);
      const index = (this[PLACE].address + this[OFFSET]) / bytes;
      return compareExchange(this[WORDS], index, expected, replacement);
    }

    notify(count?: number): number {
      return notify(
        waitWords(this[PLACE].arrays),
        (this[PLACE].address + this[OFFSET]) / bytes,
        count,
      );
    }

    wait(expected: Value, timeoutMs: number = Infinity): "ok" | "not-equal" | "timed-out" {
      const { words, index } = this.waitPlace(expected);
      checkTimeout(timeoutMs);
      return wait(words, index, expected, timeoutMs);
    }

    waitPlace(expected: Value): ReturnType<AtomicField<Value>["waitPlace"]> {
      if (typeof expected !== typeof sample) refuse(expected);
      const index = (this[PLACE].address + this[OFFSET]) / bytes;
      return { words: waitWords(this[PLACE].arrays), index };
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
  const type = Object.freeze<AtomicType<Value, Elements>>({
    kind: "atomic",
    name,
    byteLength,
    alignment: byteLength,
    read: (arrays, address) => new Field(new AtomicPlace(arrays, address), 0),
    elements: (arrays, address, length) => access.elements(arrays.buffer, address, length),
    write: (arrays, address, value, place) => {
      const plain: unknown = value instanceof Field ? value.load() : value;
      if (typeof plain !== typeof sample) throw kindError(value, place, name, expectedKind);
      store(words(arrays), address / bytes, plain as Value);
    },
  });
  fieldMakers.set(
    type,
    (place, offset) => new Field(place, offset) as AtomicField<number | bigint>,
  );
  return type;
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
