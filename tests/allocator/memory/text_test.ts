/**
 * Text in and out of a segment, against TextEncoder and TextDecoder over own bytes: every length around
 * the thresholds, every kind of text, every place within 8 bytes.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";

const SEGMENT_BYTES = 1 << 20;

function makeAllocator(bytes = SEGMENT_BYTES): Allocator {
  const segment = new SharedArrayBuffer(bytes, { maxByteLength: bytes });
  return Allocator.create(segment, [{ byteOffset: 0, byteLength: bytes }], 0);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** One character of each length in UTF-8, and what text has no rule for. */
const KINDS: Readonly<Record<string, string>> = {
  ascii: "abcdefghij~\x7f\0",
  latin: "éßÿ\x80",
  greek: "λ\u07ff",
  han: "漢字\u0800\uffff\ufeff",
  emoji: "😀🪸",
  broken: "\ud83d\ude00\ud83d\udc00\ude00",
};

/** Text of about `units` UTF-16 units, in which each kind is one of the two it has. */
function textOf(random: SeededRandom, units: number): string {
  const kinds = Object.values(KINDS);
  const usual = random.below(2) === 0 ? KINDS.ascii! : kinds[random.below(kinds.length)]!;
  const rare = kinds[random.below(kinds.length)]!;
  const rareness = 1 + random.below(units + 1);
  let text = "";
  while (text.length < units) {
    const kind = random.below(rareness) === 0 ? rare : usual;
    text += kind[random.below(kind.length)];
  }
  return text;
}

const LENGTHS = [0, 1, 4, 5, 6, 7, 8, 11, 12, 13, 15, 16, 17, 31, 32, 33, 100, 240];
const LONG_LENGTHS = [399, 400, 401, 1000, 1056, 1057, 10_000, 65_530, 65_540];

Deno.test("Allocator.writeText() and readText() do as TextEncoder and TextDecoder, wherever text lies", () =>
  withRandom((random) => {
    const allocator = makeAllocator();
    const segment = new Uint8Array(allocator.buffer);
    const block = allocator.malloc(400_000);
    for (const units of [...LENGTHS, ...LONG_LENGTHS]) {
      for (let round = 0; round < (units > 400 ? 6 : 40); round++) {
        const text = textOf(random, units);
        const expected = encoder.encode(text);
        const address = block + 64 + random.below(16);
        segment.fill(0xaa, address - 16, address + expected.length + 16);
        const room = expected.length + [0, 1, 1000][random.below(3)]!;
        assertEquals(allocator.writeText(address, room, text), expected.length);
        assertEquals(segment.slice(address, address + expected.length), expected);
        assertEquals(
          [segment[address - 1], segment[address + expected.length]],
          [0xaa, 0xaa],
          "the bytes beside",
        );
        assertEquals(allocator.readText(address, expected.length), decoder.decode(expected));
      }
    }
    allocator.free(block);
  }));

Deno.test("Allocator.readText() reads bytes that are no UTF-8 as TextDecoder does", () =>
  withRandom((random) => {
    const allocator = makeAllocator();
    const address = allocator.malloc(1000);
    for (let round = 0; round < 500; round++) {
      const bytes = new Uint8Array(random.below(60));
      // Half of them ASCII up to somewhere.
      for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(i < 20 ? 128 : 256);
      allocator.bytes(address + round % 8, bytes.length).set(bytes);
      assertEquals(allocator.readText(address + round % 8, bytes.length), decoder.decode(bytes));
    }
  }));

Deno.test("Allocator.writeText() refuses text that takes more, and writes nothing behind its room", () => {
  const allocator = makeAllocator();
  const address = allocator.malloc(4000);
  for (const text of ["abcdef", "éééa", "漢".repeat(50), "x".repeat(500), "é".repeat(700)]) {
    const { length } = encoder.encode(text);
    const bytes = allocator.bytes(address + length - 1, 100).fill(0xaa);
    assertThrows(
      () => allocator.writeText(address, length - 1, text),
      RangeError,
      `Cannot write ${length} bytes of text at address ${address}: expected ${length - 1} at most`,
    );
    assertEquals(bytes.every((byte) => byte === 0xaa), true);
    assertEquals(allocator.writeText(address, length, text), length);
  }
});

