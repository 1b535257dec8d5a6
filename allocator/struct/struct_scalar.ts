/**
 * Fields that hold one value: numbers, booleans, bigints, addresses.
 *
 * Each kind has functions of its own over an array of its own, although they look alike: V8 keeps
 * what it learns about an array access per place in the source, and a place shared by all kinds
 * would be as slow as the most general.
 *
 * @module
 */
import type { PointerType, ScalarType } from "./struct_field.ts";
import { describe, type SegmentArrays } from "./struct_memory.ts";

/** A whole number from 0 to 255. Others wrap around, as in a typed array. */
export const u8: ScalarType<number, Uint8Array<SharedArrayBuffer>> = scalar("u8", 1, {
  read: (arrays, address) => arrays.u8[address]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "number") throw kindError(value, place, "u8", "a number");
    arrays.u8[address] = value;
  },
  elements: ({ buffer }, address, length) => new Uint8Array(buffer, address, length),
});

/** A whole number from -128 to 127. Others wrap around, as in a typed array. */
export const i8: ScalarType<number, Int8Array<SharedArrayBuffer>> = scalar("i8", 1, {
  read: (arrays, address) => arrays.i8[address]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "number") throw kindError(value, place, "i8", "a number");
    arrays.i8[address] = value;
  },
  elements: ({ buffer }, address, length) => new Int8Array(buffer, address, length),
});

/** A whole number from 0 to 2^16 - 1. Others wrap around, as in a typed array. */
export const u16: ScalarType<number, Uint16Array<SharedArrayBuffer>> = scalar("u16", 2, {
  read: (arrays, address) => arrays.u16[address / 2]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "number") throw kindError(value, place, "u16", "a number");
    arrays.u16[address / 2] = value;
  },
  elements: ({ buffer }, address, length) => new Uint16Array(buffer, address, length),
});

/** A whole number from -2^15 to 2^15 - 1. Others wrap around, as in a typed array. */
export const i16: ScalarType<number, Int16Array<SharedArrayBuffer>> = scalar("i16", 2, {
  read: (arrays, address) => arrays.i16[address / 2]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "number") throw kindError(value, place, "i16", "a number");
    arrays.i16[address / 2] = value;
  },
  elements: ({ buffer }, address, length) => new Int16Array(buffer, address, length),
});

/** A whole number from 0 to 2^32 - 1. Others wrap around, as in a typed array. */
export const u32: ScalarType<number, Uint32Array<SharedArrayBuffer>> = scalar("u32", 4, {
  read: (arrays, address) => arrays.u32[address / 4]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "number") throw kindError(value, place, "u32", "a number");
    arrays.u32[address / 4] = value;
  },
  elements: ({ buffer }, address, length) => new Uint32Array(buffer, address, length),
});

/** A whole number from -2^31 to 2^31 - 1. Others wrap around, as in a typed array. */
export const i32: ScalarType<number, Int32Array<SharedArrayBuffer>> = scalar("i32", 4, {
  read: (arrays, address) => arrays.i32[address / 4]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "number") throw kindError(value, place, "i32", "a number");
    arrays.i32[address / 4] = value;
  },
  elements: ({ buffer }, address, length) => new Int32Array(buffer, address, length),
});

/** A number in single precision. */
export const f32: ScalarType<number, Float32Array<SharedArrayBuffer>> = scalar("f32", 4, {
  read: (arrays, address) => arrays.f32[address / 4]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "number") throw kindError(value, place, "f32", "a number");
    arrays.f32[address / 4] = value;
  },
  elements: ({ buffer }, address, length) => new Float32Array(buffer, address, length),
});

/** A number in double precision, as JavaScript's are. */
export const f64: ScalarType<number, Float64Array<SharedArrayBuffer>> = scalar("f64", 8, {
  read: (arrays, address) => arrays.f64[address / 8]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "number") throw kindError(value, place, "f64", "a number");
    arrays.f64[address / 8] = value;
  },
  elements: ({ buffer }, address, length) => new Float64Array(buffer, address, length),
});

