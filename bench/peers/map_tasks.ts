/**
 * The shards' side of the comparison of structures: one owns a map and changes it, others read it.
 *
 * @module
 */
import { defineTasks } from "@tidepool/core";
import { f64, text } from "@tidepool/core/allocator";
import { type SharedMap, sharedMap } from "@tidepool/core/structures";
import { keysOf, randomOrder } from "./map_keys.ts";

/** The map of the comparison, but for its contestants. */
export const Numbers = sharedMap("Numbers", { key: text(), value: f64 });

let map: SharedMap<string, number> | undefined;
let keys: string[] = [];
let next = 0;
let order = new Uint32Array(0);

/** So many reads between two looks at the time. */
const READS_A_LOOK = 1000;

export const mapTasks = defineTasks(import.meta.url, {
  /** Makes a map of so many keys in place of the one before, and gives its address. */
  open: (count: number) => {
    map?.[Symbol.dispose]();
    map = Numbers.make();
    keys = keysOf(count);
    order = randomOrder(count);
    keys.forEach((key, index) => map!.set(key, index));
    return map.address;
  },
  /** Sets values for so long, and deletes and sets anew one key in ten. Gives how many changes a second it made. */
  write: (ms: number) => {
    const begin = performance.now();
    let changes = 0;
    while (performance.now() - begin < ms) {
      for (let i = 0; i < READS_A_LOOK; i++) {
        const key = keys[order[next]!]!;
        if (i % 10 === 0) map!.delete(key);
        map!.set(key, next);
        next = (next + 1) % keys.length;
      }
      changes += READS_A_LOOK;
    }
    return changes / (performance.now() - begin) * 1000;
  },
  /** Prepares to read `count` keys. */
  prepare: (count: number) => {
    keys = keysOf(count);
    order = randomOrder(count);
  },
  /** Reads the map at `address` for so long. Gives how many reads a second it made. */
  read: (address: number, ms: number) => {
    const reader = Numbers.reader(address);
    const begin = performance.now();
    let reads = 0;
    while (performance.now() - begin < ms) {
      for (let i = 0; i < READS_A_LOOK; i++) {
        if (reader.get(keys[order[next]!]!) === undefined) throw new Error("A key is missing");
        next = (next + 1) % keys.length;
      }
      reads += READS_A_LOOK;
    }
    return reads / (performance.now() - begin) * 1000;
  },
});
