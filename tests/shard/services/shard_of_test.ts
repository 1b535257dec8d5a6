/**
 * The shard of a key: the same as any other language computes (shard_of_vectors.json was made by a program
 * in Python, from the description at the head of shard_of.ts alone), even, and steady when shards are added.
 */
import { hashOfKey, jump, shardOf } from "../../../shard/services/shard_of.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import vectors from "./shard_of_vectors.json" with { type: "json" };

type Key = string | number | Uint8Array;

/** Keys as programs have them: what differs is at the end, short, or in few bits. */
const FAMILIES: ReadonlyMap<string, readonly Key[]> = new Map<string, readonly Key[]>([
  ["user:1 to user:99999", numbered(99_999, (i) => `user:${i + 1}`)],
  ["whole numbers", numbered(100_000, (i) => i)],
  ["even numbers", numbered(50_000, (i) => 2 * i)],
  ["multiples of 1,024", numbered(50_000, (i) => 1024 * i)],
  ["all of two bytes", numbered(65_536, (i) => Uint8Array.of(i & 0xff, i >> 8))],
  ["all of three letters", numbered(17_576, threeLetters)],
  ["padded numbers", numbered(100_000, (i) => String(i).padStart(12, "0"))],
  ["addresses", numbered(65_536, (i) => `10.0.${i >> 8}.${i & 0xff}`)],
  ["one letter repeated", numbered(20_000, (i) => "a".repeat(1 + i % 50) + i)],
  ["Cyrillic", numbered(50_000, (i) => `ключ:${i}`)],
]);

function numbered<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function threeLetters(index: number): string {
  const letter = (at: number) => String.fromCharCode(97 + Math.floor(index / 26 ** at) % 26);
  return letter(2) + letter(1) + letter(0);
}

function keyOf(row: { text?: string; number?: number; bytes?: string }): Key {
  return row.text ?? row.number ?? Uint8Array.fromHex(row.bytes!);
}

Deno.test("shardOf() gives what its description says, as another language computed it", () => {
  for (const row of vectors.keys) {
    const key = keyOf(row);
    assertEquals(hashOfKey(key) >>> 0, row.hash, JSON.stringify(row));
    assertEquals(vectors.counts.map((count) => shardOf(key, count)), row.shards);
  }
  assert(vectors.keys.length >= 40);
});

Deno.test("the hash of a key is MurmurHash3_x86_32, by its published values", () => {
  const fox = "The quick brown fox jumps over the lazy dog";
  const hashes = ["", "test", "Hello, world!", fox].map((key) => hashOfKey(key) >>> 0);
  assertEquals(hashes, [0, 0xba6bd213, 0xc0363e43, 0x2e4ff723]);
});

/** The paper's own program, on 64 bits at a time. */
function jumpByPaper(hash: number, count: number): number {
  let key = BigInt(hash >>> 0);
  let shard = -1;
  for (let next = 0; next < count;) {
    shard = next;
    key = BigInt.asUintN(64, key * 2_862_933_555_777_941_757n + 1n);
    next = Math.trunc((shard + 1) * (2 ** 31 / Number((key >> 33n) + 1n)));
  }
  return shard;
}

Deno.test("the jump is the paper's, whatever the hash and the number of shards", () =>
  withRandom((random) => {
    const hashes = [0, 1, -1, 0x7fffffff, -0x80000000, 0xffff, 0x10000, -0x10000];
    for (let i = 0; i < 20_000; i++) hashes.push(random.next() | 0);
    for (const hash of hashes) {
      const count = 1 + Math.floor(2 ** (31 * random.next() / 2 ** 32));
      assertEquals(jump(hash, count), jumpByPaper(hash, count), `${hash} over ${count}`);
    }
    assertEquals(jump(-1, 2 ** 31), jumpByPaper(-1, 2 ** 31));
  }));

function randomText(random: SeededRandom): string {
  // Some are ASCII alone, some have lone surrogates, some are longer than the scratch.
  const limit = [0x80, 0x100, 0x800, 0x10000][random.below(4)]!;
  const length = random.below(8) === 0 ? random.below(2_000) : random.below(20);
  const units = numbered(length, () => random.below(random.below(4) === 0 ? limit : 0x80));
  return String.fromCharCode(...units);
}

Deno.test("text is hashed as its UTF-8, a number as its decimal text", () =>
  withRandom((random) => {
    const encoder = new TextEncoder();
    for (let i = 0; i < 5_000; i++) {
      const text = randomText(random);
      assertEquals(hashOfKey(text), hashOfKey(encoder.encode(text)), JSON.stringify(text));
      const number = (random.next() * 2 ** 21 + random.below(2 ** 21)) * (random.below(2) * 2 - 1);
      assertEquals(hashOfKey(number), hashOfKey(String(number)));
    }
    assertEquals(hashOfKey(-0), hashOfKey("0"));
    // Its bytes are three times as many as its units, and just fit the scratch, or just do not.
    for (const length of [341, 342]) {
      const text = "鍵".repeat(length);
      assertEquals(hashOfKey(text), hashOfKey(encoder.encode(text)));
    }
    assertEquals(hashOfKey("a\udc00b"), hashOfKey("a\ufffdb")); // a surrogate without the other
  }));

