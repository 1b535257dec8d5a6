/** Services that the tests of Sharded start on real shards. */
import {
  containerOf,
  defineService,
  defineTasks,
  type ForeignPtr,
  Gate,
  makeForeign,
  type ServiceDefinition,
  shardCount,
  type Sharded,
  shardedParameter,
  startSharded,
  submitTo,
  type Task,
  thisShard,
} from "@tidepool/core";

/** What has happened on this shard. */
const log: string[] = [];

/** Answers with what it was made from. */
export class Echo {
  readonly #text: string;
  #told: number[] = [];

  constructor(text: string, ...rest: unknown[]) {
    this.#text = text + rest.map((value) => JSON.stringify(value)).join("");
  }
  text(): string {
    return this.#text;
  }
  echo(value: unknown): unknown {
    return value;
  }
  shard(): number {
    return thisShard();
  }
  async squaredLater(): Promise<number> {
    await Promise.resolve();
    return thisShard() ** 2;
  }
  tell(shard: number): void {
    this.#told.push(shard);
  }
  told(): number[] {
    return this.#told.splice(0).sort();
  }
  async tellOthers(): Promise<void> {
    await containerOf<Echo>(this).invokeOnOthers("tell", thisShard());
  }
  fail(shards: number[]): void {
    if (shards.includes(thisShard())) throw new RangeError(`shard ${thisShard()} fails`);
  }
  token(): ForeignPtr<Echo> {
    return makeForeign(this);
  }
}
export const echo: ServiceDefinition<[string, ...unknown[]], Echo> = defineService(
  import.meta.url,
  "echo",
  Echo,
);

/** Its instances call each other while they stop. */
class StopsWithPeers {
  #stopped: PromiseWithResolvers<void> = Promise.withResolvers();
  #flags = 0;

  raise(): void {
    this.#flags++;
  }
  /** Resolves when this instance's `stop()` has finished. */
  hasStopped(): Promise<void> {
    return this.#stopped.promise;
  }
  async stop(): Promise<void> {
    const container = containerOf<StopsWithPeers>(this);
    if (thisShard() === 0) return this.#stopped.resolve();
    await container.invokeOn(0, "hasStopped");
    await container.invokeOn(0, "raise");
  }
  [Symbol.dispose](): void {
    log.push(`gone with ${this.#flags} flags`);
  }
}
export const stopsWithPeers: ServiceDefinition<[], StopsWithPeers> = defineService(
  import.meta.url,
  "stopsWithPeers",
  StopsWithPeers,
);

/** Refuses to be made, or to stop, on some shards. */
class Fragile {
  readonly #refusesToStopOn: readonly number[];

  constructor(
    refusesToBeMadeOn: readonly number[],
    refusesToStopOn: readonly number[],
    message: string,
  ) {
    this.#refusesToStopOn = refusesToStopOn;
    if (refusesToBeMadeOn.includes(thisShard())) {
      throw new SyntaxError(message.replace("SHARD", String(thisShard())));
    }
    log.push("made");
  }
  stop(): void {
    log.push("stopped");
    if (this.#refusesToStopOn.includes(thisShard())) {
      throw new RangeError(`shard ${thisShard()} does not stop`);
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
    log.push("gone");
  }
}
export const fragile: ServiceDefinition<[readonly number[], readonly number[], string], Fragile> =
  defineService(import.meta.url, "fragile", Fragile);

/** Lets its calls finish before it stops. */
class Guarded {
  readonly #gate = new Gate();
  readonly #work: PromiseWithResolvers<string> = Promise.withResolvers();

  work(): Promise<string> {
    return this.#gate.with(() => this.#work.promise);
  }
  finish(): void {
    this.#work.resolve("finished");
  }
  isStopping(): boolean {
    return this.#gate.isClosed;
  }
  async stop(): Promise<void> {
    await this.#gate.close();
    log.push("stopped");
  }
  [Symbol.dispose](): void {
    log.push("gone");
  }
}
export const guarded: ServiceDefinition<[], Guarded> = defineService(
  import.meta.url,
  "guarded",
  Guarded,
);

/** Uses another service, and a value that its own shard has computed. */
class Dependent {
  readonly #echoes: Sharded<Echo>;
  readonly #computed: number;

