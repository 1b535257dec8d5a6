import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  address,
  Allocator,
  array,
  BadAllocError,
  bool,
  f32,
  f64,
  i16,
  i32,
  i64,
  i8,
  offsetOf,
  pointer,
  sizeOf,
  string,
  struct,
  u16,
  u32,
  u64,
  u8,
  type ViewOf,
} from "../../../allocator/mod.ts";

const GIB = 2 ** 30;
const SLICE_BYTES = 65536;

function makeAllocator(): Allocator {
  const slices = [{ byteOffset: 0, byteLength: SLICE_BYTES }];
  return Allocator.create(new SharedArrayBuffer(SLICE_BYTES), slices, 0);
}

const Point = struct("Point", { x: f64, y: f64, id: i32 });
const Line = struct("Line", { from: Point, to: Point, width: u8 });
const Node = struct("Node", {
  value: i32,
  get next() {
    return pointer(() => Node);
  },
});
const Everything = struct("Everything", {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  f64,
  u64,
  i64,
  bool,
  address_: address,
  text: string(6),
  list: array(u16, 3),
});

Deno.test("struct views keep the least and the greatest value of every kind", () => {
  const view = Everything.at(new SharedArrayBuffer(4096), 1024);
  const greatest = {
    u8: 255,
    i8: 127,
    u16: 65535,
    i16: 32767,
    u32: 2 ** 32 - 1,
    i32: 2 ** 31 - 1,
    f32: 3.4028234663852886e38,
    f64: Number.MAX_VALUE,
    u64: 2n ** 64n - 1n,
    i64: 2n ** 63n - 1n,
    bool: true,
    address_: Number.MAX_SAFE_INTEGER - 7,
    text: "héllo",
    list: [1, 2, 65535],
  };
  assertEquals(view.assign(greatest).toJSON(), greatest);
  const least = {
    u8: 0,
    i8: -128,
    u16: 0,
    i16: -32768,
    u32: 0,
    i32: -(2 ** 31),
    f32: -Infinity,
    f64: -0,
    u64: 0n,
    i64: -(2n ** 63n),
    bool: false,
    address_: 0,
    text: "",
    list: [0, 0, 0],
  };
  assertEquals(view.assign(least).toJSON(), least);
  view.f64 = NaN;
  view.f32 = 0.1;
  assertStrictEquals(view.f64, NaN);
  assertStrictEquals(view.f32, Math.fround(0.1));
});

Deno.test("struct views wrap numbers around as typed arrays do", () => {
  const view = Everything.at(new SharedArrayBuffer(4096), 1024);
  view.u8 = 256 + 7;
  view.i8 = 200;
  view.u32 = -1;
  view.i32 = 2 ** 31;
  view.u16 = 1.9;
  view.u64 = -1n;
  assertEquals([view.u8, view.i8, view.u32, view.i32, view.u16], [
    7,
    -56,
    2 ** 32 - 1,
    -(2 ** 31),
    1,
  ]);
  assertEquals(view.u64, 2n ** 64n - 1n);
});

Deno.test("struct views touch the bytes of their field and no others", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(4096));
  const view = Everything.at(bytes, 1024);
  const written: Record<string, [value: unknown, byteLength: number]> = {
    u8: [1, 1],
    i8: [1, 1],
    u16: [257, 2],
    i16: [257, 2],
    u32: [0x01010101, 4],
    i32: [0x01010101, 4],
    f32: [2.369428e-38, 4],
    f64: [7.748604185489348e-304, 8],
    u64: [0x0101010101010101n, 8],
    i64: [0x0101010101010101n, 8],
    bool: [true, 1],
    text: ["\x01\x01\x01\x01\x01\x01", 6],
  };
  for (const [name, [value, byteLength]] of Object.entries(written)) {
    bytes.fill(0);
    Reflect.set(view, name, value);
    const start = view.address + Reflect.get(Everything.offsets, name);
    const ones = [...bytes.keys()].filter((index) => bytes[index] !== 0);
    assertEquals(ones, Array.from({ length: byteLength }, (_, index) => start + index), name);
  }
});

