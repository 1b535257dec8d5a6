/** What `compare partitioned` runs on the shard that owns the keys. */
import { defineTasks, type Task } from "@tidepool/core";
import { text, u32 } from "@tidepool/core/allocator";
import { type PartitionedMap, partitionedMap } from "@tidepool/core/structures";
import { KEYS } from "./partitioned_keys.ts";

/** A map of counts. */
export const counts = partitionedMap(import.meta.url, "counts", {
  key: text(),
  value: u32,
  updates: { addTo: (count, by: number) => (count ?? 0) + by },
});

/** What a program without it keeps on the shard. */
const own = new Map<string, number>();

/** On the shard of the keys: reads of them, by the map or of a JS Map. */
export type Way = "map" | "JS Map";

interface PartitionedTasks {
  readonly fill: Task<[], void>;
  readonly get: Task<[string], number>;
  readonly add: Task<[string, number], number>;
  readonly read: Task<[PartitionedMap<string, number>, Way, number], number>;
}

export const partitionedTasks: PartitionedTasks = defineTasks(import.meta.url, {
  fill: () => KEYS.forEach((key, index) => own.set(key, index)),
  get: (key: string): number => own.get(key)!,
  add: (key: string, by: number): number => {
    const count = own.get(key)! + by;
    own.set(key, count);
    return count;
  },
  /** So many reads in a row; the nanoseconds of one. */
  read: (map: PartitionedMap<string, number>, way: Way, reads: number): number => {
    const source = way === "map" ? map : own;
    let sum = 0;
    const begin = performance.now();
    for (let i = 0; i < reads; i++) sum += source.get(KEYS[i % KEYS.length]!)!;
    const nanoseconds = (performance.now() - begin) * 1e6 / reads;
    if (!(sum > 0)) throw new Error(`The sum is ${sum}`);
    return nanoseconds;
  },
});
