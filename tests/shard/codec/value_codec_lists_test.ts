/**
 * Objects that come with the same keys again and again, which both sides write and read by what they
 * remember: structured clone is the oracle. And text of all lengths and kinds.
 */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ValueCodec } from "../../../shard/codec/value_codec.ts";
import { checkProperty } from "../../harness/seeded_random.ts";
import { difference } from "./same_graph.ts";
import { name } from "./travel.ts";

const encoder = new ValueCodec([]);
const decoder = new ValueCodec([]);

function travel<Value>(value: Value): Value {
  return decoder.decode(encoder.encode([value], name, []).slice())[0] as Value;
}

function assertTravels(value: unknown): void {
  const expected = structuredClone(value);
  assertEquals(difference(travel(value), expected), "");
  assertEquals(difference(travel(value), expected), "", "what was remembered changes nothing");
}

const field = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string({ maxLength: 12 }),
  fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    false,
    -0,
    NaN,
    "",
    "buy",
    "sell",
    2n ** 70n,
    -1n,
  ),
  fc.array(fc.integer(), { maxLength: 3 }),
  fc.record({ x: fc.integer(), y: fc.double() }, { noNullPrototype: true }),
);
const keys = [
  "id",
  "price",
  "0",
  "__proto__",
  "",
  "side",
  "a key of thirty-one characters",
  "é",
  "汉",
];

Deno.test("ValueCodec.decode() gives what structured clone gives for random lists of records", () => {
  const record = fc.dictionary(fc.constantFrom(...keys), field, { noNullPrototype: true });
  checkProperty(
    fc.property(
      fc.array(fc.array(field, { minLength: 9, maxLength: 9 }), { maxLength: 40 }),
      fc.uniqueArray(fc.constantFrom(...keys), { maxLength: 9 }),
      fc.array(record, { maxLength: 5 }),
      fc.nat(),
      (rows, shape, others, where) => {
        const list = rows.map((row) => Object.fromEntries(shape.map((key, i) => [key, row[i]])));
        // In between: other shapes, and one object of the list a second time.
        list.splice(where % (list.length + 1), 0, ...others);
        if (list.length > 0) list.push(list[where % list.length]!);
        assertEquals(difference(travel(list), structuredClone(list)), "");
      },
    ),
    500,
  );
});

Deno.test("ValueCodec.decode() gives objects of any number of fields, with keys of any length", () => {
  for (const count of [1, 12, 13, 16, 17, 40, 127, 128, 129, 300]) {
    for (const length of [0, 20, 200, 255, 256]) {
      const entries = Array.from({ length: count }, (_, i): [string, unknown] => [
        `${i}`.padStart(length, "k"),
        i % 3 === 0 ? i : i % 3 === 1 ? i / 7 : `value ${i}`,
      ]);
      const value = Object.fromEntries(entries);
      assertTravels([value, { ...value }, { ...value, more: 1 }]);
    }
  }
});

Deno.test("ValueCodec.encode() takes the fields an object has itself, also where all objects inherit one", () => {
  const records = [{ a: 1, b: 2 }, { a: 3, b: 4 }, { a: 5 }, { a: 6 }];
  assertTravels(records);
  Object.defineProperty(Object.prototype, "b", {
    value: "everybody's",
    enumerable: true,
    configurable: true,
    writable: true,
  });
  try {
    const arrived = travel(records);
    assertEquals(arrived.map((record) => Object.keys(record)), [["a", "b"], ["a", "b"], ["a"], [
      "a",
    ]]);
  } finally {
    delete (Object.prototype as { b?: unknown }).b;
  }
  class Point {
    a = 7;
  }
  Object.defineProperty(Point.prototype, "b", { value: 8, enumerable: true });
  const record = { a: 1, b: 2 };
  assertEquals(travel([{ ...record }, record, new Point()]), [record, record, { a: 7 }]);
});

Deno.test("ValueCodec.encode() asks each getter once, and keeps to the keys there were", () => {
  let asked = 0;
  const record = (change: (self: Record<string, unknown>) => void) => ({
    a: 1,
    get b() {
      asked++;
      change(this as unknown as Record<string, unknown>);
      return 2;
    },
    c: 3,
  });
  const idle = () => record(() => {});
  const list = [
    idle(),
    idle(),
    record((self) => self.d = 4),
    record((self) => delete self.c),
    record((self) => Object.defineProperty(self, "c", { enumerable: false })),
    record((self) => {
      delete self.c;
      self.e = 5;
    }),
    idle(),
  ];
  const arrived = travel(list);
  assertEquals(asked, list.length);
  const plain = { a: 1, b: 2, c: 3 };
  const gone = { a: 1, b: 2, c: undefined };
  assertEquals(arrived, [plain, plain, plain, gone, plain, gone, plain]);
});

