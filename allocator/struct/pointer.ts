/**
 * Fields that hold an address, of anything or of a struct or an array that a view can be had of. An
 * address is kept as a double, which is exact for every one.
 *
 * @module
 */
import { describe } from "./describe.ts";
import { fieldTypeOf, type PointerType, type ScalarType, TYPE } from "./field_type.ts";
import { kindError, scalar } from "./scalar.ts";
import type { SegmentArrays } from "../memory/mod.ts";
import { checkAddress } from "./view_memory.ts";

/** An address of anything in the segment, or 0. */
export const address: ScalarType<number, Float64Array<SharedArrayBuffer>> = scalar("address", 8, {
  read: readAddress,
  write: (arrays, address, value, place) => writeAddress(arrays, address, value, place, "address"),
  elements: ({ buffer }, address, length) => new Float64Array(buffer, address, length),
});

/**
 * A field that holds the address of a struct or of an array, or 0; `view.deref("name")` gives a view
 * of what it points to. A pointer owns nothing, and does not know when its target is freed.
 *
 * @param target what it points to. A function, as that may not be defined yet: a struct that points
 * to itself, or to one further down, says so in a getter, which TypeScript needs to find its type.
 * @returns the field type
 *
 * @example
 * ```ts
 * import { Allocator, i32, pointer, struct } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const Node = struct("Node", {
 *   value: i32,
 *   get next() {
 *     return pointer(() => Node);
 *   },
 * });
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const last = Node.make(allocator, { value: 2 });
 * const first = Node.make(allocator, { value: 1, next: last.address });
 * assertEquals(first.deref("next")?.value, 2);
 * assertEquals(last.deref("next"), null);
 * ```
 */
export function pointer<Target>(target: () => Target): PointerType<Target> {
  if (typeof target !== "function" || TYPE in target) {
    const found = typeof target === "function" ? `the class ${target.name}` : describe(target);
    throw new TypeError(
      `Cannot define a pointer to ${found}: expected a function that gives the type`,
    );
  }
  return Object.freeze<PointerType<Target>>({
    kind: "pointer",
    name: "pointer",
    byteLength: 8,
    alignment: 8,
    target,
    read: readAddress,
    write: (arrays, address, value, place) =>
      writeAddress(arrays, address, value, place, "pointer"),
  });
}

/** A view of what the pointer at `address` points to, `null` if that is nothing. */
export function follow(
  arrays: SegmentArrays,
  address: number,
  type: PointerType<unknown>,
  place: string,
): unknown {
  const target = type.read(arrays, address) as number;
  if (target === 0) return null;
  const pointee = fieldTypeOf(
    type.target(),
    `Cannot follow ${place}: it points to what is defined`,
  );
  const { kind, name, byteLength, alignment } = pointee;
  if (kind !== "struct" && kind !== "array") {
    throw new TypeError(
      `Cannot follow ${place}: it points to ${name}, expected a struct or an array`,
    );
  }
  checkAddress(arrays, target, name, byteLength, alignment);
  return pointee.read(arrays, target);
}

function readAddress(arrays: SegmentArrays, address: number): number {
  return arrays.f64[address / 8]!;
}

function writeAddress(
  arrays: SegmentArrays,
  address: number,
  value: unknown,
  place: string,
  typeName: string,
): void {
  if (typeof value !== "number") throw kindError(value, place, typeName, "an address, or 0");
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(
      `Cannot store ${value} in ${place} (${typeName}): expected an address, or 0`,
    );
  }
  arrays.f64[address / 8] = value;
}
