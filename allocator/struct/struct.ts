/**
 * Structs in shared memory: a table of fields makes a type, and its views read and write the fields
 * as properties, from any thread that has the segment. Laid out as a C compiler would; there is no
 * counterpart in Seastar, where C++ itself does this.
 *
 * A view is an object of a plain class with accessors, one class for each struct, made by closures
 * over constants. V8 inlines those to what a typed array access costs; a Proxy would cost a hundred
 * times as much. A DataView is as fast at first, and some five times slower where one place in the
 * source has met addresses below 2 GiB and above.
 *
 * @module
 */
import type { BlockSource } from "../malloc/mod.ts";
import type { SegmentArrays } from "../memory/mod.ts";
import { copyBytes, copyValue, plainOf } from "./copy_value.ts";
import { layOut } from "./c_layout.ts";
import { describe } from "./describe.ts";
import {
  type FieldType,
  fieldTypeOf,
  type PointerType,
  type StructInit,
  type StructType,
  type TextType,
} from "./field_type.ts";
import { makeIn } from "./make_in.ts";
import { follow } from "./pointer.ts";
import * as memory from "./view_memory.ts";
import { arraysOf, checkAddress, type MemorySource, type ViewState } from "./view_memory.ts";

// V8 knows an imported binding to be constant at no use of it. As a key it must be known, or every
// access takes the slowest path once a few structs are in use: 50 ns in place of 6.
const ARRAYS: typeof memory.ARRAYS = memory.ARRAYS;
const ADDRESS: typeof memory.ADDRESS = memory.ADDRESS;
const FREE: typeof memory.FREE = memory.FREE;

/** Names that a field cannot have: the members of a view, and what every object has a meaning for. */
const TAKEN = ["address", "assign", "at", "constructor", "deref", "toJSON", "__proto__"];

/**
 * Defines a struct.
 *
 * The layout is C's: fields in order, each aligned to its own size, the whole padded to the largest.
 * Order fields from large to small to save padding.
 *
 * @param name of the struct, for errors and logs
 * @param fields type of each field by name. A pointer to the struct itself, or to one further down,
 * is given by a getter: see {@linkcode pointer}.
 * @returns the type, with `at()` to view one in memory and `make()` to allocate one
 * @throws {TypeError} if a field is of no known type or its name cannot be used, or there is none
 *
 * @example
 * ```ts
 * import { Allocator, f64, i32, struct } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const Point = struct("Point", { x: f64, y: f64, id: i32 });
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const point = Point.make(allocator, { x: 1, id: 7 });
 * point.x += 1;
 *
 * // On any thread that has the segment and the address:
 * assertEquals(Point.at(segment, point.address).toJSON(), { x: 2, y: 0, id: 7 });
 * allocator.free(point.address);
 * ```
 */
