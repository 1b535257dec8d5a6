/**
 * Bytes that do not change, in memory that all shards read: sent by a pointer, never copied.
 *
 * @module
 */

import { segmentOf } from "../../allocator/mod.ts";
import type { ForeignPtr } from "../../foreign/mod.ts";
import { kindOf } from "../header/mod.ts";
import { blockOf, CONTENT_BYTES, type ImmutableContent, makeImmutable } from "./immutable_block.ts";

/** Bytes that some shard owns, and that whoever has the pointer can read: `SharedBytes.make()` gives one. */
export type SharedBytes = ForeignPtr<ImmutableContent, "shared">;

/** What `SharedBytes` does. */
export interface SharedBytesOperations {
  /**
   * Copies bytes into this shard's slice.
   *
   * @returns The pointer, with `copy()` for others.
   * @throws {TypeError} If they are not a Uint8Array, or this thread is not a shard: the host owns no objects.
   * @throws {RangeError} If they are 4 GiB or more.
   * @throws {BadAllocError} If there is no room.
   */
  make(bytes: Uint8Array): SharedBytes;
  /**
   * The bytes where they lie, to be read, and not longer than the pointer is held.
   *
   * @throws {TypeError} If the pointer is null, or one to something else.
   * @throws {StaleForeignPtrError} If they are no longer there, as their shard was started again.
   */
  read(pointer: SharedBytes): Uint8Array<SharedArrayBuffer>;
}

/**
 * Immutable bytes in shared memory, for what many shards read: an image, an index, a compiled module. They are
 * sent as a foreign pointer, of five words however many they are, and freed on their shard with the last of
 * them.
 *
 * @example
 * ```ts ignore
 * // images.ts
 * import { defineTasks } from "@tidepool/core";
 * import { SharedBytes } from "@tidepool/core/structures";
 *
 * export const images = defineTasks(import.meta.url, {
 *   make: (image: Uint8Array) => SharedBytes.make(image),
 *   brightness(image: SharedBytes) {
 *     using own = image; // this shard's pointer, which ends here
 *     const bytes = SharedBytes.read(own);
 *     return bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length;
 *   },
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { SharedBytes } from "@tidepool/core/structures";
 * import { assertEquals } from "@std/assert";
 * import { images } from "./images.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * await using image = await runtime.submitTo(0, images.make, new Uint8Array([1, 2, 3]));
 * assertEquals(SharedBytes.read(image)[2], 3);
 * assertEquals(await runtime.submitTo(1, images.brightness, await image.copy()), 2);
 * ```
 */
export const SharedBytes: SharedBytesOperations = Object.freeze<SharedBytesOperations>({
  make(bytes: Uint8Array): SharedBytes {
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(`Cannot make a SharedBytes of ${kindOf(bytes)}: expected a Uint8Array`);
    }
    return makeImmutable("SharedBytes", bytes);
  },

  read(pointer: SharedBytes): Uint8Array<SharedArrayBuffer> {
    const block = blockOf("SharedBytes", pointer);
    return new Uint8Array(segmentOf(block), block.address + CONTENT_BYTES, block.bytes);
  },
});
