/**
 * Short texts, which a message holds one behind the other in a pool, and code that is made for shapes:
 * structured clone is the oracle, and damaged bytes are refused.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
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

// ─── Texts ─────────────────────────────────────────────────────────────────────────────────────

const ASCII = ["a", "order ", "\0", "z9"];
const LATIN1 = [...ASCII, "é", "ÿ", "\x80"];
const UTF8 = [...LATIN1, "汉字", "Ā", "\ufeff", "😀"];
const ANY = [...UTF8, "\ud83d", "\ude00", "\ud800"]; // halves, which make a whole where they meet

const texts = fc.constantFrom(ASCII, LATIN1, UTF8, ANY).chain((pieces) => {
  const text = fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) =>
    parts.join("")
  );
  const length = fc.integer({ min: 0, max: 400 });
  const long = fc.tuple(fc.constantFrom(...pieces), length).map(([piece, n]) => piece.repeat(n));
  return fc.array(fc.oneof({ weight: 9, arbitrary: text }, long), { maxLength: 150 });
});

Deno.test("ValueCodec.decode() gives what structured clone gives for random lists of texts", () => {
  checkProperty(
    fc.property(texts, (list) => {
      const records = list.map((text, i) => ({ i, text, other: list[(i * 7) % list.length] }));
      const keyed = new Map(list.map((text, i) => [text, { [text]: i, nested: { text } }]));
      const value = [list, records, keyed, new Set(list), ...list];
      assertEquals(difference(travel(value), structuredClone(value)), "");
    }),
    300,
  );
});

Deno.test("ValueCodec.decode() gives texts of the lengths at which they lie elsewhere", () => {
  for (const end of ["", "ÿ", "Ā", "\ud800"]) {
    for (const length of [0, 1, 12, 13, 48, 49, 128, 254, 255, 256, 1_023, 1_024, 1_025]) {
      const text = "a".repeat(length) + end;
      for (const count of [1, 2, 4, 5, 9, 100]) {
        const list = Array.from({ length: count }, (_, i) => ({ text: text + i, twice: text }));
        assertEquals(difference(travel(list), list), "", `${count} of ${length} and ${end}`);
      }
    }
  }
});

Deno.test("ValueCodec.encode() of texts works on where one before has failed among them", () => {
  const list = Array.from({ length: 300 }, (_, i) => ({ text: `text number ${i} of a list` }));
  for (let round = 0; round < 3; round++) {
    const failing = [...list, { text: "the last", other: () => {} }];
    const { message } = assertThrows(() => encoder.encode([failing], name, []), TypeError);
    assert(message.startsWith("Cannot send arguments[0][300].other as "), message);
    assertEquals(travel(list), list);
  }
});

Deno.test("ValueCodec.decode() gives texts behind a field of an error that was left out", () => {
  const list = Array.from({ length: 300 }, (_, i) => ({ text: `text number ${i} of a list` }));
  const request = { list, then: () => {} };
  const error = Object.assign(new Error("text"), { request, code: "a code", list });
  for (const value of [[error, list], [list, error, list], [list, { error }, error, list]]) {
    const arrived = travel(value);
    assertEquals(arrived.at(-1), list);
    assertEquals(arrived.length, value.length);
    const found = arrived.find((part) => part instanceof Error) ??
      (arrived[1] as { error: typeof error }).error;
    const { request, code, list: its } = found;
    assertEquals([request, code, its], [undefined, "a code", list]);
  }
});

Deno.test("ValueCodec.encode() refuses texts that are longer than the limit while it gathers them", () => {
  let gathered = 0;
  const limited = new ValueCodec([], {
    maxBytes: 50_000,
    tooLong: (byteLength) => new RangeError(`too long: ${byteLength}`),
  });
  const list = Array.from({ length: 10_000 }, () => ({
    get text() {
      gathered++;
      return "a text of twenty-two ch";
    },
  }));
  const { message } = assertThrows(() => limited.encode([list], name, []), RangeError);
  assert(/^too long: 5\d{4}$/.test(message), message);
  assert(gathered < 2_500, `${gathered} of them`);
  const fits = list.slice(0, 1_000).map(({ text }) => ({ text }));
  assertEquals(limited.decode(limited.encode([fits], name, [])), [fits]);
});

const kinds = [["ASCII", "a text", 600], ["Latin-1", "Größe", 2_600], ["UTF-16", "汉字", 2_600]];
for (const [kind, start, most] of kinds as [string, string, number][]) {
  Deno.test(`a text of a list in ${kind} does not keep the others alive`, async () => {
    const kept = Number(await run("texts_kept.ts", "--expose-gc", start));
    // A list takes 10,000 characters and more. Of the pool a piece stays, or a part.
    assert(kept > 20 && kept < most, `${kept} bytes of heap for each`);
  });
}

async function run(program: string, v8Flag: string, ...args: string[]): Promise<string> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--no-lock",
      `--v8-flags=${v8Flag}`,
      new URL(`./programs/${program}`, import.meta.url).href,
      ...args,
    ],
    cwd: new URL("../../../", import.meta.url),
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

// ─── Damage ────────────────────────────────────────────────────────────────────────────────────

/** A message of one array of `count` values with a pool behind them; `length` bytes of it, or all. */
function pooled(count: number, values: number[], pool: number[], length = pool.length): Uint8Array {
  return new Uint8Array([
    ...[4, 1, 0, 0, 0, 0x10, count, 0, 0, 0, ...values], // HAS_POOL, ARRAY
    ...pool,
    ...[length, length >>> 8, length >>> 16, length >>> 24],
  ]);
}

