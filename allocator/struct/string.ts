/**
 * Fields that hold short text: UTF-8 in a fixed number of bytes, the rest zero, as C's `char[n]`
 * filled by `strncpy`. Unlike there, text that does not fit is refused, not cut.
 *
 * @module
 */
import type { ScalarType } from "./field_type.ts";
import { kindError, noElements } from "./scalar.ts";
import { describe } from "./describe.ts";

/** Up to this many bytes a loop reads ASCII faster than a call of the decoder does. */
const LOOP_BYTES = 32;

// Made with the module, as they are stateless. A byte order mark is text like any other here.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * A field that holds text of up to `byteLength` bytes of UTF-8. Text with a NUL or half a surrogate
 * pair is refused, as it could not be read back.
 *
 * @param byteLength bytes of the field; text may use all of them
 * @returns the field type
 * @throws {TypeError} if `byteLength` is not a number
 * @throws {RangeError} if it is not a whole number, 1 or more
 *
 * @example
 * ```ts
 * import { Allocator, string, struct } from "@tidepool/core/allocator";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const Label = struct("Label", { text: string(8) });
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const label = Label.make(allocator, { text: "naïve" });
 * assertEquals(label.text, "naïve");
 * assertThrows(() => label.text = "far too long", RangeError);
 * ```
 */
export function string(byteLength: number): ScalarType<string> {
  if (typeof byteLength !== "number") {
    throw new TypeError(
      `Cannot define a string of ${describe(byteLength)} bytes: expected a number`,
    );
  }
  if (!Number.isSafeInteger(byteLength) || byteLength < 1) {
    throw new RangeError(
      `Cannot define a string of ${byteLength} bytes: expected a whole number, 1 or more`,
    );
  }
  const name = `string(${byteLength})`;
  const capacity = byteLength;
  return Object.freeze<ScalarType<string>>({
    kind: "scalar",
    name,
    byteLength,
    alignment: 1,
    read: (arrays, address) => readText(arrays.u8, address, capacity),
    write: (arrays, address, value, place) => {
      if (typeof value !== "string") throw kindError(value, place, name, "a string");
      writeText(arrays.u8, address, capacity, value, place);
    },
    elements: () => noElements(name),
  });
}

function readText(bytes: Uint8Array, start: number, capacity: number): string {
  const limit = start + Math.min(capacity, LOOP_BYTES);
  let text = "";
  let at = start;
  for (; at < limit; at++) {
    const byte = bytes[at]!;
    if (byte === 0) return text;
    if (byte >= 0x80) break;
    text += String.fromCharCode(byte);
  }
  if (at === start + capacity) return text;
  const field = bytes.subarray(at, start + capacity);
  const end = field.indexOf(0);
  return text + decoder.decode(end < 0 ? field : field.subarray(0, end));
}

function writeText(
  bytes: Uint8Array,
  start: number,
  capacity: number,
  text: string,
  place: string,
): void {
  const byteLength = utf8Length(text);
  if (byteLength > capacity || byteLength < 0) throw textError(text, byteLength, capacity, place);
  if (byteLength === text.length) {
    for (let i = 0; i < byteLength; i++) bytes[start + i] = text.charCodeAt(i);
  } else {
    encoder.encodeInto(text, bytes.subarray(start, start + capacity));
  }
  const end = start + capacity;
  if (capacity - byteLength > LOOP_BYTES) bytes.fill(0, start + byteLength, end);
  else for (let at = start + byteLength; at < end; at++) bytes[at] = 0;
}

/** Bytes of the text in UTF-8, or -1 if it holds a NUL or half a surrogate pair. */
function utf8Length(text: string): number {
  let byteLength = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      if (unit === 0) return -1;
    } else if (unit < 0x800) {
      byteLength++;
    } else if (unit < 0xd800 || unit > 0xdfff) {
      byteLength += 2;
    } else {
      const next = text.charCodeAt(i + 1); // NaN at the end of the text
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return -1;
      byteLength += 2; // four bytes for two units
      i++;
    }
  }
  return byteLength;
}

function textError(text: string, byteLength: number, capacity: number, place: string): RangeError {
  const start = `Cannot store ${describe(text)} in ${place} (string(${capacity}))`;
  return new RangeError(
    byteLength < 0
      ? `${start}: text with ${text.includes("\0") ? "a NUL" : "half a surrogate pair"} is not kept`
      : `${start}: it takes ${byteLength} bytes of UTF-8, expected ${capacity} at most`,
  );
}
