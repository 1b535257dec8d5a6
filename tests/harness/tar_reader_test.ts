import { assertEquals, assertThrows } from "@std/assert";
import { readTar } from "./tar_reader.ts";

/** A header of an archive, and what follows it. */
function entry(path: string, type: string, text: string): Uint8Array {
  const bytes = new Uint8Array(512 + Math.ceil(text.length / 512) * 512);
  const write = (value: string, offset: number) =>
    new TextEncoder().encodeInto(value, bytes.subarray(offset));
  write(path, 0);
  write(text.length.toString(8).padStart(11, "0"), 124);
  write(type, 156);
  write(text, 512);
  return bytes;
}

async function archiveOf(...parts: Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  return await new Blob(parts as Uint8Array<ArrayBuffer>[]).bytes();
}

Deno.test("readTar() gives each file, of any length, by its path", async () => {
  const texts = { "a.ts": "", "b/c.ts": "x".repeat(512), "d.ts": "y".repeat(700) };
  const entries = Object.entries(texts).map(([path, text]) => entry(path, "0", text));
  const files = readTar(await archiveOf(...entries, new Uint8Array(1024)));
  const found = [...files].map(([path, bytes]) => [path, new TextDecoder().decode(bytes)]);
  assertEquals(Object.fromEntries(found), texts);
});

Deno.test("readTar() refuses links, and an archive that was cut off", async () => {
  const link = await archiveOf(entry("link", "2", ""), new Uint8Array(1024));
  assertThrows(
    () => readTar(link),
    TypeError,
    'Expected files alone in the archive: "link" is of type "2"',
  );
  const whole = await archiveOf(entry("a.ts", "0", "text"));
  assertThrows(() => readTar(whole), RangeError, "The archive ends without its closing block");
});
