import { assertEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "./seeded_random.ts";
import { ShadowAllocator } from "./shadow_allocator.ts";

const SLICE = [0, 1024] as const;

function make() {
  const segment = new SharedArrayBuffer(2048);
  const shadow = new ShadowAllocator(segment);
  shadow.allocated(64, 20, 28, 8, SLICE);
  return { shadow, bytes: new Uint8Array(segment) };
}

Deno.test("ShadowAllocator finds blocks that overlap, are misaligned, too small or outside", () => {
  const { shadow } = make();
  assertThrows(() => shadow.allocated(64, 0, 4, 8, SLICE), Error, "was handed out already");
  assertThrows(() => shadow.allocated(88, 8, 12, 8, SLICE), Error, "overlaps a block at byte 88");
  assertThrows(() => shadow.allocated(48, 8, 20, 8, SLICE), Error, "overlaps a block at byte 64");
  assertThrows(() => shadow.allocated(204, 8, 12, 8, SLICE), Error, "is not aligned to 8");
  assertThrows(() => shadow.allocated(200, 20, 12, 8, SLICE), Error, "has only 12 bytes");
  assertThrows(() => shadow.allocated(1016, 8, 12, 8, SLICE), Error, "lies outside the slice");
  assertThrows(() => shadow.freed(72), Error, "no block was handed out at 72");
});

Deno.test("ShadowAllocator finds bytes that changed, were not kept, or were not cleared", () => {
  const { shadow, bytes } = make();
  shadow.verify(64);
  bytes[64 + 19]! ^= 1;
  assertThrows(() => shadow.verify(64), Error, "byte 19 of the block at 64");
  bytes.copyWithin(512, 64, 64 + 19);
  shadow.kept(64, 512, 19);
  assertThrows(() => shadow.kept(64, 512, 20), Error, "byte 19 of the block at 512");
  assertThrows(() => shadow.cleared(530, 8), Error, "byte 0 of the cleared block at 530");
});

Deno.test("SeededRandom repeats itself from its seed, and differs from the next seed", () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 20 }, () => random.below(1000));
  };
  assertEquals(draw(7), draw(7));
  assertEquals(draw(7).filter((value, i) => value === draw(8)[i]).length < 5, true);
  assertEquals(draw(7).every((value) => value >= 0 && value < 1000), true);
});
