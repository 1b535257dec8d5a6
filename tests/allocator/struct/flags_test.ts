/** Fields of flags: bits by name, against a Set of names. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  array,
  flags,
  type FlagsField,
  isStructView,
  sizeOf,
  struct,
  u16,
  u32,
  u8,
  type ViewOf,
} from "../../../allocator/mod.ts";
import { withRandom } from "../../harness/seeded_random.ts";

const OrderFlags = flags(u8, ["buy", "hidden", "ioc"]);
const Order = struct("Order", { before: u8, flags: OrderFlags, after: u8 });

Deno.test("flags() are read and written one by one, as bits, and as a list", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(64));
  const order = Order.at(bytes, 8).assign({ before: 0xff, after: 0xff });
  order.flags.hidden = true;
  assertEquals([order.flags.buy, order.flags.hidden, order.flags.ioc], [false, true, false]);
  assertEquals([...bytes.subarray(8, 11)], [0xff, 2, 0xff]);
  order.flags.assign(["buy", "ioc"]);
  assertEquals([order.flags.bits, order.flags.toJSON()], [5, ["buy", "ioc"]]);
  order.flags.assign({ buy: false, hidden: true });
  assertEquals(order.toJSON().flags, ["hidden", "ioc"]);
  order.flags.bits |= OrderFlags.mask("buy") | 128;
  order.flags.ioc = false;
  assertEquals(order.flags.bits, 128 + 3); // bits without a name stay
  order.assign({ flags: [] });
  assertEquals([...bytes.subarray(8, 11)], [0xff, 0, 0xff]);
  const other = Order.at(bytes, 16).assign({ flags: { ioc: true } });
  order.flags.assign(other.flags);
  assertEquals(order.assign({ flags: other.flags }).flags.bits, 4);
  assertEquals(Deno.inspect(order.flags), 'flags(u8) [ "ioc" ]');
  assert(!isStructView(order.flags));
  assertThrows(
    // @ts-expect-error: flags are assigned to with assign().
    () => order.flags = ["buy"],
    TypeError,
  );
});

Deno.test("flags() stay where they are when their view moves, as other nested views", () => {
  const order = Order.at(new SharedArrayBuffer(64), 8);
  const first = order.flags;
  order.at(16).flags.buy = true;
  assertEquals([first.buy, order.flags.buy], [false, true]);
});

Deno.test("flags() keep what a Set of names keeps, in each of their sizes", () =>
  withRandom((random) => {
    for (const [base, count] of [[u8, 8], [u16, 16], [u32, 32], [u32, 31], [u16, 3]] as const) {
      const names = Array.from({ length: count }, (_, index) => `flag${index}`);
      const Holder = struct("Holder", { list: array(flags(base, names), 2) });
      const type = flags(base, names);
      const holder = Holder.at(new SharedArrayBuffer(64), 8);
      const field = holder.list.get(1);
      const model = new Set<string>();
      const some = () => names.filter(() => random.below(3) === 0);
      for (let i = 0; i < 500; i++) {
        const name = names[random.below(count)]!;
        const value = random.below(2) === 0;
        const list = some();
        const operation = random.below(4);
        if (operation === 0) {
          field[name] = value as never;
          if (value) model.add(name);
          else model.delete(name);
        } else if (operation === 1) {
          holder.list.set(1, list);
          model.clear();
          list.forEach((each) => model.add(each));
        } else if (operation === 2) {
          field.assign(Object.fromEntries(list.map((each) => [each, value])));
          for (const each of list) value ? model.add(each) : model.delete(each);
        } else {
          field.bits = type.mask(...list);
          model.clear();
          list.forEach((each) => model.add(each));
        }
        assertEquals(field.toJSON(), names.filter((each) => model.has(each)));
        assertStrictEquals(field.bits, type.mask(...model));
        assertStrictEquals(field[name] as unknown, model.has(name));
        assertEquals(holder.list.get(0).bits, 0);
      }
    }
  }));

Deno.test("flags() are as large as their number, and mask() is its bits", () => {
  assertEquals([sizeOf(OrderFlags), sizeOf(flags(u32, ["a"]))], [1, 4]);
  assertEquals(OrderFlags.names, ["buy", "hidden", "ioc"]);
  assertEquals(OrderFlags.mask("hidden", "ioc"), 6);
  const names = Array.from({ length: 32 }, (_, index) => `f${index}`);
  assertEquals(flags(u32, names).mask("f31"), 2 ** 31);
  assertThrows(
    // @ts-expect-error: no such flag.
    () => OrderFlags.mask("sell"),
    TypeError,
    'Cannot store flag "sell" in a mask: expected one of buy, hidden, ioc',
  );
});

Deno.test("flags() refuse what is no flag and no boolean, and write nothing then", () => {
  const order = Order.at(new SharedArrayBuffer(64), 8).assign({ flags: ["ioc"] });
  const wrong: [unknown, string][] = [
    [["buy", "sell"], 'Cannot store flag "sell" in Order.flags: expected one of buy, hidden, ioc'],
    [{ buy: true, sell: true }, 'Cannot store flag "sell" in Order.flags'],
    [{ buy: true, hidden: 1 }, "Cannot store 1 in flag hidden of Order.flags: expected a boolean"],
    [3, "Cannot store 3 in Order.flags (flags(u8)): expected a list of flags, or an object"],
    [null, "Cannot store null in Order.flags (flags(u8)): expected a list of flags"],
    [order, "Cannot store an object (Order) in Order.flags (flags(u8)): expected a list"],
  ];
  for (const [value, message] of wrong) {
    assertThrows(() => order.assign({ flags: value as string[] as "buy"[] }), TypeError, message);
    assertEquals(order.flags.bits, 4);
  }
  assertThrows(
    // @ts-expect-error: a boolean.
    () => order.flags.buy = 1,
    TypeError,
    "Cannot store 1 in flag buy of flags(u8): expected a boolean",
  );
  assertThrows(
    // @ts-expect-error: a number.
    () => order.flags.bits = "1",
    TypeError,
    'Cannot store "1" in flags(u8).bits (u8): expected a number',
  );
});

Deno.test("flags() refuse definitions that cannot be", () => {
  // @ts-expect-error: no base.
  assertThrows(() => flags("u8", ["a"]), TypeError, 'Cannot define flags in "u8": expected u8');
  assertThrows(
    // @ts-expect-error: no unsigned number.
    () => flags(OrderFlags, ["a"]),
    TypeError,
    'Cannot define flags in "flags(u8)": expected u8, u16 or u32',
  );
  // @ts-expect-error: no list.
  assertThrows(() => flags(u8, "a"), TypeError, 'Cannot define flags by "a": expected a list');
  assertThrows(() => flags(u8, []), RangeError, "Cannot define 0 flags in u8: expected 1 to 8");
  const nine = Array.from({ length: 9 }, (_, index) => `f${index}`);
  assertThrows(() => flags(u8, nine), RangeError, "Cannot define 9 flags in u8: expected 1 to 8");
  for (const name of ["bits", "assign", "toJSON", "constructor", "__proto__", ""]) {
    assertThrows(
      () => flags(u8, [name]),
      TypeError,
      `Cannot define a flag named ${JSON.stringify(name)}: expected a name that is not taken`,
    );
  }
  assertThrows(() => flags(u8, ["a", "a"]), TypeError, 'Cannot define a flag named "a"');
  // @ts-expect-error: no name.
  assertThrows(() => flags(u8, [1]), TypeError, "Cannot define a flag named 1");
});

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

Deno.test("flags() infer the types of their names", () => {
  type Field = ViewOf<typeof Order>["flags"];
  const isField: Same<Field, FlagsField<"buy" | "hidden" | "ioc">> = true;
  const isBoolean: Same<Field["ioc"], boolean> = true;
  const isPlain: Same<ReturnType<Field["toJSON"]>, ("buy" | "hidden" | "ioc")[]> = true;
  assert(isField && isBoolean && isPlain);
  const order = Order.at(new SharedArrayBuffer(64), 8);
  // @ts-expect-error: no such flag.
  assertStrictEquals(order.flags.sell, undefined);
  // @ts-expect-error: no such flag.
  assertThrows(() => order.assign({ flags: ["sell"] }), TypeError);
});
