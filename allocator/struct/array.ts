/**
 * Fixed arrays in structs and by themselves: elements of one type in a row, each at a multiple of
 * its size. As with structs, every array type has a class of its own, whose methods close over
 * constants, so that V8 inlines an element access.
 *
 * @module
 */
import type { BlockSource } from "../malloc/mod.ts";
import type { SegmentArrays } from "../memory/mod.ts";
import { copyBytes, copyValue, plainOf } from "./copy_value.ts";
import { describe } from "./describe.ts";
import {
  type ArrayType,
  type FieldInit,
  type FieldType,
  fieldTypeOf,
  type PointerType,
  type ScalarType,
} from "./field_type.ts";
import { makeIn } from "./make_in.ts";
import { follow } from "./pointer.ts";
import * as memory from "./view_memory.ts";
import { arraysOf, checkAddress, type MemorySource, unplaced } from "./view_memory.ts";
import { noElements } from "./scalar.ts";

// Copies, as V8 knows no imported binding to be constant: see struct.ts.
const ARRAYS: typeof memory.ARRAYS = memory.ARRAYS;
const ADDRESS: typeof memory.ADDRESS = memory.ADDRESS;
const FREE: typeof memory.FREE = memory.FREE;

/**
 * An array of `length` elements: a field type, and one that can be made by itself. Elements are of
 * any type, arrays and structs included.
 *
 * @param element the type of an element
 * @param length how many
 * @returns the field type
 * @throws {TypeError} if `element` is no field type, or `length` not a number
 * @throws {RangeError} if `length` is not a whole number, 1 or more, or the array is too large
 *
 * @example
 * ```ts
 * import { Allocator, array, f64 } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const samples = array(f64, 3).make(allocator, [1, 2, 3]);
 * samples.set(0, samples.get(0) + 0.5);
 * assertEquals([...samples], [1.5, 2, 3]);
 * allocator.free(samples.address);
 * ```
 */
