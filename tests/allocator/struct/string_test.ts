import { assertEquals, assertThrows } from "@std/assert";
import { string, struct, u8 } from "../../../allocator/mod.ts";

const Label = struct("Label", { before: u8, text: string(8), after: u8 });
const Long = struct("Long", { before: u8, text: string(100), after: u8 });

Deno.test("string() keeps text of up to all its bytes", () => {
  const label = Label.at(new SharedArrayBuffer(64), 16).assign({ before: 1, after: 2 });
  const texts = [
    "",
    "a",
    "12345678", // 8 bytes
    "éééé", // 8 bytes, two each
    "€€ab", // 8 bytes, three and one
    "😀😀", // 8 bytes, four each
    "a😀é", // 7 bytes
    "\u{feff}bom",
    "\x7f\x80\u07ff",
    "\u0800\uffff",
    "\x01",
  ];
  for (const text of texts) {
    label.text = "zzzzzzzz";
    label.text = text;
    assertEquals(label.text, text);
    assertEquals([label.before, label.after], [1, 2], text);
  }
});

Deno.test("string() refuses text of one byte too many, and keeps what was there", () => {
  const label = Label.at(new SharedArrayBuffer(64), 16).assign({ text: "before" });
  const texts: [string, number][] = [["123456789", 9], ["éééé1", 9], ["€€€", 9], ["😀😀1", 9]];
  for (const [text, byteLength] of texts) {
    assertThrows(
      () => label.text = text,
      RangeError,
      `Cannot store "${text}" in Label.text (string(8)): it takes ${byteLength} bytes of UTF-8, expected 8 at most`,
    );
  }
  assertThrows(() => label.text = "x".repeat(1000), RangeError, "Cannot store a string in Label");
  assertEquals(label.text, "before");
});

Deno.test("string() refuses text that could not be read back", () => {
  const label = Label.at(new SharedArrayBuffer(64), 16).assign({ text: "before" });
  for (const text of ["a\0b", "\0", "é\0"]) {
    assertThrows(() => label.text = text, RangeError, "text with a NUL is not kept");
  }
  for (const text of ["\ud83d", "a\ude00", "\ude00\ud83d", "\ud83d\ud83d", "\ud83dab"]) {
    assertThrows(() => label.text = text, RangeError, "text with half a surrogate pair");
  }
  assertEquals(label.text, "before");
});

Deno.test("string() zeroes the bytes behind the text", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(64));
  const label = Label.at(bytes, 16).assign({ text: "zzzzzzzz" });
  label.text = "é";
  assertEquals([...bytes.subarray(17, 25)], [0xc3, 0xa9, 0, 0, 0, 0, 0, 0]);
});

Deno.test("string() reads long text, wherever it stops being ASCII", () => {
  const long = Long.at(new SharedArrayBuffer(256), 8).assign({ before: 1, after: 2 });
  for (const length of [0, 1, 31, 32, 33, 34, 98, 99, 100]) {
    for (const end of ["", "é", "😀"]) {
      const room = 100 - new TextEncoder().encode(end).length;
      const text = "x".repeat(Math.min(length, room)) + end;
      long.text = "z".repeat(100);
      long.text = text;
      assertEquals(long.text, text);
      assertEquals([long.before, long.after], [1, 2]);
    }
  }
});

Deno.test("string() reads bytes that are no UTF-8 as replacement characters", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(64));
  bytes.set([0x61, 0xff, 0xc3, 0, 0x62], 17);
  assertEquals(Label.at(bytes, 16).text, "a\ufffd\ufffd");
});
