/**
 * What a shared map is made from, on its owner and on every reader.
 *
 * @module
 */

import type { Runtime } from "../../shard/mod.ts";
import { endpointOf } from "../header/mod.ts";
import { type MapKey, MapKeys, type MapKeyType } from "./map_keys.ts";
import type { MapParts } from "./map_parts.ts";
import {
  type MapValue,
  type MapValueInit,
  MapValues,
  type MapValueType,
  type MapValueView,
} from "./map_values.ts";
import { SharedMap } from "./shared_map.ts";
import { SharedMapReader } from "./shared_map_reader.ts";

/** Of what types a map is. */
export interface SharedMapOptions<KeyType, ValueType> {
  /** The type of its keys: `text()`, `bytes()`, `f64`, `i64`, `u64`, or an integer of at most 32 bits. */
  readonly key: KeyType;
  /** The type of its values: any of a struct's field that owns no block, a struct, or a `codec()`. */
  readonly value: ValueType;
  /**
   * Called on the owner with each value that was replaced or deleted, when no reader can see it any more: an
   * address can be freed then. It may be called at any allocation of the owner. What it throws is a warning.
   */
  readonly dispose?: (value: MapValue<ValueType>) => void;
}

/** A definition of shared maps, by `sharedMap()`. */
export interface SharedMapDefinition<KeyType, ValueType> {
  /** What such maps are called in errors. */
  readonly name: string;
  /**
   * Makes a map in this shard's slice, which owns it.
   *
   * @param runtime The runtime, on its host; on a shard, left out.
   * @throws {TypeError} If this thread is not a shard and no runtime is given.
   * @throws {BadAllocError} If there is no room: an empty map takes some 8 KiB.
   */
  make(
    runtime?: Runtime,
  ): SharedMap<
    MapKey<KeyType>,
    MapValue<ValueType>,
    MapValueInit<ValueType>,
    MapValueView<ValueType>
  >;
  /**
   * A reader of the map that another shard has made, and has sent the address of.
   *
   * @throws {TypeError} If the address is not a number, or that of something else. If this thread is not a shard.
   * @throws {RangeError} If no structure lies there.
   * @throws {ShardCrashedError} If its owner has died.
   * @throws {StaleStructureError} If it was disposed of, or its owner was started again.
   */
  reader(
    address: number,
  ): SharedMapReader<MapKey<KeyType>, MapValue<ValueType>, MapValueView<ValueType>>;
  /** The same on the runtime's host. */
  reader(
    runtime: Runtime,
    address: number,
  ): SharedMapReader<MapKey<KeyType>, MapValue<ValueType>, MapValueView<ValueType>>;
}

/**
 * Defines hash maps in shared memory, which one shard makes and changes, and every shard reads where they lie.
 * Define them in a module that both import.
 *
 * @param name What such maps are called in errors.
 * @param options The types of keys and values.
 * @returns The definition, with `make()` for the owner and `reader()` for the others.
 * @throws {TypeError} If the name or a type is of the wrong kind.
 *
 * @example
 * ```ts
 * import { f64, Runtime } from "@tidepool/core";
 * import { text } from "@tidepool/core/allocator";
 * import { sharedMap } from "@tidepool/core/structures";
 * import { assertEquals } from "@std/assert";
 *
 * const Prices = sharedMap("Prices", { key: text(), value: f64 });
 *
 * await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
 * using prices = Prices.make(runtime); // in a task on a shard: Prices.make()
 * prices.set("tea", 3.2);
 * // On any shard that was sent `prices.address`:
 * const reader = Prices.reader(runtime, prices.address);
 * assertEquals(reader.get("tea"), 3.2);
 * assertEquals(reader.get("coffee"), undefined);
 * ```
 */
export function sharedMap<const KeyType extends MapKeyType, const ValueType extends MapValueType>(
  name: string,
  options: SharedMapOptions<KeyType, ValueType>,
): SharedMapDefinition<KeyType, ValueType> {
  type Definition = SharedMapDefinition<KeyType, ValueType>;
  const parts = partsOf(name, options);
  return Object.freeze<Definition>({
    name,
    make(runtime?: Runtime): ReturnType<Definition["make"]> {
      return new SharedMap(parts, endpointOf(runtime));
    },
    reader(first: Runtime | number, address?: number): ReturnType<Definition["reader"]> {
      return typeof first === "object" && first !== null
        ? new SharedMapReader(parts, endpointOf(first), address!)
        : new SharedMapReader(parts, endpointOf(), first);
    },
  });
}

/** What the maps of a definition share on this thread, checked. */
export function partsOf<KeyType extends MapKeyType, ValueType extends MapValueType>(
  name: string,
  options: SharedMapOptions<KeyType, ValueType>,
): MapParts {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(`Cannot define a shared map named ${String(name)}: expected a name`);
  }
  const { key, value, dispose } = options ?? {};
  if (dispose !== undefined && typeof dispose !== "function") {
    throw new TypeError(
      `Cannot define the dispose function of ${name} as ${String(dispose)}: expected a function`,
    );
  }
  const keys = new MapKeys(name, key);
  const values = new MapValues(name, value);
  return {
    name,
    text: `shared map ${name} of ${keys.typeName} to ${values.typeName}`,
    keys,
    values,
    dispose: dispose as ((value: unknown) => void) | undefined,
  };
}