Deno.test("struct views are little endian, as C on this machine", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(64));
  const view = struct("Word", { word: u32 }).at(bytes, 8);
  view.word = 0x04030201;
  assertEquals([...bytes.subarray(8, 12)], [1, 2, 3, 4]);
});

Deno.test("StructType.make() allocates zeros, and fills in what is given", () => {
  const allocator = makeAllocator();
  const dirty = allocator.malloc(sizeOf(Line));
  allocator.bytes(dirty, sizeOf(Line)).fill(0xff);
  allocator.free(dirty);
  const line = Line.make(allocator, { to: { y: 4 }, width: 3 });
  assertEquals(line.toJSON(), {
    from: { x: 0, y: 0, id: 0 },
    to: { x: 0, y: 4, id: 0 },
    width: 3,
  });
  assert(allocator.mallocUsableSize(line.address) >= sizeOf(Line));
  const copy = Line.make(allocator, line);
  assertEquals(copy.toJSON(), line.toJSON());
  allocator.free(line.address);
  allocator.free(copy.address);
  assertEquals(allocator.statistics().liveBlocks, 0);
});

Deno.test("StructType.make() frees the memory when a value is refused", () => {
  const allocator = makeAllocator();
  // @ts-expect-error: a number field.
  assertThrows(() => Point.make(allocator, { x: 1, y: "2" }), TypeError);
  assertThrows(() => Node.make(allocator, { next: -8 }), RangeError);
  assertEquals(allocator.statistics().liveBlocks, 0);
});

Deno.test("StructType.make() says when there is no room", () => {
  const Large = struct("Large", { bytes: array(u8, SLICE_BYTES) });
  assertThrows(
    () => Large.make(makeAllocator()),
    BadAllocError,
    "Cannot allocate 65536 bytes aligned to 8 for Large: the whole slice has ",
  );
});

Deno.test("StructType.at() views the same struct through segment, allocator, array or view", () => {
  const allocator = makeAllocator();
  const point = Point.make(allocator, { x: 1, y: 2, id: 3 });
  const words = new Int32Array(allocator.buffer, 64, 4);
  for (const source of [allocator.buffer, allocator, words, point]) {
    const other = Point.at(source, point.address);
    other.id += 1;
    assertEquals(other.address, point.address);
  }
  assertEquals(point.id, 7);
});

Deno.test("StructType.at() refuses addresses where the struct cannot lie", () => {
  const segment = new SharedArrayBuffer(4096 + 4);
  const view = Point.at(segment, 4072);
  const bad: [number, string][] = [
    [0, "Cannot view Point at address 0: it is null"],
    [-8, "Cannot view Point at address -8: an address is a whole number of bytes, above 0"],
    [8.5, "Cannot view Point at address 8.5: an address is a whole number of bytes, above 0"],
    [NaN, "Cannot view Point at address NaN: an address is a whole number of bytes, above 0"],
    [Infinity, "Cannot view Point at address Infinity: an address is a whole number"],
    [2 ** 53, "Cannot view Point at address 9007199254740992: an address is a whole number"],
    [12, "Cannot view Point at address 12: expected a multiple of its alignment, 8"],
    [4080, "Cannot view Point at address 4080: its 24 bytes end past the segment's 4100"],
    [2 ** 40, "Cannot view Point at address 1099511627776: its 24 bytes end past"],
  ];
  for (const [where, message] of bad) {
    assertThrows(() => Point.at(segment, where), RangeError, message);
    assertThrows(() => view.at(where), RangeError, message);
  }
  for (const where of ["8", undefined, null, 8n, {}]) {
    assertThrows(
      // @ts-expect-error: no number.
      () => view.at(where),
      TypeError,
      "expected an address, a number of bytes",
    );
  }
  assertEquals(view.address, 4072);
});

Deno.test("StructType.at() refuses memory that is not shared", () => {
  for (const source of [new ArrayBuffer(64), new Uint8Array(64), {}, null, 8, "segment"]) {
    assertThrows(
      // @ts-expect-error: no shared memory.
      () => Point.at(source, 8),
      TypeError,
      "Cannot view memory: expected a SharedArrayBuffer",
    );
  }
});

