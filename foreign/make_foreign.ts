/**
 * How an object of a shard gets its first foreign pointer, after `seastar::make_foreign` (sharded.hh).
 *
 * @module
 */

import { localEndpoint } from "../shard/unstable_layers.ts";
import { ForeignPtr } from "./foreign_ptr.ts";
import {
  type AnyPointer,
  movedOut,
  ownedBy,
  type Ownership,
  SharedPtr,
  UniquePtr,
} from "./local/mod.ts";

/**
 * Makes a foreign pointer to an object of this shard. O(1).
 *
 * @param object The object, which the pointer owns alone from now on; or a `UniquePtr` or `SharedPtr`
 * that owns it, which is null afterwards; or null, for a null pointer. A view of a struct must be of
 * this shard's slice, and the pointer owns its block.
 * @returns The pointer, to be sent to other shards.
 * @throws {TypeError} If this thread is not a shard: the host owns no objects. If the struct lies in the
 * segment of another runtime.
 * @throws {RangeError} If the struct lies in another shard's slice. Whatever it throws, the object and
 * its pointer stay as they were.
 *
 * @see `seastar::make_foreign()`
 *
 * @example
 * ```ts
 * import { defineTasks, makeForeign, SharedPtr } from "@tidepool/core";
 *
 * class Cache {
 *   readonly #entries = new Map<string, string>();
 *   get(key: string): string | undefined {
 *     return this.#entries.get(key);
 *   }
 *   [Symbol.dispose](): void {
 *     this.#entries.clear(); // runs on the shard that made it, whoever drops the last pointer
 *   }
 * }
 * export const caches = defineTasks(import.meta.url, {
 *   open: () => makeForeign(new Cache()), // one pointer at a time
 *   openShared: () => makeForeign(new SharedPtr(new Cache())), // with copy()
 * });
 * ```
 */
export function makeForeign<T extends object>(object: SharedPtr<T>): ForeignPtr<T, "shared">;
/** Makes a foreign pointer that owns an object of this shard alone. O(1). */
export function makeForeign<T extends object>(object: UniquePtr<T> | T | null): ForeignPtr<T>;
export function makeForeign<T extends object>(
  object: SharedPtr<T> | UniquePtr<T> | T | null,
): ForeignPtr<T, Ownership> {
  const endpoint = localEndpoint();
  const isPointer = object instanceof SharedPtr || object instanceof UniquePtr;
  const source: AnyPointer = isPointer ? object : new UniquePtr<object>(object);
  const owned = ownedBy(source);
  const address = owned?.address ?? 0;
  if (address !== 0 && endpoint.allocator.owner(address) !== endpoint.id) {
    throw new RangeError(
      `Cannot make a foreign pointer to the struct at ${address} on shard ${endpoint.id}: it lies in the slice of endpoint ${
        endpoint.allocator.owner(address)
      }`,
    );
  }
  if (owned !== null && endpoint.debug) {
    owned.madeAt = new Error().stack?.split("\n").slice(2).join("\n");
  }
  return ForeignPtr["ofPointer"](endpoint, movedOut(source));
}
