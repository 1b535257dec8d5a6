/**
 * Fields that hold text of any length: a pointer to its UTF-8, and how many bytes that takes.
 *
 * @module
 */
import { GRANULE_BYTES } from "../layout/mod.ts";
import { allocateText, badAlloc } from "../malloc/mod.ts";
import { readText, type SegmentArrays } from "../memory/mod.ts";
import type { TextType } from "./field_type.ts";
import {
  allocatorFor,
  isOwned,
  readReferred,
  REFERENCE_ALIGNMENT,
  REFERENCE_BYTES,
  type ReferenceOptions,
  referTo,
  releaseReferred,
  replace,
} from "./reference.ts";
import { kindError } from "./scalar.ts";

/**
 * A field that holds text of any length. It takes 16 bytes of the struct; the text is UTF-8 in a block
 * of the same slice. Half a surrogate pair becomes U+FFFD.
 *
 * An owned one is assigned a string by the thread whose slice the struct lies in. That allocates a block
 * and frees the former one; `freeStruct()` frees the last. Any thread reads it. One that reads while the
 * text is replaced may read whatever lies there next: tell it by a message when it may look.
 *
 * One that is not owned is given UTF-8 that lies in the segment, by `assign()` of the struct or `make()`,
 * and frees nothing.
 *
 * @param options whether the text is the struct's; by default it is
 * @returns the field type
 * @throws {TypeError} if the options are of the wrong kind
 *
 * @example
 * ```ts
 * import { Allocator, freeStruct, i32, struct, text } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const User = struct("User", { id: i32, name: text() });
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const user = User.make(allocator, { id: 7, name: "Ada" });
 * user.name = "Augusta Ada King, Countess of Lovelace";
 * assertEquals(User.at(segment, user.address).name.length, 38); // on any thread
 * freeStruct(allocator, user);
 * assertEquals(allocator.liveBlocks, 0);
 * ```
 */
export function text<IsOwned extends boolean = true>(
  options: ReferenceOptions<IsOwned> = {},
): TextType<IsOwned> {
  const owned = isOwned("text", options);
  const layout = {
    kind: "text",
    name: "text",
    byteLength: REFERENCE_BYTES,
    alignment: REFERENCE_ALIGNMENT,
    owned: owned as IsOwned,
    read: (arrays: SegmentArrays, address: number) => readReferred(arrays, address, readText),
  } as const;
  return Object.freeze<TextType<IsOwned>>(
    owned ? { ...layout, write: writeOwned, release: releaseReferred } : {
      ...layout,
      write: (arrays, address, value, place) => referTo(arrays, address, value, place, "text"),
    },
  );
}

function writeOwned(arrays: SegmentArrays, field: number, value: unknown, place: string): void {
  if (typeof value !== "string") throw kindError(value, place, "text", "a string");
  const allocator = allocatorFor(arrays, field, place, "text");
  if (value === "") {
    releaseReferred(arrays, field, allocator);
    return;
  }
  const { address, byteLength } = allocateText(allocator, arrays, value);
  if (address === 0) throw badAlloc(allocator, byteLength, GRANULE_BYTES, place);
  replace(arrays, field, address, byteLength, allocator);
}