Deno.test("StructView.at() moves the view, and nothing else", () => {
  const segment = new SharedArrayBuffer(4096);
  const view = Point.at(segment, 64).assign({ x: 1 });
  assertStrictEquals(view.at(128), view);
  view.x = 2;
  assertEquals(view.address, 128);
  assertEquals(Point.at(segment, 64).x, 1);
});

Deno.test("struct views of nested structs are views of their own", () => {
  const segment = new SharedArrayBuffer(4096);
  const line = Line.at(segment, 64);
  const { from, to } = line;
  from.x = 1;
  to.x = 2;
  line.at(512).from.x = 3;
  assertEquals([from.x, to.x, line.from.x], [1, 2, 3]);
  assertEquals(to.address, 64 + offsetOf(Line, "to"));
  from.assign(to);
  assertEquals(from.x, 2);
  assert(from instanceof Point);
  assert(!(line instanceof Point));
});

Deno.test("StructView.assign() writes what is given, and stops at what is refused", () => {
  const point = Point.at(new SharedArrayBuffer(4096), 64).assign({ x: 1, y: 2, id: 3 });
  assertEquals(point.assign({ y: 5 }).toJSON(), { x: 1, y: 5, id: 3 });
  assertThrows(
    // @ts-expect-error: no such field.
    () => point.assign({ x: 8, z: 9, id: 10 }),
    TypeError,
    "Cannot store Point.z: there is no such field",
  );
  assertEquals(point.toJSON(), { x: 8, y: 5, id: 3 });
  const node = Node.at(point, 128);
  for (const values of [null, 3, "x", node]) {
    assertThrows(
      // @ts-expect-error: not the fields of a point.
      () => point.assign(values),
      TypeError,
      "Cannot fill Point from",
    );
  }
  // @ts-expect-error: another struct.
  assertThrows(() => point.assign(node), TypeError, "from an object (Node): expected an object");
});

Deno.test("StructView.assign() copies a view of another segment", () => {
  const from = Line.at(new SharedArrayBuffer(4096), 64).assign({ to: { id: 7 }, width: 9 });
  const to = Line.at(new SharedArrayBuffer(8192), 4096).assign(from);
  assertEquals(to.toJSON(), from.toJSON());
  assertEquals(to.width, 9);
});

Deno.test("struct views refuse values of the wrong kind, and name the field", () => {
  const view = Everything.at(new SharedArrayBuffer(4096), 1024);
  const numbers = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "f64"];
  for (const name of numbers) {
    for (
      const [value, shown] of [["1", '"1"'], [1n, "1n"], [undefined, "undefined"], [true, "true"]]
    ) {
      assertThrows(
        () => Reflect.set(view, name, value),
        TypeError,
        `Cannot store ${shown} in Everything.${name} (${name}): expected a number`,
      );
    }
  }
  for (const name of ["u64", "i64"]) {
    assertThrows(
      () => Reflect.set(view, name, 1),
      TypeError,
      `Cannot store 1 in Everything.${name} (${name}): expected a bigint`,
    );
  }
  assertThrows(
    () => Reflect.set(view, "bool", 1),
    TypeError,
    "Cannot store 1 in Everything.bool (bool): expected a boolean",
  );
  assertThrows(
    () => Reflect.set(view, "address_", null),
    TypeError,
    "Cannot store null in Everything.address_ (address): expected an address, or 0",
  );
  assertThrows(
    () => Reflect.set(view, "text", ["a"]),
    TypeError,
    "Cannot store an object (Array) in Everything.text (string(6)): expected a string",
  );
  for (const value of [-8, 0.5, NaN, 2 ** 53]) {
    assertThrows(
      () => view.address_ = value,
      RangeError,
      `Cannot store ${value} in Everything.address_ (address): expected an address, or 0`,
    );
  }
  assert(new Uint8Array(view.list.elements.buffer).every((byte) => byte === 0));
});

