/**
 * Fields that hold bits by name, as C's `enum { BUY = 1, HIDDEN = 2, IOC = 4 }` in one unsigned number.
 *
 * Reading such a field gives an object with a property for each name. As with atomic fields, compiled
 * code that uses it at once makes no object.
 *
 * @module
 */
import type { SegmentArrays } from "../memory/mod.ts";
import { describe } from "./describe.ts";
import type { FieldType, ScalarType } from "./field_type.ts";
import { u16, u32, u8 } from "./scalar.ts";
import * as memory from "./view_memory.ts";
import type { ViewState } from "./view_memory.ts";

// Copies, as V8 knows no imported binding to be constant: see view_class.ts.
const ARRAYS: typeof memory.ARRAYS = memory.ARRAYS;
const ADDRESS: typeof memory.ADDRESS = memory.ADDRESS;

/** Names that a flag cannot have: the members of a field, and what every object has a meaning for. */
const TAKEN = ["assign", "bits", "constructor", "toJSON", "__proto__"];

/** Bits by name, in an unsigned number. */
export interface FlagsType<Name extends string> extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "flags";
  /** The names, from the lowest bit on. */
  readonly names: readonly Name[];
  /**
   * The number with the bits of some flags, to be kept in a constant and used with `bits`.
   *
   * @param names of flags
   * @returns their bits
   * @throws {TypeError} if there is no such flag
   */
  mask(...names: Name[]): number;
}

/**
 * The flags of a struct as properties, each a boolean. It stays where it is when the view that it was
 * read from moves. Two threads that set flags of one field at the same time may lose one: an
 * `atomicU32` has `or()` and `and()`.
 */
export type FlagsField<Name extends string> = { [Flag in Name]: boolean } & {
  /** All flags as one number. Setting it wraps around, as in a typed array. */
  bits: number;
  /**
   * Writes flags: a list has those set that it names, and no others; an object has some set and some
   * cleared, and leaves the others.
   *
   * @param flags names, an object of booleans, or another field of this type
   * @throws {TypeError} if there is no such flag, or a value is not a boolean; then nothing is written
   */
  assign(
    flags: readonly Name[] | { readonly [Flag in Name]?: boolean } | FlagsField<Name>,
  ): void;
  /** The names of the flags that are set, from the lowest bit on. */
  toJSON(): Name[];
};

/**
 * A field of bits by name: the first is the lowest bit.
 *
 * @param base `u8`, `u16` or `u32`, for up to 8, 16 or 32 flags
 * @param names of the flags
 * @returns the field type
 * @throws {TypeError} if the base is another, or a name cannot be used
 * @throws {RangeError} if there are none, or more than bits
 *
 * @example
 * ```ts
 * import { Allocator, flags, struct, u8 } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const OrderFlags = flags(u8, ["buy", "hidden", "ioc"]);
 * const Order = struct("Order", { flags: OrderFlags });
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const order = Order.make(allocator, { flags: ["buy", "ioc"] });
 * if (order.flags.buy) order.flags.hidden = true;
 * assertEquals(order.toJSON(), { flags: ["buy", "hidden", "ioc"] });
 *
 * const QUIET = OrderFlags.mask("hidden", "ioc");
 * assertEquals((order.flags.bits & QUIET) === QUIET, true);
 * ```
 */
