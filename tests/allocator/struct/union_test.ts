/** Unions: members over one another, with a tag and without. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Allocator,
  array,
  atomicU32,
  bool,
  bytes,
  f64,
  flags,
  freeStruct,
  i16,
  i32,
  i64,
  i8,
  isStructView,
  offsetOf,
  pointer,
  sizeOf,
  string,
  struct,
  text,
  u16,
  u32,
  u8,
  union,
  type UnionView,
  type ViewOf,
} from "../../../allocator/mod.ts";
import { withRandom } from "../../harness/seeded_random.ts";

const BYTES = 65536;
const Order = struct("Order", { price: f64, quantity: u32 });
const Cancel = struct("Cancel", { order: u32 });
const Payload = union("Payload", { order: Order, cancel: Cancel, code: u16, name: string(5) });
const Message = struct("Message", { kind: u8, payload: Payload, end: u8 });
const Command = union("Command", { order: Order, cancel: Cancel, code: u16, name: string(5) }, {
  tag: u8,
});

function makeAllocator(): Allocator {
  const slices = [{ byteOffset: 0, byteLength: BYTES }];
  return Allocator.create(new SharedArrayBuffer(BYTES), slices, 0);
}

Deno.test("members of a union() are the same bytes", () => {
  const allocator = makeAllocator();
  const message = Message.make(allocator, { kind: 2, payload: { cancel: { order: 0x01020304 } } });
  assertEquals([message.payload.cancel.order, message.payload.code], [0x01020304, 0x0304]);
  message.payload.code = 0x4241;
  assertEquals(message.payload.name, "AB\x02\x01");
  message.payload.assign({ order: { quantity: 7 } });
  assertEquals([message.payload.order.quantity, message.payload.code], [7, 0x4241]);
  message.payload.name = "abcde";
  assertEquals([message.kind, message.end], [2, 0]);
  const plain = message.toJSON();
  assertEquals(plain.payload.length, sizeOf(Payload));
  assertEquals([...plain.payload.subarray(0, 5)], [97, 98, 99, 100, 101]);
  const copy = Message.make(allocator, plain); // its bytes, lossless
  assertEquals(copy.toJSON(), plain);
  copy.payload.assign({ code: 1 });
  message.payload.assign(copy.payload);
  assertEquals(message.payload.code, 1);
  assert(message.payload instanceof Payload);
  assert(isStructView(message.payload));
  allocator.free(message.address);
  const single = Payload.make(allocator, { code: 3 });
  assertEquals(Payload.at(allocator, single.address).code, 3);
  freeStruct(allocator, single);
});

Deno.test("a union() with a tag says which member is there, and gives no other", () => {
  const allocator = makeAllocator();
  const command = Command.make(allocator);
  assertEquals([command.tag, command.toJSON()], ["order", { order: { price: 0, quantity: 0 } }]);
  command.assign({ order: { price: 1.5, quantity: 2 } }).order.quantity += 1;
  assertEquals(command.toJSON(), { order: { price: 1.5, quantity: 3 } });
  for (const member of ["cancel", "code", "name"] as const) {
    assertThrows(
      () => command[member],
      TypeError,
      `Cannot read Command.${member}: it holds order`,
    );
  }
  command.assign({ cancel: {} }); // what was there is not seen through it
  assertEquals(command.toJSON(), { cancel: { order: 0 } });
  command.code = 65535;
  assertEquals([command.tag, command.toJSON()], ["code", { code: 65535 }]);
  command.tag = "name";
  assertEquals(command.name, "");
  command.name = "abc";
  command.tag = "name"; // as it was
  assertEquals(command.toJSON(), { name: "abc" });
  assertThrows(() => command.name = "too long", RangeError);
  assertThrows(() => command.code = "1" as unknown as number, TypeError);
  assertEquals(command.toJSON(), { name: "abc" }); // what was refused has lost nothing
  const copy = Command.make(allocator, command);
  assertEquals(copy.toJSON(), { name: "abc" });
  copy.assign(Command.make(allocator, command.toJSON()));
  assertEquals(copy.name, "abc");
  assertEquals(Deno.inspect(copy), 'Command { name: "abc" }');
  assertEquals([...new Uint8Array(allocator.buffer, copy.address, 1)], [3]);
});

Deno.test("a union() with a tag leaves nothing of one member to be read as another", () =>
  withRandom((random) => {
    const tags = [u8, u16, u32, i8, i16, i32] as const;
    for (const tag of tags) {
      const Small = struct("Small", { a: u8, b: array(u16, 3) });
      const type = union("Mixed", { small: Small, wide: f64, list: array(u8, 11), flag: bool }, {
        tag,
      });
      const bytes = new Uint8Array(new SharedArrayBuffer(256));
      bytes.fill(0xa5);
      const view = type.at(bytes, 64);
      new Uint8Array(bytes.buffer, 64, sizeOf(type)).fill(0);
      const zeros = {
        small: { a: 0, b: [0, 0, 0] },
        wide: 0,
        list: Array.from({ length: 11 }, () => 0),
        flag: false,
      };
      let model: Record<string, unknown> = { small: zeros.small };
      for (let i = 0; i < 500; i++) {
        const name = (["small", "wide", "list", "flag"] as const)[random.below(4)]!;
        const list = Array.from({ length: 11 }, () => random.below(256));
        const values = { wide: random.next(), list, flag: random.below(2) === 0 };
        if (random.below(4) === 0) {
          view.tag = name;
          model = name in model ? model : { [name]: zeros[name] };
        } else if (name === "small") {
          const former = ("small" in model ? model["small"] : zeros.small) as typeof zeros.small;
          view.assign({ small: { a: list[0]! } });
          model = { small: { ...former, a: list[0] } };
        } else if (name !== "list" && random.below(2) === 0) {
          Reflect.set(view, name, values[name]);
          model = { [name]: values[name] };
        } else {
          view.assign({ [name]: values[name] } as { wide: number });
          model = { [name]: values[name] };
        }
        assertEquals(view.toJSON() as unknown, model);
        assertEquals([view.tag], Object.keys(model));
        // Bytes that the member does not have are zero, and those around the union as they were.
        const used = { small: sizeOf(Small), wide: 8, list: 11, flag: 1 }[view.tag];
        const rest = bytes.subarray(64 + offsetOf(type, view.tag) + used, 64 + sizeOf(type));
        assert(rest.every((byte) => byte === 0));
        assert(bytes.subarray(0, 64).every((byte) => byte === 0xa5));
        assert(bytes.subarray(64 + sizeOf(type)).every((byte) => byte === 0xa5));
      }
    }
  }));

Deno.test("a union() with a tag that no member has says so", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(64));
  const command = Command.at(bytes, 8);
  bytes[8] = 9;
  const message =
    "Cannot read the tag of Command: it is 9, expected 0 (order), 1 (cancel), 2 (code), 3 (name)";
  for (const use of [() => command.tag, () => command.order, () => command.toJSON()]) {
    assertThrows(use, RangeError, message);
  }
  command.tag = "code";
  assertEquals(command.code, 0);
  assertThrows(
    // @ts-expect-error: no such member.
    () => command.tag = "fill",
    TypeError,
    'Cannot store "fill" in the tag of Command: expected one of order, cancel, code, name',
  );
});

Deno.test("union() takes one member at a time", () => {
  const segment = new SharedArrayBuffer(64);
  for (const view of [Payload.at(segment, 8), Command.at(segment, 8)]) {
    const { name } = view instanceof Payload ? Payload : Command;
    const wrong: [unknown, string][] = [
      [{}, `Cannot fill ${name} from 0 members: expected one`],
      [{ code: 1, name: "" }, `Cannot fill ${name} from 2 members: expected one`],
      [{ fill: 1 }, `Cannot store ${name}.fill: there is no such member`],
      [3, `Cannot fill ${name} from 3: expected an object of one of its members, or a view of one`],
      [Cancel.at(segment, 8), `Cannot fill ${name} from an object (Cancel): expected an object`],
      [{ code: "1" }, `Cannot store "1" in ${name}.code (u16): expected a number`],
    ];
    for (const [values, message] of wrong) {
      assertThrows(() => view.assign(values as { code: number }), TypeError, message);
    }
  }
  assertThrows(
    () => Payload.at(segment, 8).assign(new Uint8Array(3)),
    RangeError,
    "Cannot fill Payload from 3 bytes: expected 16",
  );
});

Deno.test("union() cannot own text or bytes, wherever they are in it", () => {
  const Owner = struct("Owner", { id: u8, name: text() });
  const owners = [text(), bytes(), array(text(), 2), Owner, array(Owner, 2)];
  for (const options of [[], [{ tag: u8 }]] as unknown as [{ tag: typeof u8 }][]) {
    for (const member of owners) {
      assertThrows(
        () => union("Bad", { small: u8, member }, ...options),
        TypeError,
        "Cannot define Bad.member: a union cannot own text or bytes, as it does not know whether " +
          "they are there; put them beside it, or let them be { owned: false }",
      );
    }
  }
});

Deno.test("text and bytes beside a union() are owned, and those in it are not", () => {
  const allocator = makeAllocator();
  const Note = union(
    "Note",
    { line: text({ owned: false }), raw: bytes({ owned: false }), n: u32 },
    {
      tag: u8,
    },
  );
  const Page = struct("Page", { title: text(), note: Note, plain: Payload });
  const { address, byteLength } = allocator.allocateText("a line");
  const line = allocator.bytes(address, byteLength);
  const page = Page.make(allocator, { title: "Tides", note: { line }, plain: { code: 7 } });
  const copy = Page.make(allocator, page);
  page.note.raw = line;
  assertEquals([...page.note.raw], [...line]);
  assertEquals([copy.title, copy.note.line, copy.plain.code], ["Tides", "a line", 7]);
  assertEquals(allocator.liveBlocks, 5); // two pages, two titles, one line
  copy.note.n = 1;
  freeStruct(allocator, page);
  freeStruct(allocator, copy);
  assertEquals(allocator.liveBlocks, 1);
  assertEquals(allocator.readText(address, byteLength), "a line");
});

Deno.test("pointers in a union() are followed if they are there", () => {
  const allocator = makeAllocator();
  const Link = union("Link", { order: pointer(() => Order), code: u16 }, { tag: u16 });
  const order = Order.make(allocator, { price: 3 });
  const link = Link.make(allocator, { order: order.address });
  assertEquals(link.deref("order")?.price, 3);
  link.code = 8;
  assertThrows(() => link.deref("order"), TypeError, "Cannot read Link.order: it holds code");
  // @ts-expect-error: `never` has no price.
  assertThrows(() => link.deref("code").price, TypeError, "expected a pointer, it is of type u16");
});

Deno.test("union() refuses definitions that cannot be", () => {
  assertThrows(
    () => union("Bad", { code: u8 }, { tag: f64 }),
    TypeError,
    'Cannot define union Bad with a tag of "f64": expected u8, u16, u32, i8, i16 or i32',
  );
  // @ts-expect-error: no options.
  assertThrows(() => union("Bad", { code: u8 }, 3), TypeError, "with a tag of 3");
  // @ts-expect-error: no tag.
  assertThrows(() => union("Bad", { code: u8 }, {}), TypeError, "with a tag of undefined");
  assertThrows(
    () => union("Bad", { tag: u8 }, { tag: u8 }),
    TypeError,
    "Cannot define Bad.tag: every view has a member of that name",
  );
  assertEquals(sizeOf(union("Good", { tag: u8 })), 1);
  const many = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`m${i}`, u8]));
  assertThrows(
    () => union("Bad", many, { tag: i8 }),
    RangeError,
    "Cannot define union Bad of 129 members: its tag, i8, tells 128 apart",
  );
  assertEquals(sizeOf(union("Good", many, { tag: u8 })), 2);
  assertThrows(() => union("Bad", {}), TypeError, "Cannot define union Bad without members");
  assertThrows(() => union("", { code: u8 }), TypeError, 'Cannot define a union named ""');
  assertThrows(
    // @ts-expect-error: no table.
    () => union("Bad", 3),
    TypeError,
    "Cannot define union Bad by 3: expected an object",
  );
  assertThrows(
    () => union("Bad", { b: u8, 0: u8 }),
    TypeError,
    "Cannot define Bad.0: numbers as names would change the order of members",
  );
  assertThrows(
    () => union("Bad", { [Symbol("s")]: u8 }),
    TypeError,
    "Cannot define Bad.Symbol(s): a member has a name, no symbol",
  );
  assertThrows(
    () => union("Bad", { x: 3 }),
    TypeError,
    "Cannot define Bad.x as 3: expected a field",
  );
});

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

Deno.test("union() infers the types of members", () => {
  type Plain = ViewOf<typeof Payload>;
  type Tagged = ViewOf<typeof Command>;
  const all: [
    Same<Plain["code"], number>,
    Same<Plain["order"], ViewOf<typeof Order>>,
    Same<Tagged["tag"], "order" | "cancel" | "code" | "name">,
    Same<ReturnType<Plain["toJSON"]>, Uint8Array<ArrayBuffer>>,
    Same<ViewOf<typeof Message>["payload"], Plain>,
    Same<keyof typeof Command.offsets, "order" | "cancel" | "code" | "name">,
  ] = [true, true, true, true, true, true];
  assertEquals(all.length, 6);
  const segment = new SharedArrayBuffer(64);
  const tagged: UnionView<{ a: typeof u8; b: typeof i64 }, true> = union("AB", { a: u8, b: i64 }, {
    tag: u8,
  }).at(segment, 8);
  const plain = tagged.toJSON();
  if ("a" in plain) assertStrictEquals(plain.a satisfies number, 0);
  const view = Payload.at(segment, 8);
  // @ts-expect-error: no tag.
  assertStrictEquals(view.tag, undefined);
  // @ts-expect-error: two members.
  assertThrows(() => view.assign({ code: 1, name: "" }), TypeError);
  assertThrows(() => {
    // @ts-expect-error: structs are assigned to with assign().
    view.order = Order.at(segment, 8);
  }, TypeError);
  // @ts-expect-error: with a tag, no bytes.
  assertThrows(() => tagged.assign(new Uint8Array(16)), TypeError);
});

Deno.test("flags and arrays in a union() are fields as any other", () => {
  const Mixed = union("Mixed", { bits: flags(u8, ["a", "b"]), list: array(u8, 3) }, { tag: u8 });
  const mixed = Mixed.at(new SharedArrayBuffer(64), 8);
  mixed.bits.b = true;
  assertEquals(mixed.toJSON(), { bits: ["b"] });
  mixed.assign({ list: [1, 2, 3] });
  assertEquals([...mixed.list], [1, 2, 3]);
  mixed.assign({ bits: ["a"] });
  assertEquals(mixed.bits.toJSON(), ["a"]);
});

Deno.test("a union() of an atomic field and a number reads and writes it plainly too", () => {
  const segment = new SharedArrayBuffer(64);
  const Word = union("Word", { atomic: atomicU32, plain: u32 });
  const Tagged = union("Tagged", { name: string(4), count: atomicU32 }, { tag: u8 });
  const word = Word.at(segment, 8);
  word.atomic.add(3);
  word.plain += 1;
  assertEquals([word.atomic.load(), word.plain], [4, 4]);
  const { atomic } = word;
  assertStrictEquals(word.at(16).atomic, atomic);
  assertEquals([atomic.load(), atomic.exchange(9), word.plain], [0, 0, 9]);
  const tagged = Tagged.at(segment, 32);
  assertThrows(() => tagged.count, TypeError, "Cannot read Tagged.count: it holds name");
  tagged.assign({ count: 7 });
  assertEquals([tagged.count.add(1), tagged.toJSON()], [7, { count: 8 }]);
});
