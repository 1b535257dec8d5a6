/** Text out of bytes: see shard/codec/read_text.ts. */
import { assertEquals } from "@std/assert";
import { readLatin1 } from "../../../shard/codec/read_text.ts";

Deno.test("readLatin1() reads every length, before and after it has taken to Buffer", () => {
  const codes = Array.from({ length: 600 }, (_, index) => index % 256);
  const bytes = new Uint8Array(new SharedArrayBuffer(codes.length));
  bytes.set(codes);
  const text = codes.map((code) => String.fromCharCode(code)).join("");
  // All lengths once are 180,000 characters: more than are ever put together one by one.
  for (let round = 0; round < 2; round++) {
    for (let length = 0; length <= 590; length++) {
      const at = length % 7;
      assertEquals(readLatin1(bytes, at, length), text.slice(at, at + length));
    }
  }
});