const POOLED = 0x0c;
const latin1 = (text: string) => [
  ...[0x09, text.length, 0, 0, 0],
  ...text.split("").map((character) => character.charCodeAt(0)),
];
const utf16 = (text: string) => [
  ...[0x0a, text.length, 0, 0, 0],
  ...text.split("").flatMap((character) => [character.charCodeAt(0), 0]),
];

Deno.test("ValueCodec.decode() takes the texts of a pool in turn, out of parts of any kind", () => {
  const values = [POOLED, 2, POOLED, 0, POOLED, 1, POOLED, 3, 0x41, 33, POOLED, 1];
  assertEquals(
    decoder.decode(pooled(6, values, [...latin1("abc"), ...utf16("def"), ...latin1("g")])),
    [["ab", "", "c", "def", "!", "g"]],
  );
});

Deno.test("ValueCodec.decode() refuses texts that the pool does not have", () => {
  const decode = (...message: Parameters<typeof pooled>) =>
    assertThrows(() => decoder.decode(pooled(...message)), RangeError).message;
  const damaged = "Cannot read a message as it is damaged: unknown";
  // Longer than what is left of a part, in whichever kind, and than the pool.
  for (const part of [latin1, utf16]) {
    for (const others of [[], latin1("abcdefgh")]) {
      assertEquals(
        decode(2, [POOLED, 2, POOLED, 2], [...part("abc"), ...others]),
        `${damaged} length of text 2 at offset 13`,
      );
      assertEquals(
        decode(1, [POOLED, 255], [...part("abc"), ...others]),
        `${damaged} length of text 255 at offset 11`,
      );
    }
    assertEquals(
      decode(2, [POOLED, 3, POOLED, 1], part("abc")),
      `${damaged} length of text 1 at offset 13`,
    );
    assertEquals(decode(1, [POOLED, 1], part("")), `${damaged} length of text 1 at offset 11`);
  }
  assertEquals(decode(1, [POOLED, 1], []), `${damaged} length of text 1 at offset 11`);
  // No pool at all.
  const without = pooled(1, [POOLED, 1], latin1("a"));
  without[0] = 0;
  assertEquals(
    assertThrows(() => decoder.decode(without), RangeError).message,
    `${damaged} length of text 1 at offset 11`,
  );
  // A part that is no text, or longer than the pool.
  assertEquals(decode(1, [POOLED, 1], [0x01, 2, 3]), `${damaged} tag 1 at offset 12`);
  assertEquals(decode(1, [POOLED, 1], [POOLED, 1]), `${damaged} tag 12 at offset 12`);
  assertEquals(
    decode(1, [POOLED, 1], [0x09, 4, 0, 0, 0, 97, 98, 99]),
    "Cannot read a message past its end: 4 bytes expected at offset 17, the message has 20",
  );
  assertEquals(
    decode(1, [POOLED, 1], [0x09, 4, 0]),
    "Cannot read a message past its end: 4 bytes expected at offset 13, the message has 15",
  );
});

