/**
 * Sharded services, after `seastar::sharded` (sharded.hh): an instance of one class on every shard,
 * each with a state of its own, that any endpoint can call.
 *
 * It differs in what JavaScript asks for. A class is known to all threads by the URL of its module
 * and a key, as tasks are. A `Sharded` is a name: it can be sent to any shard and copied. What is
 * called is a method by its name, as a closure does not travel. Stopping twice is once. And results
 * are reduced in the order of the shards, always.
 *
 * @module
 */

import { StoppedError } from "../bus/mod.ts";
import { classNameOf, kindOfValue, textOf } from "../codec/mod.ts";
import {
  allShards,
  callEach,
  type CallOptions,
  checkRepeatable,
  checkShardId,
  type Endpoint,
  isShard,
  isThisShard,
  localEndpoint,
  NoShardedInstanceError,
  oneErrorOf,
  otherShards,
  readCallOptions,
  reduceInOrder,
  type Reducer,
  registerRepeatable,
  registerWireType,
  type Sendable,
} from "../calls/mod.ts";
import type { ArgumentsOf, MethodOf, ResultOf } from "./method.ts";
import { ServiceDefinition } from "./service_definition.ts";
import { packParameters, type PerShard, withoutParameters } from "./sharded_parameter.ts";
import { type RunningService, ServiceInstances } from "./service_instances.ts";
import { shardedTasks } from "./sharded_tasks.ts";

/**
 * An instance of a service on every shard, seen from one endpoint. It is a name for them: it can be
 * passed to any shard as an argument, and there reaches the same instances.
 *
 * `startSharded()` and `Runtime.startSharded()` make one; `containerOf()` finds the one that an
 * instance belongs to. Every call costs what `submitTo()` does.
 *
 * @typeParam Service The class of the instances.
 *
 * @see `seastar::sharded`
 *
 * @example
 * ```ts ignore
 * // visits.ts
 * import { defineService } from "@tidepool/core";
 *
 * class Visits {
 *   constructor(private visits: number) {}
 *   add(visits: number) {
 *     this.visits += visits;
 *   }
 *   count() {
 *     return this.visits;
 *   }
 * }
 * export const visits = defineService(import.meta.url, "visits", Visits);
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 * import { visits } from "./visits.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * await using counters = await runtime.startSharded(visits, 10); // one for each shard, from 10 on
 * await counters.invokeOn(1, "add", 5);
 * assertEquals(await counters.map("count"), [10, 15]);
 * assertEquals(await counters.mapReduce("count", [], 0, (sum, count) => sum + count), 25);
 * ```
 */
export class Sharded<Service extends object> {
  /** Name of the service's class, as far as it is known here. */
  readonly name: string;
  readonly #endpoint: Endpoint;
  readonly #id: number;
  readonly #options: CallOptions | undefined;

  private constructor(endpoint: Endpoint, id: number, name: string, options?: CallOptions) {
    this.name = name;
    this.#endpoint = endpoint;
    this.#id = id;
    this.#options = options;
  }

  /**
   * Starts a service from `endpoint`. Use `startSharded()` or `Runtime.startSharded()`.
   * @internal
   */
  static async start<Arguments extends readonly unknown[], Service extends object>(
    endpoint: Endpoint,
    definition: ServiceDefinition<Arguments, Service>,
    args: readonly unknown[],
  ): Promise<Sharded<Service>> {
    if (!(definition instanceof ServiceDefinition)) {
      throw new TypeError(
        `Cannot start a service that is ${
          kindOfValue(definition)
        }: expected a definition from defineService()`,
      );
    }
    checkArguments(endpoint, args);
    const parameters = packParameters(args);
    const values = withoutParameters(args);
    // Counted in the segment: a thread's own count would begin again with the next life of its shard,
    // and name services of the former life.
    const id = endpoint.nextService();
    const sharded = new Sharded<Service>(endpoint, id, definition.name);
    try {
      await callEach(
        allShards(endpoint),
        (shard) => endpoint.submitTo(shard, definition.make, [id, parameters, ...values]),
      );
    } catch (error) {
      await sharded.stop().catch((stopError) => {
        throw oneErrorOf(
          [error, stopError],
          () => `Cannot start ${definition.name}, nor stop all that had started: ${textOf(error)}`,
        );
      });
      throw error;
    }
    return sharded;
  }

