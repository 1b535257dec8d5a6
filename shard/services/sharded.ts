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

import { kindOfValue, textOf } from "../codec/mod.ts";
import {
  allShards,
  callEach,
  type CallOptions,
  checkRepeatable,
  checkShardId,
  type Endpoint,
  isThisShard,
  NoShardedInstanceError,
  oneErrorOf,
  otherShards,
  readCallOptions,
  reduceInOrder,
  type Reducer,
  type Sendable,
  type Task,
} from "../calls/mod.ts";
import {
  callAt,
  type Items,
  mapCalls,
  Pipeline,
  type PipelineOptions,
  roomFrom,
  type ShardFor,
  type WindowOptions,
} from "../flow/mod.ts";
import type { ArgumentsOf, MethodOf, ResultOf } from "./method.ts";
import { type LocalOrRemote, remoteInstance } from "./remote_instance.ts";
import { ServiceDefinition } from "./service_definition.ts";
import type { HomeKeys } from "./home_keys.ts";
import { type ShardKey, shardOf } from "./shard_of.ts";
import { packParameters, type PerShard, withoutParameters } from "./sharded_parameter.ts";
import { ServiceInstances } from "./service_instances.ts";
import { confirmService, registerService, unregisterService } from "./service_register.ts";
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
  /** Keys of the instance here, once one was asked for. */
  #homeKeys: HomeKeys | undefined;
  /** What `at()` gives for other shards, once each has been asked for. */
  readonly #remotes: (LocalOrRemote<Service> | undefined)[] = [];

  private constructor(endpoint: Endpoint, id: number, name: string, options?: CallOptions) {
    this.name = name;
    this.#endpoint = endpoint;
    this.#id = id;
    this.#options = options;
  }

  /**
   * Number of the service, the same on every thread.
   * @internal
   */
  private get number(): number {
    return this.#id;
  }

  /**
   * Starts a service from `endpoint`. Use `startSharded()` or `Runtime.startSharded()`.
   * @internal
   */
  private static async start<Arguments extends readonly unknown[], Service extends object>(
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
    // Counted in the segment: a thread's own count would begin again with the next life of its shard,
    // and name services of the former life.
    const id = endpoint.nextService();
    const sharded = new Sharded<Service>(endpoint, id, definition.name);
    const values = [id, packParameters(args), ...withoutParameters(args)];
    if (endpoint.restarts) await registerService(endpoint, id, definition, values);
    try {
      await callEach(
        allShards(endpoint),
        (shard) => endpoint.submitTo(shard, definition["make"], values),
      );
      if (endpoint.restarts) await confirmService(endpoint, id);
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
  private static ofId<Service extends object>(
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
  private static write(
    endpoint: Endpoint,
    sharded: Sharded<object>,
    words: Int32Array,
    at: number,
  ): void {
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
  private async stopOn(shards: readonly number[]): Promise<void> {
    const endpoint = this.#endpoint;
    const errors: unknown[] = [];
    const call = async (phase: Task<[number], void>) => {
      try {
        await callEach(shards, (shard) => endpoint.submitTo(shard, phase, [this.#id]));
      } catch (error) {
        errors.push(error);
      }
    };
    const unregistered = endpoint.restarts ? unregisterService(endpoint, this.#id) : undefined;
    await call(shardedTasks.stop);
    await unregistered; // from here on it is not made again: whoever has been made is let go
    await call(shardedTasks.drop);
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
   * @throws {TypeError} On the host, which is not a shard.
   * @throws {NoShardedInstanceError} If the service has stopped, or is not started here yet.
   */
  local(): Service {
    if (!isThisShard(this.#endpoint)) {
      throw new TypeError(
        `Cannot get the local instance of ${this.name}: the host has none, as it is not a shard`,
      );
    }
    const service = this.#endpoint.part(ServiceInstances).find(this.#id);
    if (service === undefined) throw new NoShardedInstanceError(this.#endpoint.id, this.name);
    return service as Service;
  }

  /**
   * The instance that a key belongs to, on the shard that `shardOf(key)` names. There it is the object
   * itself, as `local()` gives it: a method runs at once, with its arguments as they are, and may give its
   * result or throw without a promise. Elsewhere, and on the host, it has the same methods, each of which
   * makes a call as `invokeOn()` does. So `await` what they give, and neither keep nor change what you have
   * passed. Options of `with()` hold for calls to other shards. O(length of the key).
   *
   * @param key What the instance keeps: text, a whole number, or bytes.
   * @returns The instance. Only its methods can be used.
   * @throws {TypeError} If the key is of another kind.
   * @throws {RangeError} If a number is not a whole one that JavaScript holds exactly.
   * @throws {NoShardedInstanceError} If the shard is this one, and the service has stopped, or is not started
   * here yet. From another shard, the call rejects with it.
   *
   * @example
   * ```ts ignore
   * // users.ts
   * import { defineService } from "@tidepool/core";
   *
   * class Users {
   *   readonly #visits = new Map<string, number>(); // of the users whose shard this is
   *   visit(user: string): number {
   *     const visits = (this.#visits.get(user) ?? 0) + 1;
   *     this.#visits.set(user, visits);
   *     return visits;
   *   }
   * }
   * export const users = defineService(import.meta.url, "users", Users);
   * ```
   *
   * ```ts ignore
   * // main.ts
   * import { Runtime } from "@tidepool/core";
   * import { assertEquals } from "@std/assert";
   * import { users } from "./users.ts";
   *
   * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
   * await using service = await runtime.startSharded(users);
   * assertEquals(await service.at("ann").visit("ann"), 1);
   * assertEquals(await service.invokeOn(runtime.shardOf("ann"), "visit", "ann"), 2);
   * ```
   */
  at(key: ShardKey): LocalOrRemote<Service> {
    // Its methods give the results that the type says, or promises of them.
    return (this.#homeKeys?.find(key) ?? this.#findHome(key)) as LocalOrRemote<Service>;
  }

  #findHome(key: ShardKey): object {
    const { id, shardCount } = this.#endpoint;
    const shard = shardOf(key, shardCount);
    if (shard !== id) return this.#remotes[shard] ??= this.#remoteOn(shard);
    this.#homeKeys ??= this.#endpoint.part(ServiceInstances).homeKeysOf(this.#id);
    const service = this.#homeKeys?.service;
    if (service === undefined) throw new NoShardedInstanceError(id, this.name);
    this.#homeKeys!.add(key);
    return service;
  }

  #remoteOn(shard: number): LocalOrRemote<Service> {
    return remoteInstance((method, args) => this.#invoke(shard, method, args));
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
   * @throws {RangeError} As a rejection: if one of `shards` is not a shard; then no shard was called.
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

  /**
   * Calls a method of every instance at once, and says what became of each call, in the order of the
   * shards. A shard that is down is a rejection at once, never a wait. See the function `mapSettled()`.
   *
   * @param method Name of the method.
   * @param args Its arguments. None may move.
   * @returns As `Promise.allSettled()` does: of each shard what it gave, or why it did not.
   * @throws {TypeError} As a rejection: if an argument cannot travel or moves; then none was called.
   */
  async mapSettled<Method extends MethodOf<Service> & string>(
    method: Method,
    ...args: PerShard<ArgumentsOf<Service, Method>>
  ): Promise<PromiseSettledResult<ResultOf<Service, Method>>[]> {
    checkArguments(this.#endpoint, args);
    const now = this.with({ whenDown: "fail" });
    const calls = allShards(this.#endpoint).map((shard) => now.#invoke(shard, method, args));
    return await Promise.allSettled(calls as Promise<ResultOf<Service, Method>>[]);
  }

  /**
   * The same, and reduces the outcomes here, in the order of the shards.
   *
   * @param method Name of the method.
   * @param args Its arguments. None may move.
   * @param initial What the outcome of shard 0 is put to.
   * @param reduce Puts one more outcome to those before it; may be asynchronous.
   * @returns What the last `reduce` gave.
   * @throws {TypeError} As a rejection: if an argument cannot travel or moves; then none was called.
   * @throws As a rejection: what `reduce` throws.
   */
  async mapReduceSettled<Method extends MethodOf<Service> & string, Accumulated>(
    method: Method,
    args: PerShard<ArgumentsOf<Service, Method>>,
    initial: Accumulated,
    reduce: Reducer<Accumulated, PromiseSettledResult<ResultOf<Service, Method>>>,
  ): Promise<Accumulated> {
    return await reduceInOrder(await this.mapSettled(method, ...args), initial, reduce);
  }

  /**
   * Calls a method for each item, and gives the results as they are read. Otherwise as the function
   * `pipeline()`.
   *
   * @param shard The shard to call, or a function that chooses it for each item.
   * @param items What to call it for: an iterable, or an async iterable as a stream is one.
   * @param method Name of a method that can be called with one item.
   * @param options How many calls at a time, in which order, until when.
   * @returns The results, for `for await`.
   * @throws {TypeError} If the items are not iterable, or an option is unknown or of the wrong kind.
   * @throws {RangeError} If `inFlight` is not a whole number in its range.
   */
  pipeline<Method extends MethodOf<Service, [never]> & string>(
    shard: ShardFor<ArgumentsOf<Service, Method>[0]>,
    items: Items<ArgumentsOf<Service, Method>[0]>,
    method: Method,
    options?: PipelineOptions,
  ): AsyncIterableIterator<ResultOf<Service, Method>, undefined> & AsyncDisposable {
    return new Pipeline(items, this.#callAt(shard, method), options);
  }

  /**
   * Calls a method for each item, at most `inFlight` at a time, and resolves to all results, in the order
   * of the items. Otherwise as the function `mapLimit()`.
   *
   * @param shard The shard to call, or a function that chooses it for each item.
   * @param items What to call it for: an iterable or an async iterable.
   * @param method Name of a method that can be called with one item.
   * @param options How many calls at a time, until when.
   * @throws {TypeError} As a rejection: if the items are not iterable, or an option is unknown or of the
   * wrong kind.
   * @throws {RangeError} As a rejection: if `inFlight` is not a whole number in its range.
   */
  async mapLimit<Method extends MethodOf<Service, [never]> & string>(
    shard: ShardFor<ArgumentsOf<Service, Method>[0]>,
    items: Items<ArgumentsOf<Service, Method>[0]>,
    method: Method,
    options?: WindowOptions,
  ): Promise<ResultOf<Service, Method>[]> {
    return await mapCalls(items, this.#callAt(shard, method), options);
  }

  #callAt<Item, Result>(shard: ShardFor<Item>, method: string) {
    return callAt(
      shard,
      (to, item: Item) => this.#invoke(to, method, [item]) as Promise<Result>,
    );
  }

  /**
   * Resolves when a call from here to `shard` would be taken, and not be refused with a `BusyError`. As the
   * function `room()`.
   *
   * @param shard The shard that is to be called.
   * @param signal Ends the wait.
   * @throws {TypeError} As a rejection: if the shard or the signal is of the wrong kind.
   * @throws {RangeError} As a rejection: if there is no such shard.
   * @throws As a rejection: the reason of the signal.
   */
  room(shard: number, signal?: AbortSignal): Promise<void> {
    return roomFrom(this.#endpoint, shard, signal);
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