Deno.test("ValueCodec.decode() refuses a pool that is longer than its message", () => {
  const decode = (bytes: number[]) =>
    assertThrows(() => decoder.decode(new Uint8Array(bytes)), RangeError).message;
  for (const length of [7, 255]) {
    assertEquals(
      decode([4, 0, 0, 0, 0, 0x09, 1, length, 0, 0, 0]),
      `Cannot read a message as it is damaged: unknown length of the pool ${length} at offset 7`,
    );
  }
  assertEquals(
    decode([4, 0, 0, 0]),
    "Cannot read a message past its end: 4 bytes expected at offset 1, the message has 4",
  );
  // The values end where the pool begins.
  const cut = pooled(2, [POOLED, 1], latin1("a"));
  assertEquals(
    decode([...cut]),
    "Cannot read a message past its end: 1 bytes expected at offset 12, the message has 12",
  );
});

Deno.test("ValueCodec.decode() of a message of texts with one byte changed gives some value or a RangeError", () => {
  const list = Array.from({ length: 40 }, (_, i) => ({ text: `text ${i}`, other: `größer ${i}` }));
  const bytes = encoder.encode([list], name, []).slice();
  for (let i = 0; i < bytes.length; i++) {
    for (const change of [1, 0x80, 0xff]) {
      const damaged = bytes.slice();
      damaged[i]! ^= change;
      try {
        decoder.decode(damaged);
      } catch (error) {
        assert(error instanceof RangeError, `byte ${i} ^ ${change}: ${error}`);
      }
    }
  }
  assertEquals(decoder.decode(bytes), [list]);
});

// ─── Code made for shapes ──────────────────────────────────────────────────────────────────────

Deno.test("ValueCodec sends records of all kinds of keys alike, however many there have been", () => {
  const keys = ["id", "0", "a b", '"; throw 1; "', "`${1}`", "\\", "é", "汉", "__proto__", ""];
  const deep = (i: number): unknown => (i === 0 ? "end" : { inner: deep(i - 1), i });
  for (let count = 1; count <= keys.length; count++) {
    const record = (i: number) => {
      const entries = keys.slice(0, count).map((key, k) => [key, k % 2 === 0 ? i : `text ${i}`]);
      return Object.fromEntries(entries);
    };
    const list = Array.from({ length: 150 }, (_, i) => record(i));
    for (const value of [list, [...list, list[7], list], { list, deep: deep(300) }]) {
      for (let round = 0; round < 3; round++) {
        assertEquals(difference(travel(value), structuredClone(value)), "");
      }
    }
  }
});

Deno.test("ValueCodec.encode() asks getters once and names what it refuses, also of the thousandth record", () => {
  let asked = 0;
  const record = (change?: (self: Record<string, unknown>) => void, value: unknown = 3) => ({
    first: 1,
    get second() {
      asked++;
      change?.(this as unknown as Record<string, unknown>);
      return 2;
    },
    third: value,
  });
  const list = Array.from({ length: 1_000 }, () => record());
  const plain = { first: 1, second: 2, third: 3 };
  assertEquals(travel(list), list.map(() => plain));
  assertEquals(asked, 1_000);
  const changed = record((self) => {
    delete self.third;
    self.fourth = 4;
  });
  assertEquals(travel([...list, changed, ...list])[1_000], { ...plain, third: undefined } as never);
  assertThrows(
    () => travel([...list, record(undefined, () => {})]),
    TypeError,
    "Cannot send arguments[0][1000].third as ",
  );
  const failure = new Error("asked too much");
  const failing = record(() => {
    throw failure;
  });
  assertEquals(assertThrows(() => travel([...list, failing])), failure);
  assertEquals(travel(list), list.map(() => plain));
});

Deno.test("ValueCodec works where the engine may make no code from text", async () => {
  const found = await run("no_code.ts", "--disallow-code-generation-from-strings");
  assertEquals(JSON.parse(found), { refused: true, found: ["", "", ""] });
});