Deno.test("ValueCodec.encode() names a field that cannot travel, in a record like those before it", () => {
  const list = [{ id: 1, run: 2 }, { id: 3, run: 4 }, { id: 5, run: () => {} }];
  const error = assertThrows(() => encoder.encode([list], name, []), TypeError);
  assertEquals(error.message.startsWith("Cannot send arguments[0][2].run"), true, error.message);
  assertTravels(list.slice(0, 2));
});

Deno.test("ValueCodec.encode() takes frozen, sealed and proxied records and those without a prototype", () => {
  const record = { id: 1, name: "one" };
  const list = [
    record,
    Object.freeze({ ...record }),
    Object.seal({ ...record }),
    new Proxy({ ...record }, {}),
    Object.assign(Object.create(null), record),
    { ...record, [Symbol("hidden")]: 1 },
    Object.defineProperty({ ...record }, "hidden", { value: 1 }),
  ];
  assertEquals(travel(list), list.map(() => record));
});

Deno.test("ValueCodec.decode() gives the same object again among few and many", () => {
  for (const count of [1, 255, 256, 257, 1000]) {
    const list = Array.from({ length: count }, (_, i) => ({ id: i, parent: undefined as unknown }));
    list.forEach((record, i) => record.parent = i % 5 === 0 ? list : list[(i * 7) % count]);
    const arrived = travel([...list, ...list]);
    for (let i = 0; i < count; i++) {
      assertStrictEquals(arrived[i], arrived[count + i]);
      if (i % 5 !== 0) assertStrictEquals(arrived[i]!.parent, arrived[(i * 7) % count]);
    }
  }
});

Deno.test("ValueCodec.decode() gives the same object again behind a field of an error that was left out", () => {
  for (const count of [1, 300]) {
    const records = Array.from({ length: count }, (_, i) => ({ i }));
    const error = Object.assign(new Error("text"), { request: [...records, () => {}] });
    const arrived = travel([error, ...records, ...records]);
    for (let i = 1; i <= count; i++) assertStrictEquals(arrived[i], arrived[count + i]);
    assertEquals(arrived.slice(1, count + 1), records);
  }
});

Deno.test("ValueCodec.decode() gives text of every kind and length", () => {
  const ends = ["z", "\0", "\x7f", "\x80", "é", "ÿ", "Ā", "汉", "\ufeff", "\ud800", "\udc00", "😀"];
  for (const length of [0, 1, 2, 11, 12, 13, 23, 24, 25, 63, 64, 127, 128, 129, 1000, 70_000]) {
    for (const end of ends) {
      const [before, behind] = ["a".repeat(length), "b".repeat(length)];
      for (const text of [before + end, end + behind, before + end + behind]) {
        const arrived = travel([text, { text }, new Map([[text, text]])]);
        assertEquals(arrived[0] === text, true, `${length} characters and ${JSON.stringify(end)}`);
        assertEquals((arrived[1] as { text: string }).text === text, true);
      }
    }
  }
});

Deno.test("ValueCodec.decode() keeps apart short texts that are alike", () => {
  const texts = Array.from({ length: 2000 }, (_, i) => `a${String(i).padStart(4, "0")}m0123z`);
  for (let round = 0; round < 2; round++) assertEquals(travel(texts), texts);
});

Deno.test("ValueCodec.decode() reads a message where it lies, and no further", () => {
  const value = { floats: [0.5, -0, NaN], big: 2n ** 62n, text: "text", bytes: new Uint8Array(9) };
  const bytes = encoder.encode([value], name, []).slice();
  for (const memory of [new ArrayBuffer(1 << 12), new SharedArrayBuffer(1 << 12)]) {
    for (const start of [0, 8, 16, 3, 5]) { // a message is aligned in a segment, and may be elsewhere not
      const segment = new Uint8Array(memory).fill(0xff);
      segment.set(bytes, start);
      const end = start + bytes.length;
      assertEquals(difference(decoder.decode(segment, start, end), [value]), "");
      assertEquals(difference(decoder.decode(segment.subarray(start, end)), [value]), "");
      const message = assertThrows(() =>
        decoder.decode(segment, start, end - 1), RangeError).message;
      assertEquals(message.endsWith(`the message has ${bytes.length - 1}`), true, message);
      // A length that goes past the memory itself is cut to it.
      const cut = segment.subarray(0, end - 1);
      assertThrows(() => decoder.decode(cut, start, end), RangeError, "past its end");
    }
  }
});

