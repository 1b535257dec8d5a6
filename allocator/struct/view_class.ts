/**
 * Views of structs and of unions: a plain class with accessors for each, made by closures over
 * constants. V8 inlines those to what a typed array access costs; a Proxy would cost a hundred times
 * as much. A DataView is as fast at first, and some five times slower where one place in the source
 * has met addresses below 2 GiB and above.
 *
 * @module
 */
import type { BlockSource } from "../malloc/mod.ts";
import type { SegmentArrays } from "../memory/mod.ts";
import type { StructLayout } from "./c_layout.ts";
import { atomicFieldAt, AtomicPlace } from "./atomic.ts";
import { plainOf } from "./copy_value.ts";
import { describe } from "./describe.ts";
import {
  type FieldType,
  fieldTypeOf,
  type PointerType,
  type TextType,
  TYPE,
} from "./field_type.ts";
import { makeIn } from "./make_in.ts";
import { follow } from "./pointer.ts";
import * as memory from "./view_memory.ts";
import {
  arraysOf,
  checkAddress,
  type MemorySource,
  unplaced,
  type ViewState,
} from "./view_memory.ts";

// V8 knows an imported binding to be constant at no use of it. As a key it must be known, or every
// access takes the slowest path once a few structs are in use: 50 ns in place of 6.
const ARRAYS: typeof memory.ARRAYS = memory.ARRAYS;
const ADDRESS: typeof memory.ADDRESS = memory.ADDRESS;
const FREE: typeof memory.FREE = memory.FREE;
const ATOMICS: typeof memory.ATOMICS = memory.ATOMICS;

/** Names that a field cannot have: the members of a view, and what every object has a meaning for. */
const TAKEN = ["address", "assign", "at", "constructor", "deref", "toJSON", "__proto__"];

/** Members of a field type that a class of views has as well. Its name is its own. */
const STATIC_MEMBERS = [
  ...["kind", "byteLength", "alignment", "fields", "offsets"],
  ...["at", "view", "make", "read", "write", "release"],
] as const;

/** What tells a struct from a union, and one of them from another. */
export interface Shape extends StructLayout {
  readonly kind: "struct" | "union";
  readonly name: string;
  /** The table as it was given. */
  readonly fields: object;
  /** The table, checked. */
  readonly types: ReadonlyMap<string, FieldType>;
  /** The property that reads and writes a field. */
  accessors(field: string, type: FieldType): PropertyDescriptor;
  /** The property that says which member of a union is there. */
  readonly tag?: PropertyDescriptor;
  /** Throws unless what lies there has the field at present. */
  readonly check?: (arrays: SegmentArrays, address: number, field: string) => void;
  /** Writes what `assign()` was given, if that is not a view. */
  fill(arrays: SegmentArrays, address: number, values: unknown): void;
  /** Writes what a view of the same class shows. */
  copy(from: ViewState, arrays: SegmentArrays, address: number): void;
  /** What lies at an address, as plain data. */
  plain(arrays: SegmentArrays, address: number): unknown;
  readonly release: FieldType["release"];
}

