/** Views of no block yet: every use of one says so, and moving it makes it a view as any other. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  address,
  Allocator,
  type AnyView,
  array,
  atomicU32,
  bool,
  bytes,
  f32,
  f64,
  flags,
  freeStruct,
  i16,
  i32,
  i64,
  i8,
  isStructView,
  pointer,
  segmentOf,
  string,
  struct,
  text,
  u16,
  u32,
  u64,
  u8,
  union,
} from "../../../allocator/mod.ts";

const BYTES = 65536;
const Point = struct("Point", { x: f64, y: f64 });
const Payload = union("Payload", { small: u8, point: Point });
const Tagged = union("Tagged", { small: u16, point: Point }, { tag: u8 });
const TYPES = {
  ...{ u8, i8, u16, i16, u32, i32, f32, f64, u64, i64, bool, address },
  ...{ text: string(6), owned: text(), image: bytes(), list: array(u8, 3), place: Point },
  ...{ hits: atomicU32, bits: flags(u8, ["a", "b"]), payload: Payload, tagged: Tagged },
  next: pointer(() => Point),
};
const { address: _taken, ...FIELDS } = TYPES;
const Everything = struct("Everything", { ...FIELDS, home: address });
const VALUES: Readonly<Record<string, unknown>> = {
  ...{ u8: 1, i8: 1, u16: 1, i16: 1, u32: 1, i32: 1, f32: 1, f64: 1, u64: 1n, i64: 1n },
  ...{ bool: true, text: "a", owned: "a", image: new Uint8Array(1), list: [1, 2, 3] },
  ...{ place: { x: 1 }, hits: 1, bits: ["a"], payload: { small: 1 }, tagged: { small: 1 } },
  ...{ next: 8, home: 8 },
};

function makeAllocator(): Allocator {
  const slices = [{ byteOffset: 0, byteLength: BYTES }];
  return Allocator.create(new SharedArrayBuffer(BYTES), slices, 0);
}

function assertUnplaced(use: () => unknown, name: string, what = name): void {
  assertThrows(
    use,
    TypeError,
    `Cannot use this view of ${name}: it has no block yet, move it by at(address) first`,
    what,
  );
}

Deno.test("a view with no block yet refuses every read and write, and changes no byte", () => {
  const allocator = makeAllocator();
  const placed = Everything.make(allocator);
  freeStruct(allocator, placed);
  const view = Everything.view(allocator);
  const soiled = new Uint8Array(allocator.buffer).slice();
  for (const name of Object.keys(Everything.offsets)) {
    assertUnplaced(() => Reflect.get(view, name), "Everything", name);
    // A field without a setter is refused for that, by the same class of error.
    assertThrows(() => Object.assign(view, { [name]: VALUES[name] }), TypeError);
    assertUnplaced(() => view.assign({ [name]: VALUES[name] }), "Everything", `assign ${name}`);
  }
  assertUnplaced(() => view.address, "Everything");
  assertUnplaced(() => view.toJSON(), "Everything");
  assertUnplaced(() => view.deref("next"), "Everything");
  assertUnplaced(() => view.assign(Everything.at(allocator, 1024)), "Everything");
  assertUnplaced(() => Everything.at(allocator, 1024).assign(view), "Everything");
  assertUnplaced(() => freeStruct(allocator, view), "Everything");
  assertEquals(new Uint8Array(allocator.buffer).slice(), soiled);
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("a view with no block yet of every setter's kind refuses what is set", () => {
  for (const name of Object.keys(Everything.offsets)) {
    const view = Everything.view(new SharedArrayBuffer(BYTES));
    const { set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(view), name)!;
    if (set === undefined) continue;
    assertUnplaced(() => set.call(view, VALUES[name]), "Everything", name);
  }
});

Deno.test("views of arrays and unions with no block yet refuse the same", () => {
  const segment = new SharedArrayBuffer(BYTES);
  const Numbers = array(f64, 4);
  const numbers = Numbers.view(segment);
  const name = "array(f64, 4)";
  for (
    const use of [
      () => numbers.address,
      () => numbers.get(1),
      () => numbers.set(1, 2),
      () => [...numbers],
      () => numbers.elements,
      () => numbers.toJSON(),
      () => numbers.assign([1, 2, 3, 4]),
      () => numbers.assign(Numbers.at(segment, 64)),
      () => Numbers.at(segment, 64).assign(numbers),
    ]
  ) assertUnplaced(use, name, String(use));
  assertEquals(numbers.length, 4);
  const payload = Payload.view(segment);
  assertUnplaced(() => payload.small, "Payload");
  assertUnplaced(() => payload.point, "Payload");
  assertUnplaced(() => payload.toJSON(), "Payload");
  assertUnplaced(() => payload.assign({ small: 1 }), "Payload");
  assertUnplaced(() => payload.assign(new Uint8Array(16)), "Payload");
  const tagged = Tagged.view(segment);
  assertUnplaced(() => tagged.tag, "Tagged");
  assertUnplaced(() => tagged.tag = "point", "Tagged");
  assertUnplaced(() => tagged.small, "Tagged");
  assertUnplaced(() => tagged.small = 1, "Tagged");
  assertUnplaced(() => tagged.assign({ small: 1 }), "Tagged");
  assertUnplaced(() => tagged.toJSON(), "Tagged");
});

Deno.test("a view with no block yet shows itself in logs, and is a view to who asks", () => {
  const segment = new SharedArrayBuffer(BYTES);
  const view: AnyView = Point.view(segment);
  assertEquals(Deno.inspect(view), "Point (no block yet)");
  assertEquals(Deno.inspect(array(u8, 2).view(segment)), "array(u8, 2) (no block yet)");
  assert(isStructView(view));
  assert(view instanceof Point);
  assertStrictEquals(segmentOf(view), segment);
  assertEquals(Point.at(view, 64).address, 64); // its segment is known
});

Deno.test("a view that at() has moved is as one that at() of the type gave", () => {
  const segment = new SharedArrayBuffer(BYTES);
  const view = Point.view(segment);
  assertThrows(() => view.at(0), RangeError, "it is null");
  assertThrows(() => view.at(12), RangeError, "expected a multiple of its alignment");
  assertUnplaced(() => view.x, "Point"); // what was refused has not placed it
  assertStrictEquals(view.at(64), view);
  view.assign({ x: 1, y: 2 });
  assertEquals(Point.at(segment, 64).toJSON(), { x: 1, y: 2 });
  assertEquals(view.at(128).toJSON(), { x: 0, y: 0 });
  const [symbols, ofOther] = [view, Point.at(segment, 64)].map(Object.getOwnPropertySymbols);
  assertEquals(symbols, ofOther);
  const numbers = array(i32, 2).view(segment).at(256).assign([3, 4]);
  assertEquals([...numbers], [3, 4]);
});

Deno.test("view() refuses memory that is not shared", () => {
  // @ts-expect-error: no shared memory.
  assertThrows(() => Point.view(new ArrayBuffer(8)), TypeError, "Cannot view memory");
  // @ts-expect-error: no shared memory.
  assertThrows(() => array(u8, 2).view(null), TypeError, "Cannot view memory");
});
