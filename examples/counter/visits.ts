/** A service that runs on every shard: each counts its own visits, and a total adds them up. */
import {
  containerOf,
  defineService,
  defineTasks,
  type ServiceDefinition,
  type Task,
  thisShard,
} from "@tidepool/core";

/** Counts the visits of one shard. */
export class Visits {
  #count: number;

  constructor(start: number) {
    this.#count = start;
  }

  add(visits: number): void {
    this.#count += visits;
  }

  count(): number {
    return this.#count;
  }

  /** The visits of all shards: a service reaches its peers through its container. */
  total(): Promise<number> {
    return containerOf<Visits>(this).mapReduce("count", [], 0, (sum, count) => sum + count);
  }
}

/** What every shard knows the class by. */
export const visits: ServiceDefinition<[start: number], Visits> = defineService(
  import.meta.url,
  "visits",
  Visits,
);

/** What a shard computes for its own instance: see `shardedParameter()`. */
export const visitTasks: { readonly firstNumber: Task<[step: number], number> } = defineTasks(
  import.meta.url,
  { firstNumber: (step: number) => step * thisShard() },
);