export function flags<const Name extends string>(
  base: ScalarType<number, unknown>,
  names: readonly Name[],
): FlagsType<Name> {
  if (base !== u8 && base !== u16 && base !== u32) {
    const found = typeof base === "object" && base !== null ? (base as FieldType).name : base;
    throw new TypeError(`Cannot define flags in ${describe(found)}: expected u8, u16 or u32`);
  }
  const masks = masksOf(base, names);
  const { read, write, byteLength, alignment } = base;
  const name = `flags(${base.name})`;

  class Field {
    declare [ARRAYS]: SegmentArrays;
    declare [ADDRESS]: number;

    constructor(arrays: SegmentArrays, address: number) {
      this[ARRAYS] = arrays;
      this[ADDRESS] = address;
    }

    get [Symbol.toStringTag](): string {
      return name;
    }

    get bits(): number {
      return read(this[ARRAYS], this[ADDRESS]);
    }

    set bits(bits: number) {
      write(this[ARRAYS], this[ADDRESS], bits, `${name}.bits`);
    }

    assign(values: unknown): void {
      writeFlags(this[ARRAYS], this[ADDRESS], values, name);
    }

    toJSON(): string[] {
      const { bits } = this;
      return [...masks].filter(([, mask]) => (bits & mask) !== 0).map(([flag]) => flag);
    }

    [Symbol.for("Deno.customInspect")](
      inspect: (value: unknown, options: unknown) => string,
      options: unknown,
    ): string {
      return `${name} ${inspect(this.toJSON(), options)}`;
    }
  }

  function maskOf(flag: unknown, place: string): number {
    const mask = masks.get(flag as string);
    if (mask !== undefined) return mask;
    const known = [...masks.keys()].join(", ");
    throw new TypeError(
      `Cannot store flag ${describe(flag)} in ${place}: expected one of ${known}`,
    );
  }

  function writeFlags(
    arrays: SegmentArrays,
    address: number,
    values: unknown,
    place: string,
  ): void {
    let bits = 0;
    if (values instanceof Field) {
      bits = values.bits;
    } else if (Array.isArray(values)) {
      for (const flag of values) bits |= maskOf(flag, place);
    } else if (typeof values === "object" && values !== null && !(ARRAYS in values)) {
      bits = read(arrays, address);
      for (const [flag, value] of Object.entries(values)) {
        const mask = maskOf(flag, place);
        if (typeof value !== "boolean") throw flagError(value, place, flag);
        bits = value ? bits | mask : bits & ~mask;
      }
    } else {
      throw new TypeError(
        `Cannot store ${describe(values)} in ${place} (${name}): expected a list of flags, ` +
          "or an object of booleans",
      );
    }
    write(arrays, address, bits, place);
  }

  Object.defineProperty(Field, "name", { value: name });
  for (const [flag, mask] of masks) {
    Object.defineProperty(Field.prototype, flag, flagAccessors(base, mask, name, flag));
  }
  const type = {
    kind: "flags",
    name,
    byteLength,
    alignment,
    names: Object.freeze([...names]),
    mask: (...some: Name[]) => {
      let bits = 0;
      for (const flag of some) bits |= maskOf(flag, "a mask");
      return bits >>> 0;
    },
    read: (arrays: SegmentArrays, address: number): Field => new Field(arrays, address),
    write: writeFlags,
  } as const;
  // The accessors are defined from the names, which TypeScript follows in the interface alone.
  return Object.freeze(type) as unknown as FlagsType<Name>;
}

/** The bit of each flag. */
function masksOf(base: FieldType, names: readonly string[]): Map<string, number> {
  if (!Array.isArray(names)) {
    throw new TypeError(`Cannot define flags by ${describe(names)}: expected a list of names`);
  }
  const most = base.byteLength * 8;
  if (names.length === 0 || names.length > most) {
    throw new RangeError(
      `Cannot define ${names.length} flags in ${base.name}: expected 1 to ${most}`,
    );
  }
  const masks = new Map<string, number>();
  for (const name of names) {
    if (typeof name !== "string" || name === "" || TAKEN.includes(name) || masks.has(name)) {
      throw new TypeError(
        `Cannot define a flag named ${describe(name)}: expected a name that is not taken`,
      );
    }
    masks.set(name, 2 ** masks.size);
  }
  return masks;
}

/** The property of one flag. All that it closes over is constant: V8 folds it when it inlines. */
function flagAccessors(
  base: ScalarType<number, unknown>,
  bit: number,
  typeName: string,
  flag: string,
): PropertyDescriptor {
  const { read, write } = base;
  const mask = bit | 0;
  const place = typeName;
  return {
    enumerable: true,
    get(this: ViewState): boolean {
      return (read(this[ARRAYS], this[ADDRESS]) & mask) !== 0;
    },
    set(this: ViewState, value: unknown): void {
      if (typeof value !== "boolean") throw flagError(value, place, flag);
      const bits = read(this[ARRAYS], this[ADDRESS]);
      write(this[ARRAYS], this[ADDRESS], value ? bits | mask : bits & ~mask, place);
    },
  };
}

function flagError(value: unknown, place: string, flag: string): TypeError {
  return new TypeError(
    `Cannot store ${describe(value)} in flag ${flag} of ${place}: expected a boolean`,
  );
}