  /**
   * The service of that number, as `endpoint` sees it.
   * @internal
   */
  static ofId<Service extends object>(
    endpoint: Endpoint,
    id: number,
    name: string,
  ): Sharded<Service> {
    return new Sharded<Service>(endpoint, id, name);
  }

  /**
   * Writes the number of the service as a message carries it.
   * @internal
   */
  static write(endpoint: Endpoint, sharded: Sharded<object>, words: Int32Array, at: number): void {
    endpoint.checkOwn(sharded.#endpoint, "Sharded");
    words[at] = sharded.#id;
  }

  /**
   * Stops the service in two phases. First every instance's `stop()`, if it has one, on all shards at
   * once: until all have finished, instances can still call each other. Then all instances are let
   * go, and disposed of where they have `[Symbol.asyncDispose]` or `[Symbol.dispose]`. Calls from
   * then on reject with `NoShardedInstanceError`. Stopping a service that has stopped does nothing.
   *
   * @throws What an instance's `stop()` threw, as a rejection, when all instances are gone; several
   * errors that differ as an AggregateError.
   */
  async stop(): Promise<void> {
    if (!this.#endpoint.bus.open) return; // the runtime has stopped, and its services before that
    await this.stopOn(allShards(this.#endpoint));
  }

  /** Calls `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Stops the instances on `shards`, which are all that live.
   * @internal
   */
  async stopOn(shards: readonly number[]): Promise<void> {
    const errors: unknown[] = [];
    for (const phase of [shardedTasks.stop, shardedTasks.drop]) {
      try {
        await callEach(shards, (shard) => this.#endpoint.submitTo(shard, phase, [this.#id]));
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) {
      throw oneErrorOf(
        errors,
        () => `Cannot stop ${this.name} in good order: ${textOf(errors[0])}`,
      );
    }
  }

  /** Whether the shard that this thread is has an instance. False on the host. O(1). */
  get hasLocal(): boolean {
    return this.#endpoint.part(ServiceInstances).has(this.#id);
  }

  /**
   * The instance of the shard that this thread is: the object itself. O(1).
   *
   * @throws {TypeError} On the host, which is no shard.
   * @throws {NoShardedInstanceError} If the service has stopped, or is not started here yet.
   */
  local(): Service {
    if (!isThisShard(this.#endpoint)) {
      throw new TypeError(
        `Cannot get the local instance of ${this.name}: the host has none, as it is no shard`,
      );
    }
    const service = this.#endpoint.part(ServiceInstances).find(this.#id);
    if (service === undefined) throw new NoShardedInstanceError(this.#endpoint.id, this.name);
    return service as Service;
  }

  /**
   * The same service, called with options beside those it has: `counters.with({ timeoutMs: 50 })`.
   * They do not travel with it. O(1).
   *
   * @param options How to call.
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If `timeoutMs` is not a time.
   */
  with(options: Omit<CallOptions, "noReply">): Sharded<Service> {
    const read = readCallOptions(options, this.#options);
    if (read?.noReply !== undefined) {
      throw new TypeError("Cannot call a service with noReply: its methods give results");
    }
    return new Sharded<Service>(this.#endpoint, this.#id, this.name, read);
  }

  /**
   * Calls a method of the instance on `shard`. Arguments and result travel as with `submitTo()`.
   *
   * @param shard The shard: 0 to `shardCount - 1`.
   * @param method Name of the method.
   * @param args Its arguments; one may be a `shardedParameter()`, computed on that shard.
   * @returns What the method returns or resolves to.
   * @throws {NoShardedInstanceError} As a rejection: if there is no instance.
   */
  async invokeOn<Method extends MethodOf<Service> & string>(
    shard: number,
    method: Method,
    ...args: PerShard<Sendable<ArgumentsOf<Service, Method>>>
  ): Promise<ResultOf<Service, Method>> {
    return await this.#invoke(shard, method, args) as ResultOf<Service, Method>;
  }

  /**
   * Calls a method of the instances on several shards at once. Results are dropped.
   *
   * @param shards The shards, in any order.
   * @param method Name of the method.
   * @param args Its arguments. None may move.
   * @throws {RangeError} As a rejection: if one of `shards` is none; then no shard was called.
   * @throws {AggregateError} As a rejection: if several shards fail, each in its way.
   */
  async invokeOnSome<Method extends MethodOf<Service> & string>(
    shards: Iterable<number>,
    method: Method,
    ...args: PerShard<ArgumentsOf<Service, Method>>
  ): Promise<void> {
    const chosen = [...shards];
    const { shardCount } = this.#endpoint;
    for (const shard of chosen) checkShardId(shard, shardCount, `invoke "${method}" on`);
    await this.#invokeEach(chosen, method, args);
  }

  /**
   * Calls a method of every instance at once. Results are dropped: see `map()`.
   *
   * @param method Name of the method.
   * @param args Its arguments, the same for all but for a `shardedParameter()`. None may move.
   * @throws {TypeError} As a rejection: if an argument cannot travel or moves; then none was called.
   * @throws {AggregateError} As a rejection: if several shards fail, each in its way.
   */
  async invokeOnAll<Method extends MethodOf<Service> & string>(
    method: Method,
    ...args: PerShard<ArgumentsOf<Service, Method>>
  ): Promise<void> {
    await this.#invokeEach(allShards(this.#endpoint), method, args);
  }

  /**
   * Calls a method of every instance but that of the calling shard, all at once. On the host, which
   * is none of them, as `invokeOnAll()`.
   *
   * @param method Name of the method.
   * @param args Its arguments. None may move.
   * @throws {AggregateError} As a rejection: if several shards fail, each in its way.
   */
  async invokeOnOthers<Method extends MethodOf<Service> & string>(
    method: Method,
    ...args: PerShard<ArgumentsOf<Service, Method>>
  ): Promise<void> {
    await this.#invokeEach(otherShards(this.#endpoint, this.#endpoint.id), method, args);
  }

  /**
   * Calls a method of every instance at once, and gives the results in the order of the shards.
   *
   * @param method Name of the method.
   * @param args Its arguments. None may move.
   * @returns What each returned or resolved to.
   * @throws {AggregateError} As a rejection: if several shards fail, each in its way.
   */
  async map<Method extends MethodOf<Service> & string>(
    method: Method,
    ...args: PerShard<ArgumentsOf<Service, Method>>
  ): Promise<ResultOf<Service, Method>[]> {
    const results = await this.#invokeEach(allShards(this.#endpoint), method, args);
    return results as ResultOf<Service, Method>[];
  }

  /**
   * Calls a method of every instance at once, and reduces the results here, in the order of the
   * shards.
   *
   * @param method Name of the method.
   * @param args Its arguments. None may move.
   * @param initial What the result of shard 0 is put to.
   * @param reduce Puts one more result to those before it; may be asynchronous.
   * @returns What the last `reduce` gave.
   * @throws {AggregateError} As a rejection: if several shards fail, each in its way. `reduce` is not
   * called if any fails.
   */
  async mapReduce<Method extends MethodOf<Service> & string, Accumulated>(
    method: Method,
    args: PerShard<ArgumentsOf<Service, Method>>,
    initial: Accumulated,
    reduce: Reducer<Accumulated, ResultOf<Service, Method>>,
  ): Promise<Accumulated> {
    const results = await this.#invokeEach(allShards(this.#endpoint), method, args);
    return await reduceInOrder(results as ResultOf<Service, Method>[], initial, reduce);
  }

  async #invokeEach(
    shards: readonly number[],
    method: string,
    args: readonly unknown[],
  ): Promise<unknown[]> {
    checkArguments(this.#endpoint, args);
    return await callEach(shards, (shard) => this.#invoke(shard, method, args));
  }

  #invoke(shard: number, method: string, args: readonly unknown[]): Promise<unknown> {
    const parameters = packParameters(args);
    const values = parameters === undefined ? args.slice() : withoutParameters(args);
    values.push(method, this.#id);
    let task = shardedTasks.invoke;
    if (parameters !== undefined) {
      values.push(parameters);
      task = shardedTasks.invokeWithParameters;
    }
    if (this.#options !== undefined) task = task.with(this.#options);
    return this.#endpoint.submitTo(shard, task, values);
  }
}

/** Refuses what cannot go to several shards, also within parameters. */
function checkArguments(endpoint: Endpoint, args: readonly unknown[]): void {
  checkRepeatable(endpoint, withoutParameters(args));
  for (const { args: given } of packParameters(args) ?? []) checkRepeatable(endpoint, given);
}

/**
 * Starts a service from a task: an instance on every shard, made there by the class's constructor
 * with these arguments. On the host it is `runtime.startSharded()`. Resolves when all are made. If one
 * cannot be, those that were made are stopped, and it rejects with the constructor's error.
 *
 * @param definition The service, from `defineService()`.
 * @param args What the constructor takes, the same for all but for a `shardedParameter()`. None may
 * move, as a foreign pointer does.
 * @returns The service, to be called and stopped.
 * @throws {TypeError} If this thread is no shard: on the host, use `runtime.startSharded()`. As a
 * rejection: if an argument cannot travel, or moves.
 * @throws {AggregateError} As a rejection: if constructors fail on several shards, each in its way.
 *
 * @see `seastar::sharded::start()`
 *
 * @example
 * ```ts
 * import { defineService, defineTasks, startSharded } from "@tidepool/core";
 *
 * class Visits {
 *   constructor(readonly first: number) {}
 * }
 * export const visits = defineService(import.meta.url, "visits", Visits);
 * export const tasks = defineTasks(import.meta.url, {
 *   // Whoever calls this task is given the service: a Sharded travels.
 *   open: (first: number) => startSharded(visits, first),
 * });
 * ```
 */
export async function startSharded<Arguments extends readonly unknown[], Service extends object>(
  definition: ServiceDefinition<Arguments, Service>,
  ...args: PerShard<Arguments>
): Promise<Sharded<Service>> {
  return await Sharded.start(localEndpoint(), definition, args);
}

/**
 * The sharded service that an instance belongs to. A service reaches its peers from inside by it:
 * `containerOf(this).invokeOnOthers("forget", key)`. O(1).
 *
 * @param service The instance; in its constructor it is not one yet.
 * @throws {TypeError} If it is no instance of a sharded service on this shard.
 *
 * @see `seastar::peering_sharded_service::container()`
 */
export function containerOf<Service extends object>(service: Service): Sharded<Service> {
  // Of the host none is an instance, and it has no endpoint to ask.
  const instances = isShard() ? localEndpoint().part(ServiceInstances) : undefined;
  const id = instances?.idOf(service);
  if (instances === undefined || id === undefined) {
    throw new TypeError(
      `Cannot find the container of ${
        classNameOf(service) ?? "an object"
      }: it is no instance of a sharded service, or still in its constructor`,
    );
  }
  return Sharded.ofId<Service>(localEndpoint(), id, instances.nameOf(id));
}

/**
 * Stops all services that run on `shards`, the latest started first: a `BeforeStop`. All shards are
 * asked, as one that was started again has no instance of what ran before. While a service stops,
 * `failures` holds that it has not finished.
 */
async function stopServices(
  endpoint: Endpoint,
  shards: readonly number[],
  failures: unknown[],
): Promise<boolean> {
  const names = new Map<number, string>();
  const running = shards.map((shard) => endpoint.submitTo(shard, shardedTasks.running, []));
  for (const bytes of await Promise.all(running)) {
    if (bytes === null) continue;
    for (const { id, name } of endpoint.bus.packer.unpackAll(bytes) as RunningService[]) {
      names.set(id, name);
    }
  }
  const latestFirst = [...names].sort(([a], [b]) => (b - a) | 0); // the numbers may wrap
  for (const [id, name] of latestFirst) {
    failures.push(
      new StoppedError(`${name} had not stopped when the runtime could wait no longer`),
    );
    try {
      await Sharded.ofId(endpoint, id, name).stopOn(shards);
      failures.pop();
    } catch (error) {
      failures[failures.length - 1] = error;
      if (!endpoint.bus.open) break; // the runtime has failed, and ends all the others at once
    }
  }
  return names.size > 0;
}

registerRepeatable(Sharded);
registerWireType({
  name: "Sharded",
  module: import.meta.url,
  bind: (endpoint) => {
    endpoint.beforeStop((shards, failures) => stopServices(endpoint, shards, failures));
    return {
      class: Sharded,
      words: 1,
      write: (sharded: Sharded<object>, words: Int32Array, at: number) =>
        Sharded.write(endpoint, sharded, words, at),
      moved: () => {}, // a name stays where it is, too
      read: (words: Int32Array, at: number) =>
        Sharded.ofId(endpoint, words[at]!, endpoint.part(ServiceInstances).nameOf(words[at]!)),
      undelivered: () => {},
    };
  },
});
