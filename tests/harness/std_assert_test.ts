import { assert, assertRejects, assertThrows } from "@std/assert";

Deno.test("@std/assert narrows types and fails where it should", async () => {
  const word = ["tide", undefined][0];
  assert(word !== undefined);
  const length: number = word.length; // compiles only because assert() narrows
  assertThrows(() => assert(length !== 4, "four"), Error, "four");
  await assertRejects(() => Promise.reject(new RangeError("low")), RangeError, "low");
});
