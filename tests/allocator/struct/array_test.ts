import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Allocator,
  array,
  bool,
  f64,
  i16,
  i64,
  pointer,
  string,
  struct,
  u32,
  u8,
} from "../../../allocator/mod.ts";

const Point = struct("Point", { x: f64, y: f64 });

function makeAllocator(): Allocator {
  const slices = [{ byteOffset: 0, byteLength: 65536 }];
  return Allocator.create(new SharedArrayBuffer(65536), slices, 0);
}

Deno.test("ArrayView.get() and set() reach every element", () => {
  const numbers = array(u32, 4).make(makeAllocator());
  assertEquals(numbers.length, 4);
  for (let index = 0; index < 4; index++) numbers.set(index, 10 + index);
  assertEquals([0, 1, 2, 3].map((index) => numbers.get(index)), [10, 11, 12, 13]);
  assertEquals([...numbers], [10, 11, 12, 13]);
});

Deno.test("ArrayView.get() and set() refuse indices that are none", () => {
  const numbers = array(u32, 4).make(makeAllocator(), [1, 2, 3, 4]);
  for (const index of [-1, 4, 0.5, NaN, Infinity, 2 ** 32]) {
    const message = `element ${index} of array(u32, 4): expected a whole number from 0 to 3`;
    assertThrows(() => numbers.get(index), RangeError, `Cannot get ${message}`);
    assertThrows(() => numbers.set(index, 9), RangeError, `Cannot set ${message}`);
  }
  assertThrows(
    // @ts-expect-error: no number.
    () => numbers.get("x"),
    TypeError,
    'Cannot get element "x" of array(u32, 4): expected a number',
  );
  assertEquals([...numbers], [1, 2, 3, 4]);
});

Deno.test("ArrayView.set() refuses values of the wrong kind, and says where", () => {
  const allocator = makeAllocator();
  assertThrows(
    // @ts-expect-error: a number array.
    () => array(u32, 4).make(allocator).set(0, "1"),
    TypeError,
    'Cannot store "1" in an element of array(u32, 4) (u32): expected a number',
  );
  assertThrows(
    () => array(string(2), 1).make(allocator, ["abc"]),
    RangeError,
    'Cannot store "abc" in an element of array(string(2), 1) (string(2))',
  );
  assertThrows(
    // @ts-expect-error: no such field.
    () => array(Point, 2).make(allocator).set(1, { z: 1 }),
    TypeError,
    "Cannot store Point.z: there is no such field",
  );
});

Deno.test("ArrayView.elements is a typed array over the same bytes, and stays where it is", () => {
  const allocator = makeAllocator();
  const numbers = array(i16, 3).make(allocator, [1, 2, 3]);
  const { elements } = numbers;
  assert(elements instanceof Int16Array);
  assertEquals([...elements], [1, 2, 3]);
  elements[1] = -5;
  assertEquals(numbers.get(1), -5);
  const others = array(i16, 3).make(allocator);
  numbers.at(others.address).set(1, 9);
  assertEquals(elements[1], -5);
  const bigints: BigInt64Array = array(i64, 2).make(allocator, [1n, -1n]).elements;
  assertEquals([...bigints], [1n, -1n]);
  for (const type of [bool, string(3), Point, pointer(() => Point), array(u8, 2)]) {
    assertThrows(
      () => array(type, 2).make(allocator).elements,
      TypeError,
      `Cannot view elements of type ${type.name} as a typed array: use get() and set()`,
    );
  }
});

Deno.test("ArrayView.get() of structs and arrays gives views that write through", () => {
  const allocator = makeAllocator();
  const points = array(Point, 3).make(allocator, [{ x: 1 }, { y: 2 }, {}]);
  const [first, second] = [points.get(0), points.get(1)];
  first.y = 5;
  points.set(2, { x: 7, y: 8 });
  points.set(1, points.get(2));
  assertEquals(points.toJSON(), [{ x: 1, y: 5 }, { x: 7, y: 8 }, { x: 7, y: 8 }]);
  assertEquals(second.address, points.address + 16);

  const grid = array(array(u8, 3), 2).make(allocator, [[1, 2, 3], [4, 5, 6]]);
  grid.get(1).set(0, 9);
  assertEquals(grid.toJSON(), [[1, 2, 3], [9, 5, 6]]);
  assertEquals([...allocator.bytes(grid.address, 6)], [1, 2, 3, 9, 5, 6]);
});

Deno.test("ArrayView.assign() takes any iterable of as many values, or an array view", () => {
  const allocator = makeAllocator();
  const type = array(u8, 3);
  const numbers = type.make(allocator);
  assertEquals([...numbers.assign(new Set([1, 2, 3]))], [1, 2, 3]);
  assertEquals([...numbers.assign(new Uint8Array([4, 5, 6]))], [4, 5, 6]);
  assertEquals([...type.make(makeAllocator(), numbers)], [4, 5, 6]);
  assertEquals([...array(u8, 3).make(allocator, numbers)], [4, 5, 6]);
  for (const values of [[], [1, 2], [1, 2, 3, 4]]) {
    assertThrows(
      () => numbers.assign(values),
      RangeError,
      `Cannot fill array(u8, 3) from ${values.length} values: expected 3`,
    );
  }
  for (const values of [3, null, {}, "abc"]) {
    assertThrows(
      // @ts-expect-error: no iterable of numbers.
      () => numbers.assign(values),
      TypeError,
      "Cannot fill array(u8, 3) from",
    );
  }
  assertEquals([...numbers], [4, 5, 6]);
});

Deno.test("ArrayView.deref() follows its pointers, and pointers lead to arrays", () => {
  const allocator = makeAllocator();
  const Pair = array(u8, 2);
  const pair = Pair.make(allocator, [1, 2]);
  const pointers = array(pointer(() => Pair), 2).make(allocator, [0, pair.address]);
  assertStrictEquals(pointers.deref(0), null);
  assertEquals(pointers.deref(1)?.toJSON(), [1, 2]);
  assertEquals(pointers.toJSON(), [0, pair.address]);
  assertThrows(() => pointers.deref(2), RangeError, "Cannot follow element 2");
  assertThrows(
    () => pair.deref(0),
    TypeError,
    "Cannot follow an element of array(u8, 2): expected pointers, they are u8",
  );
});

Deno.test("ArrayType.at() views arrays in memory, within bounds", () => {
  const segment = new SharedArrayBuffer(128);
  const type = array(f64, 4);
  assertEquals(type.at(segment, 96).toJSON(), [0, 0, 0, 0]);
  assertThrows(
    () => type.at(segment, 104),
    RangeError,
    "Cannot view array(f64, 4) at address 104: its 32 bytes end past the segment's 128",
  );
  assertThrows(() => type.at(segment, 4), RangeError, "expected a multiple of its alignment, 8");
  assertEquals(Deno.inspect(array(u8, 2).at(segment, 8)), "array(u8, 2) [ 0, 0 ]");
});

Deno.test("ArrayType.make() frees the memory when values are refused", () => {
  const allocator = makeAllocator();
  assertThrows(() => array(u8, 3).make(allocator, [1]), RangeError);
  assertEquals(allocator.statistics().liveBlocks, 0);
  assertThrows(
    () => array(f64, 10_000).make(allocator),
    RangeError,
    "Cannot allocate 80000 bytes aligned to 8 for array(f64, 10000): the whole slice has ",
  );
});
