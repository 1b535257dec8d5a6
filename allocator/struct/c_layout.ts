/**
 * Where the fields of a struct lie: the rules of C on the common 64-bit systems (System V ABI for
 * x86-64, section 3.1.2). Fields keep their order; each is placed at the next multiple of its own
 * alignment; a struct is aligned as its most aligned field, and padded at the end to a multiple of that.
 *
 * @module
 */
import { distanceToAligned } from "../layout/mod.ts";
import { describe } from "./describe.ts";
import { type FieldType, fieldTypeOf } from "./field_type.ts";

/** Where fields lie, and what room they take together. */
export interface StructLayout {
  readonly offsets: Readonly<Record<string, number>>;
  readonly byteLength: number;
  readonly alignment: number;
}

/** Lays out fields in the order given. */
export function layOut(fields: readonly (readonly [string, FieldType])[]): StructLayout {
  const offsets: Record<string, number> = {};
  let end = 0;
  let alignment = 1;
  for (const [name, type] of fields) {
    end += distanceToAligned(end, type.alignment);
    offsets[name] = end;
    end += type.byteLength;
    alignment = Math.max(alignment, type.alignment);
  }
  return {
    offsets: Object.freeze(offsets),
    byteLength: end + distanceToAligned(end, alignment),
    alignment,
  };
}

/** Lays fields over one another, as C does those of a union. */
export function layOver(types: readonly FieldType[]): StructLayout {
  const alignment = Math.max(...types.map((type) => type.alignment));
  const end = Math.max(...types.map((type) => type.byteLength));
  return { offsets: {}, byteLength: end + distanceToAligned(end, alignment), alignment };
}

/**
 * Bytes that a value of a type takes, padding included, as C's `sizeof`.
 *
 * @param type a struct, or any field type
 * @returns bytes
 *
 * @example
 * ```ts
 * import { i32, sizeOf, struct, u8 } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sizeOf(struct("Pair", { tag: u8, value: i32 })), 8);
 * ```
 */
export function sizeOf(type: FieldType): number {
  return fieldTypeOf(type, "Cannot measure what is given").byteLength;
}

/**
 * The alignment of a type in bytes, as C's `alignof`.
 *
 * @param type a struct, or any field type
 * @returns bytes: 1, 2, 4 or 8
 */
export function alignOf(type: FieldType): number {
  return fieldTypeOf(type, "Cannot measure what is given").alignment;
}

/**
 * Where a field begins, as C's `offsetof`.
 *
 * @param type the struct, or the union
 * @param name the field
 * @returns bytes from the start of the struct
 * @throws {TypeError} if the struct has no such field
 *
 * @example
 * ```ts
 * import { i32, offsetOf, struct, u8 } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(offsetOf(struct("Pair", { tag: u8, value: i32 }), "value"), 4);
 * ```
 */
export function offsetOf<Fields>(
  type: FieldType & { readonly offsets: { readonly [Name in keyof Fields]: number } },
  name: keyof Fields & string,
): number {
  const found = fieldTypeOf(type, "Cannot measure what is given");
  if (!("offsets" in found) || !Object.hasOwn(type.offsets, name)) {
    throw new TypeError(`Cannot find field ${describe(name)}: ${found.name} has no such field`);
  }
  return type.offsets[name];
}
