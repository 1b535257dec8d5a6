import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  address,
  alignOf,
  array,
  type ArrayType,
  type ArrayView,
  atomicI32,
  atomicI64,
  atomicU32,
  atomicU64,
  bool,
  f32,
  f64,
  flags,
  i16,
  i32,
  i64,
  i8,
  offsetOf,
  pointer,
  type PointerType,
  type ScalarType,
  sizeOf,
  string,
  struct,
  type StructType,
  u16,
  u32,
  u64,
  u8,
  union,
  type ViewOf,
} from "../../../allocator/mod.ts";

const Vector = struct("Vector", { x: f32, y: f32, z: f32 });
const Padded = struct("Padded", { a: u8, b: f64, c: u16, d: f32, e: u8 });
const Node = struct("Node", {
  value: i32,
  get next() {
    return pointer(() => Node);
  },
  get children() {
    return array(pointer(() => Node), 3);
  },
  flags: u8,
});

const Odd = union("Odd", { name: string(5), b: u16 });
const Order = struct("Order", { price: f64, quantity: u32, flags: flags(u8, ["buy", "ioc"]) });
const Cancel = struct("Cancel", { order: u32 });
const MEMBERS = { order: Order, cancel: Cancel, codes: array(u16, 13) };
const Payload = union("Payload", MEMBERS);

/*
 * What gcc 12.2 for x86-64 prints for `sizeof`, `_Alignof` and `offsetof` of
 *
 *   struct Bytes { uint8_t a; int8_t b; bool c; };
 *   struct Padded { uint8_t a; double b; uint16_t c; float d; uint8_t e; };
 *   struct Tight { double b; float d; uint16_t c; uint8_t a; uint8_t e; };
 *   struct Wide { int16_t a; uint64_t b; int8_t c; int64_t d; int32_t e; };
 *   struct Text { char name[5]; uint16_t length; char tail[3]; };
 *   struct Vector { float x, y, z; };
 *   struct Nested { uint8_t tag; struct Vector place; struct Padded inner; uint8_t end; };
 *   struct Arrays { uint8_t a[3]; uint32_t b[2]; struct Vector c[2]; double d[1]; int16_t e[3][2];
 *                   bool f; };
 *   struct Node { int32_t value; struct Node *next; struct Node *children[3]; uint8_t flags; };
 *
 * and clang 14.0.6, as gcc, of
 *
 *   union Scalars { uint8_t a; uint32_t b; double c; };
 *   union Odd { char name[5]; uint16_t b; };
 *   struct Order { double price; uint32_t quantity; uint8_t flags; };
 *   struct Cancel { uint32_t order; };
 *   union Payload { struct Order order; struct Cancel cancel; uint16_t codes[13]; };
 *   struct Message { uint8_t kind; union Payload payload; uint8_t end; };
 *   struct TaggedByte { uint8_t tag; union Odd value; };
 *   struct TaggedWord { uint32_t tag; union Odd value; };
 *   struct Tagged { uint16_t tag; union Payload value; };
 *   struct Counters { uint8_t kind; _Atomic uint32_t hits; _Atomic int32_t balance;
 *                     _Atomic uint64_t bytes; _Atomic int64_t sum; uint16_t flags; };
 */
const LAYOUTS = [
  [struct("Bytes", { a: u8, b: i8, c: bool }), 3, 1, { a: 0, b: 1, c: 2 }],
  [Padded, 32, 8, { a: 0, b: 8, c: 16, d: 20, e: 24 }],
  [
    struct("Tight", { b: f64, d: f32, c: u16, a: u8, e: u8 }),
    16,
    8,
    { b: 0, d: 8, c: 12, a: 14, e: 15 },
  ],
  [
    struct("Wide", { a: i16, b: u64, c: i8, d: i64, e: i32 }),
    40,
    8,
    { a: 0, b: 8, c: 16, d: 24, e: 32 },
  ],
  [
    struct("Text", { name: string(5), length: u16, tail: string(3) }),
    12,
    2,
    { name: 0, length: 6, tail: 8 },
  ],
  [Vector, 12, 4, { x: 0, y: 4, z: 8 }],
  [
    struct("Nested", { tag: u8, place: Vector, inner: Padded, end: u8 }),
    56,
    8,
    { tag: 0, place: 4, inner: 16, end: 48 },
  ],
  [
    struct("Arrays", {
      a: array(u8, 3),
      b: array(u32, 2),
      c: array(Vector, 2),
      d: array(f64, 1),
      e: array(array(i16, 2), 3),
      f: bool,
    }),
    64,
    8,
    { a: 0, b: 4, c: 12, d: 40, e: 48, f: 60 },
  ],
  [Node, 48, 8, { value: 0, next: 8, children: 16, flags: 40 }],
  [union("Scalars", { a: u8, b: u32, c: f64 }), 8, 8, { a: 0, b: 0, c: 0 }],
  [Odd, 6, 2, { name: 0, b: 0 }],
  [Order, 16, 8, { price: 0, quantity: 8, flags: 12 }],
  [Payload, 32, 8, { order: 0, cancel: 0, codes: 0 }],
  [
    struct("Message", { kind: u8, payload: Payload, end: u8 }),
    48,
    8,
    { kind: 0, payload: 8, end: 40 },
  ],
  [union("TaggedByte", { name: string(5), b: u16 }, { tag: u8 }), 8, 2, { name: 2, b: 2 }],
  [union("TaggedWord", { name: string(5), b: u16 }, { tag: u32 }), 12, 4, { name: 4, b: 4 }],
  [union("Tagged", MEMBERS, { tag: u16 }), 40, 8, { order: 8, cancel: 8, codes: 8 }],
  [
    struct("Counters", {
      kind: u8,
      hits: atomicU32,
      balance: atomicI32,
      bytes: atomicU64,
      sum: atomicI64,
      flags: flags(u16, ["a"]),
    }),
    40,
    8,
    { kind: 0, hits: 4, balance: 8, bytes: 16, sum: 24, flags: 32 },
  ],
] as const;

