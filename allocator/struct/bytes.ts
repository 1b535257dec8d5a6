/**
 * Fields that hold any number of bytes: a pointer to them, and how many they are.
 *
 * @module
 */
import { GRANULE_BYTES } from "../layout/mod.ts";
import { badAlloc } from "../malloc/mod.ts";
import type { SegmentArrays } from "../memory/mod.ts";
import type { BytesType } from "./field_type.ts";
import {
  allocatorFor,
  checkByteLength,
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
 * A field that holds any number of bytes. It takes 16 bytes of the struct; the bytes are in a block of
 * the same slice. Reading it gives a view of them, not a copy: after the field is replaced or the struct
 * freed, the view shows whatever lies there next.
 *
 * An owned one copies what it is assigned, by the thread whose slice the struct lies in, into a block
 * that it allocates, and frees the former one; `freeStruct()` frees the last. One that is not owned
 * keeps where the bytes lie that it is assigned, in the segment, and frees nothing.
 *
 * @param options whether the bytes are the struct's; by default they are
 * @returns the field type
 * @throws {TypeError} if the options are of the wrong kind
 *
 * @example
 * ```ts
 * import { Allocator, bytes, freeStruct, struct } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const Packet = struct("Packet", { payload: bytes() });
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const packet = Packet.make(allocator, { payload: new Uint8Array([1, 2, 3]) });
 * packet.payload[0] = 9;
 * assertEquals([...Packet.at(segment, packet.address).payload], [9, 2, 3]); // on any thread
 * freeStruct(allocator, packet);
 * ```
 */
export function bytes(options: ReferenceOptions<boolean> = {}): BytesType {
  const owned = isOwned("bytes", options);
  const layout = {
    kind: "bytes",
    name: "bytes",
    byteLength: REFERENCE_BYTES,
    alignment: REFERENCE_ALIGNMENT,
    owned,
    read: (arrays: SegmentArrays, address: number) => readReferred(arrays, address, viewBytes),
  } as const;
  return Object.freeze<BytesType>(
    owned ? { ...layout, write: writeOwned, release: releaseReferred } : {
      ...layout,
      write: (arrays, address, value, place) => referTo(arrays, address, value, place, "bytes"),
    },
  );
}

function viewBytes(
  arrays: SegmentArrays,
  address: number,
  byteLength: number,
): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(arrays.buffer, address, byteLength);
}

function writeOwned(arrays: SegmentArrays, field: number, value: unknown, place: string): void {
  if (!(value instanceof Uint8Array)) throw kindError(value, place, "bytes", "a Uint8Array");
  const allocator = allocatorFor(arrays, field, place, "bytes");
  const { byteLength } = value;
  if (byteLength === 0) {
    releaseReferred(arrays, field, allocator);
    return;
  }
  checkByteLength(byteLength, place, "bytes");
  const address = allocator.malloc(byteLength);
  if (address === 0) throw badAlloc(allocator, byteLength, GRANULE_BYTES, place);
  arrays.u8.set(value, address);
  replace(arrays, field, address, byteLength, allocator);
}