Deno.test("equal strings are hashed alike, however the engine stores them", () => {
  for (const text of ["user:1", "a longer key, of which the engine makes a slice"]) {
    const wide = `\u0416${text}`.slice(1); // two bytes a character, one kept in a slice
    const joined = [...text].reduce((all, letter) => all + letter, "");
    const decoded = new TextDecoder().decode(new TextEncoder().encode(text));
    assertEquals(
      [wide, joined, decoded].map(hashOfKey),
      [text, text, text].map(hashOfKey),
    );
  }
});

Deno.test("bytes are hashed from where the array begins to where it ends, shared or not", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(64), 3, 9);
  shared.set(new TextEncoder().encode("user:1234"));
  assertEquals(shardOf(shared, 1000), shardOf("user:1234", 1000));
  assertEquals(shardOf(shared.subarray(0, 6), 1000), shardOf("user:1", 1000));
});

/** How much less even than by chance: in standard deviations, by Wilson and Hilferty's approximation. */
function unevenness(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const squares = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  const spread = 2 / (9 * freedom);
  return (Math.cbrt(squares / freedom) - (1 - spread)) / Math.sqrt(spread);
}

for (const [name, keys] of FAMILIES) {
  Deno.test(`shardOf() spreads evenly: ${name}`, () => {
    for (const count of [2, 3, 4, 5, 7, 8, 12, 16, 31, 64, 128]) {
      const keysOf = new Array<number>(count).fill(0);
      for (const key of keys) keysOf[shardOf(key, count)]!++;
      const deviations = unevenness(keysOf);
      // The keys are always the same: this fails always or never.
      assert(deviations < 3.7, `${deviations} over ${count}: ${keysOf}`);
    }
  });
}

Deno.test("the test of evenness finds a hash that is not", () => {
  const keysOf = new Array<number>(8).fill(0);
  for (let i = 1; i < 100_000; i++) keysOf[`user:${i}`.charCodeAt(5) % 8]!++;
  assert(unevenness(keysOf) > 10);
  assert(unevenness([500, 520, 480, 505]) < 3.7);
});

Deno.test("with one shard more, one key in so many moves, and only to the new shard", () => {
  const keys = FAMILIES.get("user:1 to user:99999")!;
  for (let count = 1; count < 64; count++) {
    let moved = 0;
    for (const key of keys) {
      const [before, after] = [shardOf(key, count), shardOf(key, count + 1)];
      if (after === before) continue;
      assertEquals(after, count);
      moved++;
    }
    const share = 1 / (count + 1);
    const deviation = Math.sqrt(keys.length * share * (1 - share));
    assert(
      Math.abs(moved - keys.length * share) < 4 * deviation,
      `${moved} from ${count} to ${count + 1}`,
    );
  }
});

Deno.test("shardOf() refuses what is not a key", () => {
  const expected = "expected a string, a whole number or a Uint8Array";
  const refused: [unknown, string][] = [
    [undefined, "undefined"],
    [null, "null"],
    [5n, "of type bigint"],
    [true, "of type boolean"],
    [{}, "of type object"],
    [new Uint16Array(1), "of type object"],
    [Symbol("key"), "of type symbol"],
  ];
  for (const [key, kind] of refused) {
    assertThrows(
      () => shardOf(key as string, 4),
      TypeError,
      `Cannot choose the shard of a key that is ${kind}: ${expected}`,
    );
  }
  for (const key of [NaN, Infinity, 1.5, 2 ** 53, -(2 ** 53)]) {
    assertThrows(
      () => shardOf(key, 4),
      RangeError,
      `Cannot choose the shard of key ${key}: expected a whole number from -9007199254740991 to 9007199254740991`,
    );
  }
});

Deno.test("shardOf() refuses what is not a number of shards", () => {
  const expected = "expected a whole number from 1 to 2147483648";
  for (const count of [0, -1, 1.5, NaN, Infinity, 2 ** 31 + 1]) {
    assertThrows(
      () => shardOf("key", count),
      RangeError,
      `Cannot choose one of ${count} shards: ${expected}`,
    );
  }
  const refused: [unknown, string][] = [
    ["4", 'the text "4"'],
    [null, "null"],
    [4n, "of type bigint"],
  ];
  for (const [count, kind] of refused) {
    assertThrows(
      () => shardOf("key", count as number),
      TypeError,
      `Cannot choose one of shards whose number is ${kind}: ${expected}`,
    );
  }
});

Deno.test("shardOf() without a number of shards needs a shard to ask", () => {
  assertThrows(() => shardOf("key"), TypeError, "This thread is not a shard");
});
