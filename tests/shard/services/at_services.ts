/** A service that the tests of Sharded.at() start, and tasks that use it from inside. */
import {
  containerOf,
  defineService,
  defineTasks,
  NoShardedInstanceError,
  type ServiceDefinition,
  type Sharded,
  type Task,
  thisShard,
} from "@tidepool/core";

/** Counts visits, of the users whose shard this is. */
export class Visits {
  readonly label: string = "visits";
  readonly #counts = new Map<string, number>();

  visit(user: string): number {
    const count = (this.#counts.get(user) ?? 0) + 1;
    this.#counts.set(user, count);
    return count;
  }
  shard(): number {
    return thisShard();
  }
  async later(value: number): Promise<number> {
    return await Promise.resolve(value);
  }
  fail(): number {
    throw new RangeError("no visits today");
  }
  never(): Promise<void> {
    return new Promise(() => {});
  }
  /** By the service's own container, from whichever shard this is. */
  async visitAnywhere(user: string): Promise<number> {
    return await containerOf<Visits>(this).at(user).visit(user);
  }
  toString(): string {
    return "Visits";
  }
}
export const visits: ServiceDefinition<[], Visits> = defineService(
  import.meta.url,
  "visits",
  Visits,
);

/** What happened to a call, as text. */
async function outcomeOf(call: () => unknown): Promise<string> {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    return `threw ${(error as Error).name}`;
  }
  if (!(result instanceof Promise)) return `gave ${result}`;
  return await result.then((value) => `promised ${value}`, (error) => `rejected ${error.name}`);
}

interface AtTasks {
  readonly homes: Task<[Sharded<Visits>, string[]], boolean[]>;
  readonly keepsObjects: Task<[Sharded<Visits>, string, string], boolean[]>;
  readonly outcomes: Task<[Sharded<Visits>, string], string[]>;
  readonly neverWithin: Task<[Sharded<Visits>, string], string>;
  readonly stopped: Task<[Sharded<Visits>, string, string], string[]>;
}

export const atTasks: AtTasks = defineTasks(import.meta.url, {
  /** Of which keys this shard's own instance is given, each time that it is asked. */
  homes: (service: Sharded<Visits>, keys: string[]): boolean[] => {
    const local: unknown = service.local();
    const isLocal = () => keys.map((key) => service.at(key) as unknown === local);
    const first = isLocal();
    if (isLocal().join() !== first.join()) throw new Error("another answer at the second time");
    return first;
  },
  /** Whether one object stands for the other shard, for all its methods, and the instance for this one. */
  keepsObjects: (service: Sharded<Visits>, here: string, there: string): boolean[] => [
    service.at(here) === service.at(here),
    service.at(there) === service.at(there),
    service.at(there).visit === service.at(there).visit,
    service.with({ timeoutMs: 1000 }).at(there) === service.at(there),
  ],
  outcomes: async (service: Sharded<Visits>, key: string): Promise<string[]> => [
    await outcomeOf(() => service.at(key).shard()),
    await outcomeOf(() => service.at(key).later(7)),
    await outcomeOf(() => service.at(key).fail()),
  ],
  /** What ends a call that never ends by itself. */
  neverWithin: async (service: Sharded<Visits>, key: string): Promise<string> => {
    const over = outcomeOf(() => service.with({ timeoutMs: 20 }).at(key).never());
    const other = Promise.withResolvers<string>();
    const timer = setTimeout(() => other.resolve("goes on"), 200);
    const first = await Promise.race([over, other.promise]);
    clearTimeout(timer);
    return first;
  },
  /** The same before and after the service has stopped, by a handle that knows the keys. */
  stopped: async (service: Sharded<Visits>, here: string, there: string): Promise<string[]> => {
    const outcomes = async () => [
      await outcomeOf(() => service.at(here).shard()),
      await outcomeOf(() => service.at(there).shard()),
    ];
    const before = await outcomes();
    await service.stop();
    const after = await outcomes();
    try {
      service.at(here);
    } catch (error) {
      if (error instanceof NoShardedInstanceError) after.push(`shard ${error.shard}`);
    }
    return [...before, ...after];
  },
});