Deno.test("Allocator.readText() and writeText() refuse bytes that are not in the segment", () => {
  const allocator = makeAllocator(65536);
  assertEquals(allocator.readText(65536, 0), "");
  assertEquals(allocator.readText(65535, 1), "\0");
  const outside = [[65535, 2], [65536, 1], [-1, 1], [8, -1], [0.5, 1], [8, 1.5], [NaN, 1], [
    8,
    NaN,
  ], [8, Infinity]];
  for (const [address, byteLength] of outside as [number, number][]) {
    const place = `${byteLength} bytes of text at address ${address}: the segment has 65536 bytes`;
    assertThrows(() => allocator.readText(address, byteLength), RangeError, `Cannot read ${place}`);
    assertThrows(
      () => allocator.writeText(address, byteLength, ""),
      RangeError,
      `Cannot write ${place}`,
    );
  }
  const wrong = "8" as unknown as number;
  assertThrows(
    () => allocator.readText(wrong, 1),
    TypeError,
    "Cannot read 1 bytes of text at address 8: expected numbers",
  );
  assertThrows(
    () => allocator.writeText(8, null as unknown as number, ""),
    TypeError,
    "Cannot write null bytes of text at address 8: expected numbers",
  );
  assertThrows(
    () => allocator.writeText(8, 8, 7 as unknown as string),
    TypeError,
    "Cannot write text: expected a string, received number",
  );
});

Deno.test("Allocator.allocateText() gives a block of the text's length", () => {
  const allocator = makeAllocator();
  for (const text of ["", "a", "naïve", "x".repeat(240), "é".repeat(400), "漢".repeat(5000)]) {
    const { address, byteLength } = allocator.allocateText(text);
    assertEquals(byteLength, encoder.encode(text).length);
    assertEquals(allocator.readText(address, byteLength), text);
    assertEquals(allocator.liveBlocks, 1);
    allocator.checkHeap();
    allocator.free(address);
  }
  assertThrows(
    () => allocator.allocateText(undefined as unknown as string),
    TypeError,
    "Cannot allocate text: expected a string, received undefined",
  );
});

Deno.test("Allocator.allocateText() gives null without room, and says what was missing", () => {
  const allocator = makeAllocator(65536);
  assertEquals(allocator.allocateText("é".repeat(65536)), { address: 0, byteLength: 131072 });
  const blocks: number[] = [];
  for (let address; (address = allocator.malloc(64)) !== 0;) blocks.push(address);
  assertEquals(allocator.allocateText("x".repeat(100)), { address: 0, byteLength: 100 });
  for (const address of blocks) allocator.free(address);
});

Deno.test("a reclaimer that writes text does not change the text that asked for memory", () => {
  const allocator = makeAllocator(65536);
  const kept: number[] = [];
  for (let address; (address = allocator.malloc(256)) !== 0;) kept.push(address);
  while (allocator.malloc(8) !== 0); // nothing is left beside
  let called = 0;
  allocator.reclaimers.add(() => {
    called++;
    if (called === 1) allocator.allocateText("the text of another".repeat(7)); // no room, or some
    if (kept.length > 0) allocator.free(kept.pop()!);
    return 256;
  }, { scope: "sync" });
  const text = "what was asked for".repeat(8);
  const { address, byteLength } = allocator.allocateText(text);
  assertEquals(called > 0, true);
  assertEquals(allocator.readText(address, byteLength), text);
});

Deno.test("text is written and read above 4 GiB, and at the very end of the segment", () => {
  const size = 2 ** 32 + 65536;
  const segment = new SharedArrayBuffer(size, { maxByteLength: size });
  const allocator = Allocator.create(segment, [{ byteOffset: 2 ** 32, byteLength: 65536 }], 0);
  const { address, byteLength } = allocator.allocateText("x".repeat(240));
  assertEquals(address > 2 ** 32, true);
  assertEquals(allocator.readText(address, byteLength), "x".repeat(240));
  for (const text of ["abc", "é", "naïve".repeat(9), "漢".repeat(200), "y".repeat(1000)]) {
    const { length } = encoder.encode(text);
    allocator.writeText(size - length, length, text);
    assertEquals(allocator.readText(size - length, length), text);
  }
});
