/**
 * Fields that hold short text: UTF-8 in a fixed number of bytes, the rest zero, as C's `char[n]`
 * filled by `strncpy`. Unlike there, text that does not fit is refused, not cut.
 *
 * @module
 */
import { readTextUpToNul, type SegmentArrays, utf8Length, writeWholeText } from "../memory/mod.ts";
import type { ScalarType } from "./field_type.ts";
import { kindError, noElements } from "./scalar.ts";
import { describe } from "./describe.ts";

/** Up to this many bytes a loop clears faster than a call does. */
const LOOP_BYTES = 32;

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
    read: (arrays, address) => readTextUpToNul(arrays, address, capacity),
    write: (arrays, address, value, place) => {
      if (typeof value !== "string") throw kindError(value, place, name, "a string");
      write(arrays, address, capacity, value, place);
    },
    elements: () => noElements(name),
  });
}

function write(
  arrays: SegmentArrays,
  start: number,
  capacity: number,
  text: string,
  place: string,
): void {
  // Neither could be read back.
  const isKept = !text.includes("\0") && text.isWellFormed();
  const byteLength = isKept ? writeWholeText(arrays, start, capacity, text) : -1;
  if (byteLength < 0) throw textError(text, isKept, capacity, place);
  const bytes = arrays.u8;
  const end = start + capacity;
  if (capacity - byteLength > LOOP_BYTES) bytes.fill(0, start + byteLength, end);
  else for (let at = start + byteLength; at < end; at++) bytes[at] = 0;
}

function textError(text: string, isKept: boolean, capacity: number, place: string): RangeError {
  const start = `Cannot store ${describe(text)} in ${place} (string(${capacity}))`;
  return new RangeError(
    isKept
      ? `${start}: it takes ${utf8Length(text)} bytes of UTF-8, expected ${capacity} at most`
      : `${start}: text with ${
        text.includes("\0") ? "a NUL" : "half a surrogate pair"
      } is not kept`,
  );
}