/** Makes the class of views of a shape, and the type that has them. */
export function typeOfShape(shape: Shape): FieldType {
  const { kind, name, fields, types, offsets, byteLength, alignment, release } = shape;
  const { accessors, check, fill, copy, plain } = shape;
  // In a union with a tag, an atomic field is made at each access, after the tag has been looked at.
  const atomics = check === undefined
    ? [...types.keys()].filter((field) => types.get(field)!.kind === "atomic")
    : [];
  const atomicPlaces = atomics.map((field) => [offsets[field]!, types.get(field)!] as const);
  const hasAtomics = atomics.length > 0;

  class View {
    declare [ARRAYS]: SegmentArrays;
    declare [ADDRESS]: number;
    declare [ATOMICS]: AtomicPlace | undefined;

    // Assigned here and not by field initialisers: those have cost fresh views 10 ns.
    constructor(arrays: SegmentArrays, address?: number) {
      this[ARRAYS] = arrays;
      if (hasAtomics) this[ATOMICS] = undefined;
      if (address !== undefined) this[ADDRESS] = address;
    }

    get address(): number {
      return +this[ADDRESS]; // what stands in for it before at() throws
    }

    get [Symbol.toStringTag](): string {
      return name;
    }

    at(address: number): this {
      checkAddress(this[ARRAYS], address, name, byteLength, alignment);
      this[ADDRESS] = address;
      if (hasAtomics) {
        const place = this[ATOMICS];
        if (place !== undefined) place.address = address;
      }
      return this;
    }

    assign(values: unknown): this {
      write(this[ARRAYS], this[ADDRESS], values);
      return this;
    }

    deref(field: string): unknown {
      const type = types.get(field);
      if (type?.kind !== "pointer") {
        const found = type === undefined ? "there is no such field" : `it is of type ${type.name}`;
        throw new TypeError(`Cannot follow ${name}.${field}: expected a pointer, ${found}`);
      }
      check?.(this[ARRAYS], this[ADDRESS], field);
      const address = this[ADDRESS] + offsets[field]!;
      return follow(this[ARRAYS], address, type as PointerType<unknown>, `${name}.${field}`);
    }

    [FREE](source: BlockSource, address: number): void {
      release?.(this[ARRAYS], address, source);
      source.free(address);
    }

    toJSON(): unknown {
      return plain(this[ARRAYS], this[ADDRESS]);
    }

    [Symbol.for("Deno.customInspect")](
      inspect: (value: unknown, options: unknown) => string,
      options: unknown,
    ): string {
      if (!Object.hasOwn(this, ADDRESS)) return `${name} (no block yet)`;
      return `${name} ${inspect(this.toJSON(), options)}`;
    }
  }

  function write(arrays: SegmentArrays, address: number, values: unknown): void {
    if (values instanceof View) copy(values, arrays, address);
    else fill(arrays, address, values);
  }

  // Whoever names the class of a view in a message means the struct.
  Object.defineProperty(View, "name", { value: name });
  // Found by a view without an address of its own. Moving such a view gives it one, by which it is of
  // the same hidden class as all others: no access pays for it.
  Object.defineProperty(View.prototype, ADDRESS, { value: unplaced(name), writable: true });
  for (const [field, type] of types) {
    const ordinal = atomics.indexOf(field);
    const descriptor = ordinal < 0 ? accessors(field, type) : atomicAccessor(atomicPlaces, ordinal);
    Object.defineProperty(View.prototype, field, descriptor);
  }
  if (shape.tag !== undefined) Object.defineProperty(View.prototype, "tag", shape.tag);

  const layout = { kind, byteLength, alignment, fields, offsets, View };
  const typeOfViews = (Class: typeof View) => {
    const type = {
      ...layout,
      name: Class.name,
      at(source: MemorySource, address: number): View {
        const arrays = arraysOf(source);
        checkAddress(arrays, address, name, byteLength, alignment);
        return new Class(arrays, address);
      },
      view: (source: MemorySource): View => new Class(arraysOf(source)),
      make(allocator: BlockSource, init?: unknown): View {
        const address = makeIn(allocator, type, (arrays, address) => {
          if (init !== undefined) write(arrays, address, init);
        });
        return new Class(arraysOf(allocator), address);
      },
      read: (arrays: SegmentArrays, address: number): View => new Class(arrays, address),
      release,
      write,
      [Symbol.hasInstance]: (value: unknown): boolean => value instanceof Class,
    } as const;
    return Object.freeze(type);
  };
  const type = typeOfViews(View);
  addStaticMembers(View, type, typeOfViews);
  return type;
}

/**
 * Makes a class of views a field type, and each one that extends it. That gets its own members when
 * one of them is first asked for, as nothing runs when it is defined.
 */
