/**
 * The tasks by which others change a shard's part of a partitioned map. They name it by the number of its
 * service, and take a third less than calls of the service's methods.
 *
 * @module
 */

import {
  type CallOptions,
  defineTasks,
  NoShardedInstanceError,
  type Task,
} from "../../shard/mod.ts";
import { localEndpoint } from "../../shard/unstable_layers.ts";
import { KnownMaps } from "./known_map.ts";
import type { Partition } from "./partition.ts";

/** What endpoints ask of the shard of a key. Values come and go packed: see recipe.ts. */
export interface PartitionTasks {
  readonly set: Task<[number, unknown, unknown], void>;
  readonly setMany: Task<[number, unknown[], unknown[]], void>;
  readonly delete: Task<[number, unknown], boolean>;
  readonly clear: Task<[number], void>;
  readonly add: Task<[number, unknown, number | bigint], unknown>;
  readonly update: Task<[number, unknown, number, ...unknown[]], unknown>;
}

/** This shard's part of the map of that number. */
function part(number: number): Partition {
  const endpoint = localEndpoint();
  const maps = endpoint.part(KnownMaps);
  const { own } = maps.of(number);
  if (own !== undefined) return own;
  throw new NoShardedInstanceError(endpoint.id, maps.nameOf(number));
}

/** The tasks behind `PartitionedMap`. */
export const partitionTasks: PartitionTasks = defineTasks(import.meta.url, {
  set: (number: number, key: unknown, packed: unknown) => part(number).set(key, packed),
  setMany: (number: number, keys: unknown[], packed: unknown[]) =>
    part(number).setMany(keys, packed),
  delete: (number: number, key: unknown) => part(number).delete(key),
  clear: (number: number) => part(number).clear(),
  add: (number: number, key: unknown, amount: number | bigint) => part(number).add(key, amount),
  update: (number: number, key: unknown, index: number, ...args: unknown[]) =>
    part(number).update(key, index, args),
});

/** The same, called with options. */
export function withOptions(tasks: PartitionTasks, options: CallOptions): PartitionTasks {
  return {
    set: tasks.set.with(options),
    setMany: tasks.setMany.with(options),
    delete: tasks.delete.with(options),
    clear: tasks.clear.with(options),
    add: tasks.add.with(options),
    update: tasks.update.with(options),
  };
}