Deno.test("ValueCodec.decode() refuses shapes that lie about their keys", () => {
  const decode = (...bytes: number[]) =>
    assertThrows(() => decoder.decode(new Uint8Array([0, 1, 0, 0, 0, ...bytes])), RangeError)
      .message;
  const damaged = "Cannot read a message as it is damaged: unknown";
  const keysOf = (...bytes: number[]) => [...bytes, ...new Array(16 - bytes.length).fill(0)];
  // SHAPE 0x12, u16 hash, u8 bytes, u8 count, keys; WIDE_SHAPE 0x20 in units of 16 bytes.
  assertEquals(decode(0x12, 0, 0, 2, 0, 1, 65), `${damaged} shape of keys 0 at offset 5`);
  assertEquals(decode(0x12, 0, 0, 2, 2, 1, 65), `${damaged} shape of keys 2 at offset 5`);
  assertEquals(decode(0x20, 0, 0, 1, 1, ...keysOf(16)), `${damaged} shape of keys 1 at offset 5`);
  assertEquals(decode(0x20, 0, 0, 1, 17, ...keysOf()), `${damaged} shape of keys 17 at offset 5`);
  assertEquals(
    decode(0x20, 0, 0, 2, 1, ...keysOf(1, 65), ...keysOf()),
    `${damaged} shape of keys 1 at offset 5`,
  );
  assertEquals(
    decode(0x20, 0, 0, 2, 1, ...keysOf(1, 65)),
    "Cannot read a message past its end: 36 bytes expected at offset 6, the message has 26",
  );
  const wide = [0, 1, 0, 0, 0, 0x20, 0, 0, 1, 1, ...keysOf(1, 65), 0x85];
  assertEquals(decoder.decode(new Uint8Array(wide)), [{ A: 5 }]);
});

Deno.test("ValueCodec.decode() refuses numbers whose padding leaves no room for them", () => {
  for (const tag of [0x06, 0x07, 0x17]) { // FLOAT64, BIGINT64, DATE
    const message = new Uint8Array([0, 1, 0, 0, 0, tag, 0, 0, 1, 2, 3, 4, 5, 6, 7]);
    assertEquals(
      assertThrows(() => decoder.decode(message), RangeError).message,
      "Cannot read a message past its end: 10 bytes expected at offset 6, the message has 15",
    );
  }
});

Deno.test("ValueCodec.decode() gives arrays of numbers, and of what begins like one", () => {
  const integers = [0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31), 7];
  const floats = [0.5, -0, NaN, Infinity, 2 ** 31, 1e300, 3, 0];
  for (const numbers of [integers, floats, [...integers, ...floats], [...floats, ...integers]]) {
    for (let length = 0; length <= numbers.length; length++) {
      const start = numbers.slice(0, length);
      for (const end of [[], ["text"], [undefined], [{ a: 1 }, 2], [, 3], [4n, 5, 6]]) {
        assertTravels([...start, ...end]);
        assertTravels({ list: start.concat(end as number[]), behind: 0.25 }); // concat() keeps holes
      }
    }
  }
  const sparse = [...floats];
  delete sparse[4];
  assertTravels(sparse);
  let asked = 0;
  const asking = [1, 2, 3, 4, 5, 6, 7, 8];
  for (const index of [0, 3]) Object.defineProperty(asking, index, { get: () => ++asked });
  assertEquals(travel(asking), [1, 2, 3, 2, 5, 6, 7, 8]);
  assertEquals(asked, 2);
});

Deno.test("ValueCodec.decode() refuses more numbers in a row than the array has, or the message", () => {
  const decode = (...bytes: number[]) =>
    assertThrows(() => decoder.decode(new Uint8Array([0, 1, 0, 0, 0, ...bytes])), RangeError)
      .message;
  for (const tag of [0x21, 0x22]) { // INTEGERS, FLOATS
    assertEquals(
      decode(0x10, 2, 0, 0, 0, tag, 3, 0, 0, 0),
      "Cannot read a message as it is damaged: unknown count of numbers 3 at offset 11",
    );
    const size = tag === 0x21 ? 4 : 8;
    assertEquals(
      decode(0x10, 2, 0, 0, 0, tag, 2, 0, 0, 0, 0, ...new Array(2 * size - 1).fill(0)),
      `Cannot read a message past its end: ${
        2 * size
      } bytes expected at offset 16, the message has ${15 + 2 * size}`,
    );
    assertEquals(
      decode(0x10, 2, 0, 0, 0, tag, 0, 0, 0, 0),
      "Cannot read a message past its end: 1 bytes expected at offset 15, the message has 15",
    );
  }
  // None at all, and one and another.
  assertEquals(
    decoder.decode(
      new Uint8Array([0, 1, 0, 0, 0, 0x10, 2, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0x85, 0x21, 1, 0, 0, 0]
        .concat([0, 0, 7, 0, 0, 0])),
    ),
    [[5, 7]],
  );
});

Deno.test("ValueCodec.encode() stops at the limit within a long text of any kind", () => {
  for (const text of ["a", "é", "汉", "😀"].map((unit) => unit.repeat(100))) {
    const needed = new ValueCodec([]).encode([text], name, []).length;
    for (let maxBytes = needed - 6; maxBytes <= needed; maxBytes++) {
      const codec = new ValueCodec([], { maxBytes, tooLong: () => new RangeError("too long") });
      if (maxBytes === needed) assertEquals(codec.decode(codec.encode([text], name, [])), [text]);
      else assertThrows(() => codec.encode([text], name, []), RangeError, "too long");
    }
  }
});