function addStaticMembers<View extends object>(
  Class: View,
  type: FieldType,
  typeOfViews: (Class: View) => FieldType,
): void {
  const typeOf = (Asked: View): FieldType => {
    if (Asked === Class) return type;
    const own = typeOfViews(Asked);
    addStaticMembers(Asked, own, typeOfViews);
    return own;
  };
  for (const member of STATIC_MEMBERS) {
    if (Object.hasOwn(Class, member)) continue; // a class may have a member of its own in its place
    const value: unknown = Reflect.get(type, member);
    Object.defineProperty(Class, member, {
      get(this: View): unknown {
        return this === Class ? value : Reflect.get(typeOf(this), member);
      },
    });
  }
  Object.defineProperty(Class, TYPE, {
    get(this: View): FieldType {
      return typeOf(this);
    },
  });
}

/** The table of a struct or of a union, checked. `noun` is "field" or "member". */
export function fieldsOf(
  kind: "struct" | "union",
  name: string,
  fields: object,
  noun: string,
): Map<string, FieldType> {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(`Cannot define a ${kind} named ${describe(name)}: expected a name`);
  }
  if (typeof fields !== "object" || fields === null) {
    throw new TypeError(
      `Cannot define ${kind} ${name} by ${describe(fields)}: expected an object of field types`,
    );
  }
  const types = new Map<string, FieldType>();
  for (const field of Reflect.ownKeys(fields)) {
    const start = `Cannot define ${name}.${String(field)}`;
    if (typeof field === "symbol") throw new TypeError(`${start}: a ${noun} has a name, no symbol`);
    if (TAKEN.includes(field)) {
      throw new TypeError(`${start}: every view has a member of that name`);
    }
    if (/^\d+$/.test(field)) {
      throw new TypeError(`${start}: numbers as names would change the order of ${noun}s`);
    }
    types.set(field, fieldTypeOf(Reflect.get(fields, field), start));
  }
  if (types.size === 0) {
    throw new TypeError(`Cannot define ${kind} ${name} without ${noun}s: expected one or more`);
  }
  return types;
}

/** Whether a field of this type is a property that can be set. */
export function isAssigned(type: FieldType): boolean {
  return type.kind === "scalar" || type.kind === "pointer" || type.kind === "bytes" ||
    (type.kind === "text" && (type as TextType<boolean>).owned);
}

/** The accessors of one field. All that they close over is constant: V8 folds it when it inlines. */
export function accessors(type: FieldType, byteOffset: number, place: string): PropertyDescriptor {
  const { read, write } = type;
  const offset = byteOffset;
  const where = place;
  const descriptor: PropertyDescriptor = {
    enumerable: true,
    get(this: ViewState): unknown {
      return read(this[ARRAYS], this[ADDRESS] + offset);
    },
  };
  if (isAssigned(type)) {
    descriptor.set = function (this: ViewState, value: unknown): void {
      write(this[ARRAYS], this[ADDRESS] + offset, value, where);
    };
  }
  return descriptor;
}

/** The property of an atomic field, one of those at `places`. */
function atomicAccessor(
  places: readonly (readonly [offset: number, type: FieldType])[],
  ordinal: number,
): PropertyDescriptor {
  const index = ordinal;
  const makePlace = (view: ViewState): AtomicPlace => {
    const place = new AtomicPlace(view[ARRAYS], +view[ADDRESS]);
    for (const [offset, type] of places) place.fields.push(atomicFieldAt(type, place, offset));
    view[ATOMICS] = place;
    return place;
  };
  return {
    enumerable: true,
    get(this: ViewState): unknown {
      return (this[ATOMICS] ?? makePlace(this)).fields[index];
    },
  };
}

/** Fields as a plain object. */
export function plainFields(
  types: ReadonlyMap<string, FieldType>,
  offsets: StructLayout["offsets"],
  arrays: SegmentArrays,
  address: number,
): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [field, type] of types) {
    plain[field] = plainOf(type.read(arrays, address + offsets[field]!));
  }
  return plain;
}
