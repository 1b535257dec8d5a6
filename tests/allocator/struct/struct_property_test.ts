/**
 * Random structs, nested to a depth of three: fields lie in order, aligned and apart, and all values
 * are read back as they were written, however many fields were written around them.
 */
import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import {
  address,
  array,
  atomicI32,
  atomicI64,
  atomicU32,
  atomicU64,
  bool,
  f32,
  f64,
  type FieldType,
  flags,
  i16,
  i32,
  i64,
  i8,
  sizeOf,
  string,
  struct,
  type StructType,
  u16,
  u32,
  u64,
  u8,
  union,
} from "../../../allocator/mod.ts";
import { checkProperty } from "../../harness/seeded_random.ts";

/** A field type, and the values it can hold. */
interface Sample {
  readonly type: FieldType;
  readonly values: fc.Arbitrary<unknown>;
}

const SCALARS: Sample[] = [
  { type: u8, values: fc.integer({ min: 0, max: 255 }) },
  { type: i8, values: fc.integer({ min: -128, max: 127 }) },
  { type: u16, values: fc.integer({ min: 0, max: 65535 }) },
  { type: i16, values: fc.integer({ min: -32768, max: 32767 }) },
  { type: u32, values: fc.integer({ min: 0, max: 2 ** 32 - 1 }) },
  { type: i32, values: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
  { type: f32, values: fc.float() },
  { type: f64, values: fc.double() },
  { type: u64, values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
  { type: i64, values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { type: bool, values: fc.boolean() },
  { type: address, values: fc.maxSafeNat() },
  { type: atomicU32, values: fc.integer({ min: 0, max: 2 ** 32 - 1 }) },
  { type: atomicI32, values: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
  { type: atomicU64, values: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
  { type: atomicI64, values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  { type: flags(u8, ["a", "b", "c"]), values: fc.subarray(["a", "b", "c"]) },
  { type: flags(u32, ["d", "e"]), values: fc.subarray(["d", "e"]) },
];

const text: fc.Arbitrary<Sample> = fc.integer({ min: 1, max: 40 }).map((byteLength) => ({
  type: string(byteLength),
  values: fc.string({ unit: "binary", maxLength: byteLength }).filter((value) =>
    value.isWellFormed() && !value.includes("\0") &&
    new TextEncoder().encode(value).length <= byteLength
  ),
}));

function sample(depth: number): fc.Arbitrary<Sample> {
  const scalar = fc.constantFrom(...SCALARS);
  if (depth === 0) return fc.oneof(scalar, text);
  const inner = sample(depth - 1);
  const arrays = fc.tuple(inner, fc.integer({ min: 1, max: 4 })).map(([element, length]) => ({
    type: array(element.type, length),
    values: fc.array(element.values, { minLength: length, maxLength: length }),
  }));
  return fc.oneof(scalar, text, arrays, structs(depth - 1), unions(depth - 1));
}

/** Unions with a tag: their values are an object of one member. */
function unions(depth: number): fc.Arbitrary<Sample> {
  const members = fc.array(sample(depth), { minLength: 1, maxLength: 4 });
  return fc.tuple(members, fc.constantFrom(u8, u16, u32)).map(([fields, tag]) => {
    const named = fields.map((field, index) => [`m${index}`, field] as const);
    const table = Object.fromEntries(named.map(([name, { type }]) => [name, type]));
    return {
      type: union("RandomUnion", table, { tag }),
      values: fc.oneof(...named.map(([name, { values }]) => fc.record({ [name]: values }))),
    };
  });
}

function structs(depth: number): fc.Arbitrary<Sample> {
  return fc.array(sample(depth), { minLength: 1, maxLength: 6 }).map((fields) => {
    const named = fields.map((field, index) => [`f${index}`, field] as const);
    return {
      type: struct("Random", Object.fromEntries(named.map(([name, { type }]) => [name, type]))),
      values: fc.record(Object.fromEntries(named.map(([name, { values }]) => [name, values]))),
    };
  });
}

type AnyStruct = StructType<Record<string, FieldType>>;

Deno.test("struct() places fields in order, aligned, and apart", () => {
  const property = fc.property(fc.array(sample(2), { minLength: 1, maxLength: 12 }), (fields) => {
    const table = Object.fromEntries(fields.map(({ type }, index) => [`f${index}`, type]));
    const type = struct("Random", table);
    let end = 0;
    for (const [index, field] of fields.entries()) {
      const offset = type.offsets[`f${index}`]!;
      assertEquals(offset % field.type.alignment, 0);
      // The first place after the field before it that is aligned, and no later one.
      assert(offset >= end && offset - end < field.type.alignment);
      end = offset + sizeOf(field.type);
    }
    assertEquals(sizeOf(type) % type.alignment, 0);
    assert(sizeOf(type) >= end && sizeOf(type) - end < type.alignment);
    assertEquals(type.alignment, Math.max(...fields.map((field) => field.type.alignment)));
  });
  checkProperty(property, 300);
});

Deno.test("struct views read back what was written, field by field and whole", () => {
  const segment = new SharedArrayBuffer(1 << 20);
  const bytes = new Uint8Array(segment);
  const withValues = structs(2).chain(({ type, values }) =>
    fc.tuple(fc.constant(type as unknown as AnyStruct), values, values, fc.nat({ max: 500 }))
  );
  const property = fc.property(withValues, ([type, first, second, slot]) => {
    const size = sizeOf(type);
    const place = 4096 + slot * 8;
    bytes.fill(0xa5, 0, place + size + 64);
    const view = type.at(segment, place);
    view.assign(first as object);
    assertEquals(view.toJSON() as unknown, first);
    // Overwritten one by one in reverse order: a field that ran into the next would show.
    for (const [name, value] of Object.entries(second as object).reverse()) {
      view.assign({ [name]: value });
    }
    assertEquals(view.toJSON() as unknown, second);
    const copy = type.at(segment, place + (1 << 19)).assign(view);
    assertEquals(copy.toJSON() as unknown, second);
    const outside = [bytes.subarray(0, place), bytes.subarray(place + size, place + size + 64)];
    assert(outside.every((part) => part.every((byte) => byte === 0xa5)));
  });
  checkProperty(property, 300);
});