/** A bigint from 0 to 2^64 - 1. Others wrap around, as in a typed array. */
export const u64: ScalarType<bigint, BigUint64Array<SharedArrayBuffer>> = scalar("u64", 8, {
  read: (arrays, address) => arrays.u64[address / 8]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "bigint") throw kindError(value, place, "u64", "a bigint");
    arrays.u64[address / 8] = value;
  },
  elements: ({ buffer }, address, length) => new BigUint64Array(buffer, address, length),
});

/** A bigint from -2^63 to 2^63 - 1. Others wrap around, as in a typed array. */
export const i64: ScalarType<bigint, BigInt64Array<SharedArrayBuffer>> = scalar("i64", 8, {
  read: (arrays, address) => arrays.i64[address / 8]!,
  write: (arrays, address, value, place) => {
    if (typeof value !== "bigint") throw kindError(value, place, "i64", "a bigint");
    arrays.i64[address / 8] = value;
  },
  elements: ({ buffer }, address, length) => new BigInt64Array(buffer, address, length),
});

/** A boolean, in one byte. */
export const bool: ScalarType<boolean> = scalar("bool", 1, {
  read: (arrays, address) => arrays.u8[address] !== 0,
  write: (arrays, address, value, place) => {
    if (typeof value !== "boolean") throw kindError(value, place, "bool", "a boolean");
    arrays.u8[address] = value ? 1 : 0;
  },
  elements: () => noElements("bool"),
});

/** An address of anything in the segment, or 0. Kept as a double, which is exact for every address. */
export const address: ScalarType<number, Float64Array<SharedArrayBuffer>> = scalar("address", 8, {
  read: readAddress,
  write: (arrays, address, value, place) => writeAddress(arrays, address, value, place, "address"),
  elements: ({ buffer }, address, length) => new Float64Array(buffer, address, length),
});

/**
 * A field that holds the address of a struct or of an array, or 0; `view.deref("name")` gives a view
 * of what it points to. A pointer owns nothing, and does not know when its target is freed.
 *
 * @param target what it points to. A function, as that may not be defined yet: a struct that points
 * to itself, or to one further down, says so in a getter, which TypeScript needs to find its type.
 * @returns the field type
 *
 * @example
 * ```ts
 * import { Allocator, i32, pointer, struct } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const Node = struct("Node", {
 *   value: i32,
 *   get next() {
 *     return pointer(() => Node);
 *   },
 * });
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const last = Node.make(allocator, { value: 2 });
 * const first = Node.make(allocator, { value: 1, next: last.address });
 * assertEquals(first.deref("next")?.value, 2);
 * assertEquals(last.deref("next"), null);
 * ```
 */
export function pointer<Target>(target: () => Target): PointerType<Target> {
  if (typeof target !== "function") {
    throw new TypeError(
      `Cannot define a pointer to ${describe(target)}: expected a function that gives the type`,
    );
  }
  return Object.freeze<PointerType<Target>>({
    kind: "pointer",
    name: "pointer",
    byteLength: 8,
    alignment: 8,
    target,
    read: readAddress,
    write: (arrays, address, value, place) =>
      writeAddress(arrays, address, value, place, "pointer"),
  });
}

function readAddress(arrays: SegmentArrays, address: number): number {
  return arrays.f64[address / 8]!;
}

function writeAddress(
  arrays: SegmentArrays,
  address: number,
  value: unknown,
  place: string,
  typeName: string,
): void {
  if (typeof value !== "number") throw kindError(value, place, typeName, "an address, or 0");
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(
      `Cannot store ${value} in ${place} (${typeName}): expected an address, or 0`,
    );
  }
  arrays.f64[address / 8] = value;
}

function scalar<Value, Elements>(
  name: string,
  byteLength: number,
  access: Pick<ScalarType<Value, Elements>, "read" | "write" | "elements">,
): ScalarType<Value, Elements> {
  return Object.freeze({ kind: "scalar", name, byteLength, alignment: byteLength, ...access });
}

/** The error of storing a value of the wrong kind. */
export function kindError(
  value: unknown,
  place: string,
  typeName: string,
  expected: string,
): TypeError {
  return new TypeError(
    `Cannot store ${describe(value)} in ${place} (${typeName}): expected ${expected}`,
  );
}

/** For kinds that no typed array holds. */
export function noElements(typeName: string): never {
  throw new TypeError(
    `Cannot view elements of type ${typeName} as a typed array: use get() and set()`,
  );
}
