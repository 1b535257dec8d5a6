/**
 * What a partitioned map is made from, on every thread.
 *
 * @module
 */

import { defineService, type Runtime, startSharded } from "../../shard/mod.ts";
import { endpointOf } from "../header/mod.ts";
import type {
  MapKey,
  MapKeyType,
  MapValue,
  MapValueInit,
  MapValueType,
  MapValueView,
} from "../map/mod.ts";
import { Partition } from "./partition.ts";
import { PartitionedMap } from "./partitioned_map.ts";
import { Recipe, type RecipeOptions, recipes } from "./recipe.ts";
import type { MapUpdates } from "./updates.ts";

/** Of what types a partitioned map is, and how its values are updated. */
export interface PartitionedMapOptions<KeyType, ValueType, Updates> {
  /** The type of its keys: `text()`, `bytes()`, `f64`, `i64`, `u64`, or an integer of at most 32 bits. */
  readonly key: KeyType;
  /** The type of its values: any of a struct's field that owns no block, a struct, or a `codec()`. */
  readonly value: ValueType;
  /** Functions for `update()`, by name. Each runs on the shard of the key, and must be done when it returns. */
  readonly updates?: Updates & MapUpdates<MapValue<ValueType>, MapValueInit<ValueType>>;
  /**
   * Called on the owner with each value that was replaced or deleted, when no reader can see it any more. What
   * it throws is a warning.
   */
  readonly dispose?: (value: MapValue<ValueType>) => void;
}

/** A definition of partitioned maps, by `partitionedMap()`. */
export interface PartitionedMapDefinition<KeyType, ValueType, Updates> {
  /** What such maps are called in errors. */
  readonly name: string;
  /**
   * Starts a map, empty, on every shard. It can be started any number of times, each time another map.
   *
   * @param runtime The runtime, on its host; on a shard, left out.
   * @throws {TypeError} As a rejection: if this thread is not a shard and no runtime is given.
   * @throws {BadAllocError} As a rejection: if a shard has no room: an empty part takes some 8 KiB.
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  start(runtime?: Runtime): Promise<PartitionedMapOf<KeyType, ValueType, Updates>>;
}

/** The map of such a definition. */
export type PartitionedMapOf<KeyType, ValueType, Updates> = PartitionedMap<
  MapKey<KeyType>,
  MapValue<ValueType>,
  Updates extends MapUpdates<MapValue<ValueType>, MapValueInit<ValueType>> ? Updates
    : Record<never, never>,
  MapValueInit<ValueType>,
  MapValueView<ValueType>
>;

/**
 * Defines maps over all shards, which every shard reads without a message. Each shard owns the entries whose
 * keys belong to it, as `shardOf()` says. Call it at the top level of a module and export the result, as with
 * services: each shard imports that module when a map is first started.
 *
 * With `onCrash: "restart"`, the part of a shard that dies comes back empty, and all handles go on with it.
 *
 * @param module The URL of the calling module: always `import.meta.url`.
 * @param key Names the map in this module, among its tasks and services too, and in errors.
 * @param options The types of keys and values, and the updates.
 * @returns The definition.
 * @throws {TypeError} If `module` is not a URL, or an option is of the wrong kind.
 * @throws {RangeError} If the module has already defined the key.
 *
 * @example
 * ```ts ignore
 * // pages.ts
 * import { text, u32 } from "@tidepool/core/allocator";
 * import { partitionedMap } from "@tidepool/core/structures";
 *
 * export const pages = partitionedMap(import.meta.url, "pages", { key: text(), value: u32 });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 * import { pages } from "./pages.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * await using visits = await pages.start(runtime);
 * await Promise.all([visits.add("/", 1), visits.add("/", 1), visits.set("/about", 7)]);
 * assertEquals(visits.get("/"), 2); // from any shard: read where it lies
 * assertEquals([...visits].sort(), [["/", 2], ["/about", 7]]);
 * ```
 */
export function partitionedMap<
  const KeyType extends MapKeyType,
  const ValueType extends MapValueType,
  Updates extends MapUpdates<MapValue<ValueType>, MapValueInit<ValueType>> = Record<never, never>,
>(
  module: string,
  key: string,
  options: PartitionedMapOptions<KeyType, ValueType, Updates>,
): PartitionedMapDefinition<KeyType, ValueType, Updates> {
  type Definition = PartitionedMapDefinition<KeyType, ValueType, Updates>;
  const recipe = new Recipe(module, key, options as RecipeOptions, (made) => {
    // A class of its own, which is called as the map is.
    const classes = {
      [key]: class extends Partition {
        constructor() {
          super(made);
        }
      },
    };
    return defineService(module, key, classes[key]!);
  });
  recipes.set(recipe.fingerprint, recipe);
  return Object.freeze<Definition>({
    name: key,
    async start(runtime?: Runtime): ReturnType<Definition["start"]> {
      const endpoint = endpointOf(runtime);
      const service = runtime === undefined
        ? await startSharded(recipe.service)
        : await runtime.startSharded(recipe.service);
      return new PartitionedMap(endpoint, service, recipe.fingerprint);
    },
  });
}