Deno.test("struct() lays fields out as a C compiler does", () => {
  for (const [type, byteLength, alignment, offsets] of LAYOUTS) {
    assertEquals(sizeOf(type), byteLength, type.name);
    assertEquals(alignOf(type), alignment, type.name);
    assertEquals(type.offsets, offsets, type.name);
    for (const [name, offset] of Object.entries(offsets)) {
      assertEquals(offsetOf(type as unknown as StructType<Record<string, unknown>>, name), offset);
    }
  }
});

Deno.test("sizeOf() and alignOf() of a scalar are its bytes, of an array its elements'", () => {
  const sizes = [[u8, 1], [i8, 1], [bool, 1], [u16, 2], [i16, 2], [u32, 4], [i32, 4], [f32, 4]];
  const wide = [[f64, 8], [u64, 8], [i64, 8], [address, 8], [pointer(() => Node), 8]];
  for (const [type, bytes] of [...sizes, ...wide] as [typeof u8, number][]) {
    assertEquals(sizeOf(type), bytes, type.name);
    assertEquals(alignOf(type), bytes, type.name);
    assertEquals(sizeOf(array(type, 5)), 5 * bytes, type.name);
    assertEquals(alignOf(array(type, 5)), bytes, type.name);
  }
  assertEquals(sizeOf(string(17)), 17);
  assertEquals(alignOf(string(17)), 1);
  assertEquals(array(Padded, 3).name, "array(Padded, 3)");
  assertEquals(string(17).name, "string(17)");
});

Deno.test("sizeOf() and offsetOf() refuse what is not a type and no field", () => {
  // @ts-expect-error: no type.
  assertThrows(() => sizeOf({}), TypeError, "Cannot measure what is given as an object (Object)");
  // @ts-expect-error: no type.
  assertThrows(() => alignOf("f64"), TypeError, 'Cannot measure what is given as "f64"');
  assertThrows(
    // @ts-expect-error: no such field.
    () => offsetOf(Vector, "w"),
    TypeError,
    'Cannot find field "w": Vector has no such field',
  );
  assertThrows(
    // @ts-expect-error: no such field, although every object has one of that name.
    () => offsetOf(Vector, "toString"),
    TypeError,
    'Cannot find field "toString"',
  );
  // @ts-expect-error: no struct.
  assertThrows(() => offsetOf(f64, "x"), TypeError, "f64 has no such field");
});

Deno.test("struct() refuses names that cannot be fields", () => {
  for (const name of ["address", "assign", "at", "constructor", "deref", "toJSON"]) {
    assertThrows(
      () => struct("Bad", { [name]: u8 }),
      TypeError,
      `Cannot define Bad.${name}: every view has a member of that name`,
    );
  }
  assertThrows(
    () => struct("Bad", JSON.parse('{ "__proto__": 1 }')),
    TypeError,
    "Cannot define Bad.__proto__: every view has a member of that name",
  );
  assertThrows(
    () => struct("Bad", { b: u8, 0: u8 }),
    TypeError,
    "Cannot define Bad.0: numbers as names would change the order of fields",
  );
  assertThrows(
    () => struct("Bad", { [Symbol("s")]: u8 }),
    TypeError,
    "Cannot define Bad.Symbol(s): a field has a name, no symbol",
  );
});

