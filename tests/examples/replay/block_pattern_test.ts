import { assertEquals } from "@std/assert";
import { BlockPattern } from "../../../examples/replay/block_pattern.ts";

const buffer = new SharedArrayBuffer(4096);
const bytes = new Uint8Array(buffer);

Deno.test("BlockPattern.fill() writes exactly the bytes of the block", () => {
  const pattern = new BlockPattern(buffer);
  for (const byteLength of [0, 1, 2, 3, 4, 5, 7, 8, 31, 100]) {
    bytes.fill(0xee);
    pattern.fill(7, 64, 0, byteLength);
    assertEquals([...bytes.subarray(56, 64)], new Array(8).fill(0xee), `before ${byteLength}`);
    assertEquals(
      [...bytes.subarray(64 + byteLength, 72 + byteLength)],
      new Array(8).fill(0xee),
      `after ${byteLength}`,
    );
    assertEquals(pattern.check(7, 64, byteLength), undefined);
  }
});

Deno.test("BlockPattern.check() finds every single wrong byte and says what it holds", () => {
  const pattern = new BlockPattern(buffer);
  for (const byteLength of [1, 3, 4, 6, 17]) {
    for (let offset = 0; offset < byteLength; offset++) {
      pattern.fill(3, 128, 0, byteLength);
      const expected = bytes[128 + offset]!;
      const found = expected ^ 0x10;
      bytes[128 + offset] = found;
      assertEquals(pattern.check(3, 128, byteLength), { offset, expected, found });
    }
  }
});

Deno.test("BlockPattern.check() finds another block's bytes, and bytes that were moved", () => {
  const pattern = new BlockPattern(buffer);
  pattern.fill(3, 128, 0, 64);
  assertEquals(pattern.check(4, 128, 64)?.offset, 0);
  bytes.copyWithin(136, 128, 184);
  assertEquals(pattern.check(3, 128, 64)?.offset, 8);
});

Deno.test("BlockPattern.fill() from any offset continues the pattern", () => {
  const pattern = new BlockPattern(buffer);
  for (let start = 0; start <= 13; start++) {
    bytes.fill(0);
    pattern.fill(9, 256, 0, start);
    pattern.fill(9, 256, start, 13);
    assertEquals(pattern.check(9, 256, 13), undefined, `from ${start}`);
  }
});

Deno.test("BlockPattern.checkZero() finds the first byte that is not zero", () => {
  const pattern = new BlockPattern(buffer);
  bytes.fill(0);
  assertEquals(pattern.checkZero(512, 11), undefined);
  bytes[512 + 10] = 5;
  assertEquals(pattern.checkZero(512, 11), { offset: 10, expected: 0, found: 5 });
  bytes[512 + 6] = 9;
  assertEquals(pattern.checkZero(512, 11), { offset: 6, expected: 0, found: 9 });
});
