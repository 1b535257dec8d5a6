import { assert, assertEquals } from "@std/assert";
import { distanceToAligned, isPowerOfTwo } from "../../../allocator/layout/align.ts";

Deno.test("isPowerOfTwo() holds for 2^0 to 2^52 and for nothing beside them", () => {
  for (let bit = 0; bit <= 52; bit++) {
    assert(isPowerOfTwo(2 ** bit), `2^${bit}`);
    if (bit > 1) {
      assert(!isPowerOfTwo(2 ** bit - 1) && !isPowerOfTwo(2 ** bit + 1), `near 2^${bit}`);
    }
  }
  assert(!isPowerOfTwo(2 ** 40 + 2 ** 20));
  for (const value of [0, -1, -8, 0.5, 1.5, NaN, Infinity, 2 ** 53]) {
    assert(!isPowerOfTwo(value), String(value));
  }
});

Deno.test("distanceToAligned() leads to the next multiple, also past 2^32", () => {
  for (const value of [0, 1, 7, 8, 9, 2 ** 32 + 4, 2 ** 40 - 1]) {
    const aligned = value + distanceToAligned(value, 8);
    assertEquals(aligned % 8, 0);
    assert(aligned - value < 8);
  }
});