  constructor(echoes: Sharded<Echo>, computed: number) {
    this.#echoes = echoes;
    this.#computed = computed;
  }
  describe(echoes: Sharded<Echo>, computed: number): string {
    const made = `${this.#echoes.local().text()} ${this.#computed}`;
    return `${made}, called with ${echoes.local().text()} ${computed}`;
  }
}
export const dependent: ServiceDefinition<[Sharded<Echo>, number], Dependent> = defineService(
  import.meta.url,
  "dependent",
  Dependent,
);

/** Tells a service that outlives it that it has stopped; the one that has none throws what it knows. */
class Ordered {
  readonly #name: string;
  readonly #outlivedBy: Sharded<Ordered> | undefined;
  readonly #seen: string[] = [];

  constructor(name: string, outlivedBy?: Sharded<Ordered>) {
    this.#name = name;
    this.#outlivedBy = outlivedBy;
  }
  see(name: string): void {
    this.#seen.push(name);
  }
  async stop(): Promise<void> {
    if (thisShard() !== 0) return;
    if (this.#outlivedBy === undefined) throw new Error(`stopped before: ${this.#seen}`);
    await this.#outlivedBy.invokeOn(0, "see", this.#name);
  }
}
export const ordered: ServiceDefinition<[string, Sharded<Ordered>?], Ordered> = defineService(
  import.meta.url,
  "ordered",
  Ordered,
);

class NeverStops {
  stop(): Promise<void> {
    return new Promise(() => {});
  }
}
export const neverStops: ServiceDefinition<[], NeverStops> = defineService(
  import.meta.url,
  "neverStops",
  NeverStops,
);

class AsksInConstructor {
  constructor() {
    containerOf(this);
  }
}
export const asksInConstructor: ServiceDefinition<[], AsksInConstructor> = defineService(
  import.meta.url,
  "asksInConstructor",
  AsksInConstructor,
);

let kept: Sharded<Echo> | undefined;

interface ServiceTasks {
  readonly log: Task<[], string[]>;
  readonly tenTimes: Task<[number], number>;
  readonly localText: Task<[Sharded<Echo>], string>;
  readonly askLate: Task<[Sharded<Echo>, number], string>;
  readonly keep: Task<[Sharded<Echo>], Sharded<Echo>>;
  readonly fromKept: Task<[], string[]>;
  readonly startHere: Task<[string], Sharded<Echo>>;
  readonly startOrdered: Task<[string, Sharded<Ordered>], Sharded<Ordered>>;
  readonly isLocalObject: Task<[Sharded<Echo>], boolean>;
  readonly container: Task<[], string>;
}

export const serviceTasks: ServiceTasks = defineTasks(import.meta.url, {
  log: (): string[] => log.splice(0),
  tenTimes: (base: number): number => base + 10 * thisShard(),
  localText: (echoes: Sharded<Echo>): string => echoes.local().text(),
  /** Asks the instance of shard 1, after so many calls to shard 2 that a service can stop meanwhile. */
  askLate: async (echoes: Sharded<Echo>, calls: number): Promise<string> => {
    for (let call = 0; call < calls; call++) await submitTo(2, serviceTasks.log);
    return await echoes.invokeOn(1, "text");
  },
  keep: (echoes: Sharded<Echo>): Sharded<Echo> => kept = echoes,
  /** What the service that was kept here gives when it is called from here. */
  fromKept: (): Promise<string[]> => kept!.map("text"),
  startHere: (text: string): Promise<Sharded<Echo>> =>
    startSharded(echo, text, shardedParameter(serviceTasks.tenTimes, shardCount())),
  startOrdered: (name: string, outlivedBy: Sharded<Ordered>): Promise<Sharded<Ordered>> =>
    startSharded(ordered, name, outlivedBy),
  isLocalObject: (echoes: Sharded<Echo>): boolean =>
    echoes.hasLocal && echoes.local() instanceof Echo && echoes.local() === echoes.local(),
  container: (): string => {
    try {
      return String(containerOf(new Echo("not sharded")));
    } catch (error) {
      return String(error);
    }
  },
});
