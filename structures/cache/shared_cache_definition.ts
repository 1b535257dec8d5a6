/**
 * What a shared cache is made from, on its owner and on every reader.
 *
 * @module
 */

import type { Runtime } from "../../shard/mod.ts";
import { endpointOf } from "../header/mod.ts";
import {
  type MapKey,
  MapKeys,
  type MapKeyType,
  type MapValue,
  type MapValueInit,
  MapValues,
  type MapValueType,
  type MapValueView,
} from "../map/mod.ts";
import {
  type CacheLimits,
  type CacheParts,
  checkLimit,
  checkTtl,
  type EvictReason,
} from "./cache_parts.ts";
import { SharedCache } from "./shared_cache.ts";
import { SharedCacheReader } from "./shared_cache_reader.ts";

/** Of what types a cache is, how far it grows, and how long entries last. */
export interface SharedCacheOptions<KeyType, ValueType> extends CacheLimits {
  /** The type of its keys: `text()`, `bytes()`, `f64`, `i64`, `u64`, or an integer of at most 32 bits. */
  readonly key: KeyType;
  /** The type of its values: any of a struct's field that owns no block, a struct, or a `codec()`. */
  readonly value: ValueType;
  /** How many milliseconds entries last, unless said otherwise when one is set; without end, unless given. */
  readonly ttlMs?: number;
  /**
   * Called on the owner with each entry that has gone, when no reader can see it any more: an address can be
   * freed then. The reasons are those of lru-cache: "evict" made room, "expire" had lasted its time, "set" was
   * replaced, "delete" was deleted, with all others or by itself. It may be called at any allocation of the
   * owner, up to 64 entries late. What it throws is a warning.
   */
  readonly onEvict?: (key: MapKey<KeyType>, value: MapValue<ValueType>, why: EvictReason) => void;
}

/** A definition of shared caches, by `sharedCache()`. */
export interface SharedCacheDefinition<KeyType, ValueType> {
  /** What such caches are called in errors. */
  readonly name: string;
  /**
   * Makes a cache in this shard's slice, which owns it.
   *
   * @param runtime The runtime, on its host; on a shard, left out.
   * @throws {TypeError} If this thread is not a shard and no runtime is given.
   * @throws {BadAllocError} If there is no room: an empty cache takes some 8 KiB, and 128 bytes a shard.
   */
  make(
    runtime?: Runtime,
  ): SharedCache<
    MapKey<KeyType>,
    MapValue<ValueType>,
    MapValueInit<ValueType>,
    MapValueView<ValueType>
  >;
  /**
   * A reader of the cache that another shard has made, and has sent the address of.
   *
   * @throws {TypeError} If the address is not a number, or that of something else. If this thread is not a shard.
   * @throws {RangeError} If no structure lies there.
   * @throws {ShardCrashedError} If its owner has died.
   * @throws {StaleStructureError} If it was disposed of, or its owner was started again.
   */
  reader(
    address: number,
  ): SharedCacheReader<MapKey<KeyType>, MapValue<ValueType>, MapValueView<ValueType>>;
  /** The same on the runtime's host. */
  reader(
    runtime: Runtime,
    address: number,
  ): SharedCacheReader<MapKey<KeyType>, MapValue<ValueType>, MapValueView<ValueType>>;
}

/**
 * Defines caches in shared memory, which one shard makes and fills, and every shard reads where they lie. Define
 * them in a module that both import. They are bounded by what the owner's slice has left, and by `maxEntries`
 * and `maxBytes` if these are given.
 *
 * @param name What such caches are called in errors.
 * @param options The types of keys and values, the bounds, how long entries last, who is told of those that go.
 * @returns The definition, with `make()` for the owner and `reader()` for the others.
 * @throws {TypeError | RangeError} If the name, a type or an option is of the wrong kind, or out of range.
 *
 * @example
 * ```ts
 * import { Runtime } from "@tidepool/core";
 * import { text } from "@tidepool/core/allocator";
 * import { sharedCache } from "@tidepool/core/structures";
 * import { assertEquals } from "@std/assert";
 *
 * const Pages = sharedCache("Pages", { key: text(), value: text(), maxEntries: 1000, ttlMs: 60_000 });
 *
 * await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
 * using pages = Pages.make(runtime); // in a task on a shard: Pages.make()
 * const page = await pages.getOrLoad("/", (path) => Promise.resolve(`<h1>${path}</h1>`));
 * assertEquals(page, "<h1>/</h1>");
 * // On any shard that was sent `pages.address`:
 * const reader = Pages.reader(runtime, pages.address);
 * assertEquals(reader.get("/"), "<h1>/</h1>");
 * assertEquals(reader.get("/about"), undefined);
 * const { hits, misses } = pages.statistics();
 * assertEquals([hits, misses], [1, 2]);
 * ```
 */
export function sharedCache<
  const KeyType extends MapKeyType,
  const ValueType extends MapValueType,
>(
  name: string,
  options: SharedCacheOptions<KeyType, ValueType>,
): SharedCacheDefinition<KeyType, ValueType> {
  type Definition = SharedCacheDefinition<KeyType, ValueType>;
  const parts = partsOf(name, options);
  return Object.freeze<Definition>({
    name,
    make(runtime?: Runtime): ReturnType<Definition["make"]> {
      return new SharedCache(parts, endpointOf(runtime));
    },
    reader(first: Runtime | number, address?: number): ReturnType<Definition["reader"]> {
      return typeof first === "object" && first !== null
        ? new SharedCacheReader(parts, endpointOf(first), address!)
        : new SharedCacheReader(parts, endpointOf(), first);
    },
  });
}

/** What the caches of a definition share on this thread, checked. */
export function partsOf<KeyType extends MapKeyType, ValueType extends MapValueType>(
  name: string,
  options: SharedCacheOptions<KeyType, ValueType>,
): CacheParts {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(`Cannot define a shared cache named ${String(name)}: expected a name`);
  }
  const { key, value, maxEntries, maxBytes, ttlMs = Infinity, onEvict } = options ?? {};
  if (onEvict !== undefined && typeof onEvict !== "function") {
    throw new TypeError(
      `Cannot define the onEvict function of ${name} as ${String(onEvict)}: expected a function`,
    );
  }
  const keys = new MapKeys(name, key);
  const values = new MapValues(name, value);
  return {
    name,
    text: `shared cache ${name} of ${keys.typeName} to ${values.typeName}`,
    keys,
    values,
    limits: {
      maxEntries: checkLimit(name, "maxEntries", maxEntries),
      maxBytes: checkLimit(name, "maxBytes", maxBytes),
    },
    ttlMs: checkTtl(name, ttlMs),
    onEvict: onEvict as CacheParts["onEvict"],
  };
}