export function struct<Fields extends object>(name: string, fields: Fields): StructType<Fields> {
  // Fields is any object, as only so can the getter of a field refer to the struct being defined.
  const types = fieldsOf(name, fields);
  const { offsets, byteLength, alignment } = layOut([...types]);
  const owners = [...types].filter(([, type]) => type.release !== undefined);
  const release = owners.length === 0
    ? undefined
    : (arrays: SegmentArrays, address: number, source: BlockSource) => {
      for (const [field, type] of owners) type.release!(arrays, address + offsets[field]!, source);
    };

  class View {
    declare [ARRAYS]: SegmentArrays;
    declare [ADDRESS]: number;

    // Assigned here and not by field initialisers: those have cost fresh views 10 ns.
    constructor(arrays: SegmentArrays, address: number) {
      this[ARRAYS] = arrays;
      this[ADDRESS] = address;
    }

    get address(): number {
      return this[ADDRESS];
    }

    at(address: number): this {
      checkAddress(this[ARRAYS], address, name, byteLength, alignment);
      this[ADDRESS] = address;
      return this;
    }

    assign(values: unknown): this {
      writeFields(this[ARRAYS], this[ADDRESS], values);
      return this;
    }

    deref(field: string): unknown {
      const type = types.get(field);
      if (type?.kind !== "pointer") {
        const found = type === undefined ? "there is no such field" : `it is of type ${type.name}`;
        throw new TypeError(`Cannot follow ${name}.${field}: expected a pointer, ${found}`);
      }
      const address = this[ADDRESS] + offsets[field]!;
      return follow(this[ARRAYS], address, type as PointerType<unknown>, `${name}.${field}`);
    }

    [FREE](source: BlockSource, address: number): void {
      release?.(this[ARRAYS], address, source);
      source.free(address);
    }

    toJSON(): unknown {
      const plain: Record<string, unknown> = {};
      for (const [field, type] of types) {
        plain[field] = plainOf(type.read(this[ARRAYS], this[ADDRESS] + offsets[field]!));
      }
      return plain;
    }

    [Symbol.for("Deno.customInspect")](
      inspect: (value: unknown, options: unknown) => string,
      options: unknown,
    ): string {
      return `${name} ${inspect(this.toJSON(), options)}`;
    }
  }

  function writeFields(arrays: SegmentArrays, address: number, values: unknown): void {
    if (values instanceof View) {
      if (release === undefined) copyBytes(values, values[ADDRESS], arrays, address, byteLength);
      else {
        for (const [field, type] of types) {
          const offset = offsets[field]!;
          const from = values[ADDRESS] + offset;
          copyValue(type, values, from, arrays, address + offset, `${name}.${field}`);
        }
      }
      return;
    }
    if (typeof values !== "object" || values === null || ARRAYS in values) {
      throw new TypeError(
        `Cannot fill ${name} from ${
          describe(values)
        }: expected an object of its fields, or a view of one`,
      );
    }
    for (const [field, value] of Object.entries(values)) {
      const type = types.get(field);
      if (type === undefined) {
        throw new TypeError(`Cannot store ${name}.${field}: there is no such field`);
      }
      type.write(arrays, address + offsets[field]!, value, `${name}.${field}`);
    }
  }

  // Whoever names the class of a view in a message means the struct.
  Object.defineProperty(View, "name", { value: name });
  for (const [field, type] of types) {
    Object.defineProperty(View.prototype, field, accessors(type, offsets[field]!, name, field));
  }
  const result = {
    kind: "struct",
    name,
    fields,
    byteLength,
    alignment,
    offsets,
    at(source: MemorySource, address: number): View {
      const arrays = arraysOf(source);
      checkAddress(arrays, address, name, byteLength, alignment);
      return new View(arrays, address);
    },
    make(allocator: BlockSource, init?: StructInit<Fields>): View {
      const address = makeIn(allocator, result, (arrays, address) => {
        if (init !== undefined) writeFields(arrays, address, init);
      });
      return new View(arraysOf(allocator), address);
    },
    read: (arrays: SegmentArrays, address: number): View => new View(arrays, address),
    release,
    write: writeFields,
    [Symbol.hasInstance]: (value: unknown): boolean => value instanceof View,
  } as const;
  // The accessors are defined from the table, which TypeScript follows in the interface alone.
  return Object.freeze(result) as unknown as StructType<Fields>;
}

/** The table of a struct, checked. */
function fieldsOf(name: string, fields: object): Map<string, FieldType> {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(`Cannot define a struct named ${describe(name)}: expected a name`);
  }
  if (typeof fields !== "object" || fields === null) {
    throw new TypeError(
      `Cannot define struct ${name} by ${describe(fields)}: expected an object of field types`,
    );
  }
  const types = new Map<string, FieldType>();
  for (const field of Reflect.ownKeys(fields)) {
    const start = `Cannot define ${name}.${String(field)}`;
    if (typeof field === "symbol") throw new TypeError(`${start}: a field has a name, no symbol`);
    if (TAKEN.includes(field)) {
      throw new TypeError(`${start}: every view has a member of that name`);
    }
    if (/^\d+$/.test(field)) {
      throw new TypeError(`${start}: numbers as names would change the order of fields`);
    }
    types.set(field, fieldTypeOf(Reflect.get(fields, field), start));
  }
  if (types.size === 0) {
    throw new TypeError(`Cannot define struct ${name} without fields: expected one or more`);
  }
  return types;
}

/** The accessors of one field. All that they close over is constant: V8 folds it when it inlines. */
function accessors(
  type: FieldType,
  byteOffset: number,
  structName: string,
  field: string,
): PropertyDescriptor {
  const { read, write } = type;
  const offset = byteOffset;
  const place = `${structName}.${field}`;
  const descriptor: PropertyDescriptor = {
    enumerable: true,
    get(this: ViewState): unknown {
      return read(this[ARRAYS], this[ADDRESS] + offset);
    },
  };
  const isAssigned = type.kind === "scalar" || type.kind === "pointer" || type.kind === "bytes" ||
    (type.kind === "text" && (type as TextType<boolean>).owned);
  if (isAssigned) {
    descriptor.set = function (this: ViewState, value: unknown): void {
      write(this[ARRAYS], this[ADDRESS] + offset, value, place);
    };
  }
  return descriptor;
}