Deno.test("StructView.deref() follows pointers, up to null", () => {
  const allocator = makeAllocator();
  let head = 0;
  for (let value = 3; value >= 1; value--) {
    head = Node.make(allocator, { value, next: head }).address;
  }
  const values: number[] = [];
  let node: ViewOf<typeof Node> | null = Node.at(allocator, head);
  while (node !== null) {
    values.push(node.value);
    node = node.deref("next");
  }
  assertEquals(values, [1, 2, 3]);
});

Deno.test("StructView.deref() refuses what is not a pointer, or points to nothing that can be there", () => {
  const Wrong = struct("Wrong", { to: pointer(() => f64), nowhere: pointer(() => 3), n: f64 });
  const view = Wrong.at(new SharedArrayBuffer(4096), 64);
  assertStrictEquals(view.deref("to"), null);
  view.assign({ to: 128, nowhere: 128 });
  assertThrows(
    () => view.deref("to"),
    TypeError,
    "Cannot follow Wrong.to: it points to f64, expected a struct or an array",
  );
  assertThrows(() => view.deref("nowhere"), TypeError, "Cannot follow Wrong.nowhere: it points to");
  assertThrows(
    () => view.deref("n"),
    TypeError,
    "Cannot follow Wrong.n: expected a pointer, it is of type f64",
  );
  assertThrows(
    // @ts-expect-error: no such field.
    () => view.deref("missing"),
    TypeError,
    "Cannot follow Wrong.missing: expected a pointer, there is no such field",
  );
  const node = Node.at(view, 64);
  node.next = 4096;
  assertThrows(
    () => node.deref("next"),
    RangeError,
    "Cannot view Node at address 4096: its 16 bytes end past the segment's 4096",
  );
  node.next = 4;
  assertThrows(() => node.deref("next"), RangeError, "expected a multiple of its alignment, 8");
});

Deno.test("struct views work above 4 GiB, and at the very end of the segment", () => {
  const segment = new SharedArrayBuffer(6 * GIB);
  const size = sizeOf(Everything);
  const places = [
    2 * GIB - 8, // across the line where an index of bytes leaves the 32-bit integers
    4 * GIB - 24,
    4 * GIB + 4096,
    5 * GIB + 123 * 8,
    6 * GIB - size,
  ];
  const view = Everything.at(segment, 64).assign({ u8: 1 });
  for (const place of places) {
    view.at(place).assign({ u8: 7, u16: 8, u32: 9, f64: 1.5, u64: 10n, bool: true, text: "far" });
    view.address_ = place;
    view.list.set(2, 11);
    const again = Everything.at(segment, place);
    assertEquals(again.toJSON(), {
      ...{ u8: 7, i8: 0, u16: 8, i16: 0, u32: 9, i32: 0, f32: 0, f64: 1.5, u64: 10n, i64: 0n },
      ...{ bool: true, address_: place, text: "far", list: [0, 0, 11] },
    });
    const node = Node.at(segment, 128);
    node.next = place;
    assertEquals(node.deref("next")?.address, place);
    // Nothing has landed where the address would be with its upper bits cut off.
    const low = place % (4 * GIB);
    if (low !== place) assert(new Uint8Array(segment, low, size).every((byte) => byte === 0));
    new Uint8Array(segment, place, size).fill(0);
  }
  assertEquals(view.at(64).u8, 1);
  assertThrows(() => view.at(6 * GIB - size + 8), RangeError, "end past the segment's 6442450944");
});

Deno.test("struct views of one segment share its arrays, whatever they are made from", () => {
  const allocator = makeAllocator();
  const symbols = (view: object) => Object.getOwnPropertySymbols(view);
  const one = Point.at(allocator, 64);
  const other = Node.at(allocator.buffer, 64);
  const [key] = symbols(one);
  assertEquals(Object.keys(one), []);
  assertStrictEquals(Reflect.get(one, key!), Reflect.get(other, key!));
});

Deno.test("struct views show their fields in logs", () => {
  const line = Line.at(new SharedArrayBuffer(4096), 64).assign({ width: 2 });
  assertEquals(Deno.inspect(line.from), "Point { x: 0, y: 0, id: 0 }");
  assertEquals(JSON.stringify(line.to), '{"x":0,"y":0,"id":0}');
  assertEquals(Object.isFrozen(Point), true);
});
