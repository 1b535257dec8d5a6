/** What a reader does with messages that fail half way, or that nobody wants: see shard/codec/value_reader.ts. */
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ValueCodec } from "../../../shard/codec/value_codec.ts";
import { Handle, HandleType } from "./handle_type.ts";
import { name } from "./travel.ts";

/** Handles of which 13 cannot be read, and what became of those of a message that failed. */
class UnluckyType extends HandleType {
  readonly taken: number[] = [];
  readonly abandoned: number[] = [];

  override read(words: Int32Array, wordIndex: number): Handle {
    const handle = super.read(words, wordIndex);
    if (handle.value === 13) throw new Error("13 cannot be read");
    this.taken.push(handle.value);
    return handle;
  }

  abandon({ value }: Handle): void {
    this.abandoned.push(value);
  }

  /** What became of the handles since it was asked last. */
  fates(): { taken: number[]; abandoned: number[]; lost: number[] } {
    const { taken, abandoned, lost } = this;
    return { taken: taken.splice(0), abandoned: abandoned.splice(0), lost: lost.splice(0) };
  }
}

function makeCodec() {
  const type = new UnluckyType();
  const codec = new ValueCodec([type]);
  const encode = (...values: unknown[]) => codec.encode(values, name, []).slice();
  return { type, codec, encode };
}

Deno.test("ValueCodec.decode() of a message with one value that cannot be read gives up those before and behind it", () => {
  const { type, codec, encode } = makeCodec();
  const [one, two] = [new Handle(1), new Handle(2)];
  const bytes = encode(one, { two, again: one }, new Handle(13), [new Handle(3)], new Handle(4), 5);
  assertEquals(assertThrows(() => codec.decode(bytes), Error).message, "13 cannot be read");
  assertEquals(type.fates(), { taken: [1, 2], abandoned: [1, 2], lost: [3, 4] });
  // The next message is another matter.
  assertEquals(codec.decode(encode(new Handle(6), "text")), [new Handle(6), "text"]);
  assertEquals(type.fates(), { taken: [6], abandoned: [], lost: [] });
  assertThrows(() => codec.decode(encode(new Handle(7), new Handle(13))), Error);
  assertEquals(type.fates(), { taken: [7], abandoned: [7], lost: [] });
});

Deno.test("ValueCodec.decode() of a message that is damaged behind wire-typed values gives these up", () => {
  const { type, codec, encode } = makeCodec();
  const bytes = encode(new Handle(1), new Handle(2), "text");
  assertThrows(() => codec.decode(bytes.subarray(0, bytes.length - 1)), RangeError);
  assertEquals(type.fates(), { taken: [1, 2], abandoned: [1, 2], lost: [] });
});

Deno.test("ValueCodec.decode() gives up nothing of a type whose values own nothing", () => {
  const codec = new ValueCodec([new HandleType()]); // it has no abandon()
  const bytes = codec.encode([new Handle(1), "text"], name, []);
  assertThrows(() => codec.decode(bytes.subarray(0, bytes.length - 1)), RangeError);
});

Deno.test("ValueCodec.discard() throws what it met each time, and forgets it", () => {
  const { type, codec, encode } = makeCodec();
  for (let round = 0; round < 2; round++) {
    const error = assertThrows(() => codec.discard(encode(new Handle(13))), AggregateError);
    assertEquals(error.errors.length, 1);
  }
  codec.discard(encode(new Handle(1)));
  codec.discard(encode({ plain: true }));
  assertEquals(type.fates(), { taken: [], abandoned: [], lost: [13, 13, 1] });
  const cut = encode(new Handle(2), "text").slice(0, -1);
  assertThrows(() => codec.discard(cut), RangeError);
  assertEquals(codec.decode(encode(new Handle(3))), [new Handle(3)]);
  assertEquals(type.fates(), { taken: [3], abandoned: [], lost: [2] });
});

Deno.test("ValueCodec.decode() numbers the objects of a message behind one that was discarded afresh", () => {
  const { type, codec, encode } = makeCodec();
  const shared = { a: 1 };
  const handle = new Handle(1);
  codec.discard(encode(handle, shared, handle, shared));
  assertEquals(type.fates().lost, [1]);
  const [first, second, third] = codec.decode(encode(handle, shared, shared)) as object[];
  assertEquals(first, handle);
  assertStrictEquals(second, third);
});

Deno.test("ValueCodec.decodeFirst() reads the first values only, also of a message that is cut behind them", () => {
  const { codec, encode } = makeCodec();
  const bytes = encode("module", "key", [1, 2], { a: 1 });
  assertEquals(codec.decodeFirst(bytes, 2), ["module", "key"]);
  assertEquals(codec.decodeFirst(bytes, 9).length, 4);
  assertEquals(codec.decode(bytes), ["module", "key", [1, 2], { a: 1 }]);
});

Deno.test("ValueCodec.decode() gives fields that may be changed and deleted, whatever they are called", () => {
  const { codec, encode } = makeCodec();
  const field = { writable: true, configurable: true, enumerable: true };
  const dictionary = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i]));
  const own = (value: object) =>
    Object.defineProperty(value, "__proto__", { value: "own", ...field });
  const error = Object.assign(new Error("text"), { code: 7 });
  for (
    const [sent, key, value] of [
      [own({}), "__proto__", "own"],
      [own(dictionary), "__proto__", "own"],
      [error, "code", 7],
    ] as const
  ) {
    const [arrived] = codec.decode(encode(sent)) as [object];
    assertEquals(Object.getOwnPropertyDescriptor(arrived, key), { value, ...field });
  }
});

/** Decodes a message of one value, written by hand. */
function decodeBytes(...bytes: number[]): unknown {
  return new ValueCodec([]).decode(new Uint8Array([0, 1, 0, 0, 0, ...bytes]))[0];
}

function messageOf(body: () => unknown): string {
  return assertThrows(body, RangeError).message;
}

Deno.test("ValueCodec.decode() takes no more things than the bytes that are left can hold", () => {
  const MANY = [0, 1, 0, 0]; // 256
  const past = (least: number, offset: number, end: number) =>
    `Cannot read a message past its end: ${least} bytes expected at offset ${offset}, the message has ${end}`;
  const cases: [string, number[], number][] = [
    ["DICTIONARY", [0x14], 512], // of each at least a key and a value
    ["MAP", [0x15], 512],
    ["SET", [0x16], 256],
  ];
  for (const [what, tag, least] of cases) {
    assertEquals(messageOf(() => decodeBytes(...tag, ...MANY)), past(least, 10, 10), what);
  }
  assertEquals(
    messageOf(() => new ValueCodec([]).decode(new Uint8Array([0, ...MANY]))),
    past(256, 5, 5),
  );
  // A hole of a sparse array takes an index and a value.
  const sparse = [0x10, 9, 0, 0, 0, 0x11, ...MANY];
  assertEquals(messageOf(() => decodeBytes(...sparse)), past(5 * 256, 15, 15));
});

Deno.test("ValueCodec.decode() refuses an index behind the end of a sparse array, and takes the last", () => {
  const sparse = (index: number) => [0x10, 2, 0, 0, 0, 0x11, 1, 0, 0, 0, index, 0, 0, 0, 0x04];
  assertEquals(decodeBytes(...sparse(1)), [, true]);
  assertEquals(
    messageOf(() => decodeBytes(...sparse(2))),
    "Cannot read a message as it is damaged: unknown index 2 at offset 15",
  );
});