Deno.test("struct() refuses what is no field type, and says what is", () => {
  const bad: [unknown, string][] = [
    ["f64", '"f64"'],
    [undefined, "undefined"],
    [null, "null"],
    [{}, "an object (Object)"],
    [{ kind: "union" }, "an object (Object)"],
    [Float64Array, "a function"],
    [8n, "8n"],
  ];
  for (const [type, shown] of bad) {
    assertThrows(
      () => struct("Bad", { x: type }),
      TypeError,
      `Cannot define Bad.x as ${shown}: expected a field type such as f64, string(16), array(i32, 4), pointer(…) or a struct`,
    );
  }
  assertThrows(() => struct("Empty", {}), TypeError, "Cannot define struct Empty without fields");
  assertThrows(() => struct("", { x: u8 }), TypeError, 'Cannot define a struct named ""');
  // @ts-expect-error: no name.
  assertThrows(() => struct({ x: u8 }), TypeError, "expected a name");
  // @ts-expect-error: no table.
  assertThrows(() => struct("Bad", 3), TypeError, "Cannot define struct Bad by 3");
});

Deno.test("array(), string() and pointer() refuse sizes and targets that are none", () => {
  for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => array(u8, length), RangeError, `Cannot define array(u8, ${length})`);
    assertThrows(() => string(length), RangeError, `Cannot define a string of ${length} bytes`);
  }
  assertThrows(() => array(f64, 2 ** 52), RangeError, "of 2^53 bytes at most");
  // @ts-expect-error: no number.
  assertThrows(() => array(u8, "3"), TypeError, 'Cannot define an array of "3" elements');
  // @ts-expect-error: no type.
  assertThrows(() => array(3, 3), TypeError, "Cannot define an array of elements as 3");
  // @ts-expect-error: no number.
  assertThrows(() => string("3"), TypeError, 'Cannot define a string of "3" bytes');
  // @ts-expect-error: no function.
  assertThrows(() => pointer(Node), TypeError, "Cannot define a pointer to an object");
});

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

function sameType<A, B>(same: Same<A, B>): void {
  assert(same);
}

Deno.test("struct() infers the types of fields", () => {
  const All = struct("All", {
    count: u32,
    big: i64,
    ok: bool,
    name: string(8),
    home: address,
    place: Vector,
    list: array(f64, 2),
    get next() {
      return pointer(() => All);
    },
  });
  type All = ViewOf<typeof All>;
  sameType<All["count"], number>(true);
  sameType<All["big"], bigint>(true);
  sameType<All["ok"], boolean>(true);
  sameType<All["name"], string>(true);
  sameType<All["home"], number>(true);
  sameType<All["next"], number>(true);
  sameType<All["place"]["x"], number>(true);
  sameType<All["list"], ArrayView<ScalarType<number, Float64Array<SharedArrayBuffer>>>>(true);
  sameType<All["list"]["elements"], Float64Array<SharedArrayBuffer>>(true);
  sameType<keyof typeof All.offsets, Exclude<keyof All, keyof ViewMembers>>(true);

  const view = All.at(new SharedArrayBuffer(4096), 8);
  const next: All | null = view.deref("next");
  assertStrictEquals(next, null);
  const none: never[] = [];
  assertThrows(() => {
    // @ts-expect-error: a number field.
    view.count = "1";
  }, TypeError);
  assertThrows(() => {
    // @ts-expect-error: a bigint field.
    view.big = 1;
  }, TypeError);
  assertThrows(() => {
    // @ts-expect-error: structs are assigned to with assign().
    view.place = Vector.at(new SharedArrayBuffer(4096), 8);
  }, TypeError);
  assertThrows(() => {
    // @ts-expect-error: arrays are assigned to with assign().
    view.list = none;
  }, TypeError);
  assertThrows(() => {
    // @ts-expect-error: where a view is changes with at().
    view.address = 16;
  }, TypeError);
  // @ts-expect-error: no such field.
  assertStrictEquals(view.missing, undefined);
  // @ts-expect-error: no such field.
  assertThrows(() => view.assign({ missing: 1 }), TypeError);
  assertThrows(() => {
    const never: never = view.deref("count");
    return never;
  }, TypeError);
});

type ViewMembers = Pick<ViewOf<typeof Vector>, "address" | "assign" | "at" | "deref" | "toJSON">;

// A table whose types are written out is the other way to let a struct refer to itself.
interface TreeFields {
  readonly value: ScalarType<number, Int32Array<SharedArrayBuffer>>;
  readonly children: ArrayType<PointerType<StructType<TreeFields>>>;
}

Deno.test("struct() takes a table whose type is written out", () => {
  const Tree: StructType<TreeFields> = struct("Tree", {
    value: i32,
    children: array(pointer(() => Tree), 2),
  });
  const child: ViewOf<typeof Tree> | null = Tree.at(new SharedArrayBuffer(4096), 8)
    .children.deref(1);
  assertStrictEquals(child, null);
  assertEquals(sizeOf(Tree), 24);
});
