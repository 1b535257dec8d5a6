/** What `compare services` runs on a shard, where its service has an instance. */
import {
  defineService,
  defineTasks,
  type ServiceDefinition,
  type Sharded,
  type Task,
} from "@tidepool/core";

/** Keeps a number for each key, as caches and rate limiters do. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }
}
export const counts: ServiceDefinition<[], Counts> = defineService(
  import.meta.url,
  "counts",
  Counts,
);

/** Ways to call a method of the instance that has the key, which is on this shard. */
export type Way = "direct" | "at" | "invokeOn";

/** As a key comes out of a request: in one piece, which text joined by `+` is not. */
const keys = Array.from({ length: 65_536 }, (_, index) => {
  return new TextDecoder().decode(new TextEncoder().encode(`user:${10_000 + index}`));
});

interface KeyedCalls {
  readonly run: Task<[Sharded<Counts>, Way, number, number], number>;
}

export const keyedCalls: KeyedCalls = defineTasks(import.meta.url, {
  /** So many calls for so many keys, one after the other, as a handler makes them; gives the nanoseconds of one. */
  run: async (
    service: Sharded<Counts>,
    way: Way,
    keyCount: number,
    calls: number,
  ): Promise<number> => {
    const instance = service.local();
    let sum = 0;
    const begin = performance.now();
    if (way === "direct") {
      for (let call = 0; call < calls; call++) sum += await instance.add(keys[call % keyCount]!);
    } else if (way === "at") {
      for (let call = 0; call < calls; call++) {
        const key = keys[call % keyCount]!;
        sum += await service.at(key).add(key);
      }
    } else {
      for (let call = 0; call < calls; call++) {
        sum += await service.invokeOn(0, "add", keys[call % keyCount]!);
      }
    }
    const nanoseconds = (performance.now() - begin) * 1e6 / calls;
    if (sum < calls) throw new Error(`The sum is ${sum}, expected ${calls} at least`);
    return nanoseconds;
  },
});