export function array<Element extends FieldType>(
  element: Element,
  length: number,
): ArrayType<Element> {
  const type: FieldType = fieldTypeOf(element, "Cannot define an array of elements");
  if (typeof length !== "number") {
    throw new TypeError(
      `Cannot define an array of ${describe(length)} elements: expected a number`,
    );
  }
  const name = `array(${type.name}, ${length})`;
  const byteLength = type.byteLength * length;
  if (!Number.isSafeInteger(length) || length < 1 || !Number.isSafeInteger(byteLength)) {
    throw new RangeError(
      `Cannot define ${name}: expected a whole number of elements, 1 or more, of 2^53 bytes at most`,
    );
  }
  const count = length;
  const stride = type.byteLength;
  const alignment = type.alignment;
  const place = `an element of ${name}`;
  const { read, write } = type;
  const release = type.release === undefined
    ? undefined
    : (arrays: SegmentArrays, address: number, source: BlockSource) => {
      for (let index = 0; index < count; index++) {
        type.release!(arrays, address + index * stride, source);
      }
    };

  class View {
    declare [ARRAYS]: SegmentArrays;
    declare [ADDRESS]: number;

    // Assigned here and not by field initialisers: those have cost fresh views 10 ns.
    constructor(arrays: SegmentArrays, address?: number) {
      this[ARRAYS] = arrays;
      if (address !== undefined) this[ADDRESS] = address;
    }

    get address(): number {
      return +this[ADDRESS]; // what stands in for it before at() throws
    }

    get [Symbol.toStringTag](): string {
      return name;
    }

    get length(): number {
      return count;
    }

    get elements(): unknown {
      if (type.kind !== "scalar" && type.kind !== "atomic") return noElements(type.name);
      return (type as ScalarType<unknown, unknown>).elements(this[ARRAYS], this[ADDRESS], count);
    }

    get(index: number): unknown {
      if (!(index >= 0 && index < count && Math.floor(index) === index)) {
        throw indexError("get", index, name, count);
      }
      return read(this[ARRAYS], this[ADDRESS] + index * stride);
    }

    set(index: number, value: unknown): void {
      if (!(index >= 0 && index < count && Math.floor(index) === index)) {
        throw indexError("set", index, name, count);
      }
      write(this[ARRAYS], this[ADDRESS] + index * stride, value, place);
    }

    deref(index: number): unknown {
      if (type.kind !== "pointer") {
        throw new TypeError(`Cannot follow ${place}: expected pointers, they are ${type.name}`);
      }
      if (!(index >= 0 && index < count && Math.floor(index) === index)) {
        throw indexError("follow", index, name, count);
      }
      const address = this[ADDRESS] + index * stride;
      return follow(this[ARRAYS], address, type as PointerType<unknown>, place);
    }

    at(address: number): this {
      checkAddress(this[ARRAYS], address, name, byteLength, alignment);
      this[ADDRESS] = address;
      return this;
    }

    assign(values: unknown): this {
      writeAll(this[ARRAYS], this[ADDRESS], values);
      return this;
    }

    *[Symbol.iterator](): Generator<unknown> {
      for (let index = 0; index < count; index++) yield this.get(index);
    }

    [FREE](source: BlockSource, address: number): void {
      release?.(this[ARRAYS], address, source);
      source.free(address);
    }

    toJSON(): unknown[] {
      // By index: through its iterator it would take seven times as long.
      const plain: unknown[] = [];
      for (let index = 0; index < count; index++) plain.push(plainOf(this.get(index)));
      return plain;
    }

    [Symbol.for("Deno.customInspect")](
      inspect: (value: unknown, options: unknown) => string,
      options: unknown,
    ): string {
      if (!Object.hasOwn(this, ADDRESS)) return `${name} (no block yet)`;
      return `${name} ${inspect(this.toJSON(), options)}`;
    }
  }

  function writeAll(arrays: SegmentArrays, address: number, values: unknown): void {
    if (values instanceof View) {
      if (release === undefined) copyBytes(values, values[ADDRESS], arrays, address, byteLength);
      else {
        for (let offset = 0; offset < byteLength; offset += stride) {
          copyValue(type, values, values[ADDRESS] + offset, arrays, address + offset, place);
        }
      }
      return;
    }
    if (typeof values !== "object" || values === null || !(Symbol.iterator in values)) {
      throw new TypeError(`Cannot fill ${name} from ${describe(values)}: expected an iterable`);
    }
    const list = Array.from(values as Iterable<unknown>);
    if (list.length !== count) {
      throw new RangeError(`Cannot fill ${name} from ${list.length} values: expected ${count}`);
    }
    for (let index = 0; index < count; index++) {
      write(arrays, address + index * stride, list[index], place);
    }
  }

  Object.defineProperty(View, "name", { value: name });
  Object.defineProperty(View.prototype, ADDRESS, { value: unplaced(name), writable: true });
  const result = {
    kind: "array",
    name,
    byteLength,
    alignment,
    element,
    length,
    at(source: MemorySource, address: number): View {
      const arrays = arraysOf(source);
      checkAddress(arrays, address, name, byteLength, alignment);
      return new View(arrays, address);
    },
    view: (source: MemorySource): View => new View(arraysOf(source)),
    make(allocator: BlockSource, values?: Iterable<FieldInit<Element>>): View {
      const address = makeIn(allocator, result, (arrays, address) => {
        if (values !== undefined) writeAll(arrays, address, values);
      });
      return new View(arraysOf(allocator), address);
    },
    read: (arrays: SegmentArrays, address: number): View => new View(arrays, address),
    release,
    write: writeAll,
  } as const;
  // The members of View are typed for any element; the interface says what this element makes them.
  return Object.freeze(result) as unknown as ArrayType<Element>;
}

function indexError(operation: string, index: unknown, name: string, count: number): Error {
  return typeof index === "number"
    ? new RangeError(
      `Cannot ${operation} element ${index} of ${name}: expected a whole number from 0 to ${
        count - 1
      }`,
    )
    : new TypeError(
      `Cannot ${operation} element ${describe(index)} of ${name}: expected a number`,
    );
}
