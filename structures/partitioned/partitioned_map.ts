/**
 * A map over all shards, as any endpoint has it.
 *
 * A service (shard/services) owns the parts, one on each shard: what changes an entry is a call of the
 * shard that the key belongs to. What reads one needs none: each part is a shared map, published by its
 * owner, so that it is found, and found again in the owner's next life.
 *
 * @module
 */

import type { CallOptions, Sharded, Task } from "../../shard/mod.ts";
import { callEach, checkShardId, type Endpoint } from "../../shard/unstable_layers.ts";
import { shardOfKey } from "./key_shard.ts";
import { type KnownMap, KnownMaps, type ReadablePart } from "./known_map.ts";
import type { Partition } from "./partition.ts";
import { type PartitionTasks, partitionTasks, withOptions } from "./partition_tasks.ts";
import { type Recipe, recipes } from "./recipe.ts";
import type { MapUpdates, UpdateArguments, UpdateResult } from "./updates.ts";

/**
 * A map over all shards: the shard of a key changes its entry, every shard reads it. Each shard owns the
 * entries whose keys belong to it; every shard, and the host, reads all of them where they lie, without a
 * message. `start()` of a definition by `partitionedMap()` gives one. It is a name for the parts: it can be
 * sent to any shard, also to several.
 *
 * **Reading** (`get()`, `has()`, `read()`, `getMany()`, `entries()`, `size`) is synchronous, and gives what
 * was there at some time during the call. It throws a {@linkcode ShardCrashedError} if the shard of the key
 * is dead, a {@linkcode ShardRestartingError} until a shard that is started again has a part, which is empty
 * then, and a {@linkcode StaleStructureError} when the map has stopped.
 *
 * **Changing** (`set()`, `update()` and the others) is a call of the key's shard, with what that may fail
 * with: on this shard it is done when the method returns, but for the promise, which is the same. Of a
 * shard that dies, the calls under way reject with a {@linkcode ShardCrashedError}; those that are made
 * while it is started again wait.
 *
 * **Order**: what one endpoint asks of one key is done in the order in which it was asked. Whoever has
 * awaited a change reads it from then on, and so does everyone whom it tells by a call or a reply. Others
 * see it at once, or a moment later; of several keys of different shards, in any order.
 *
 * @typeParam Key What the key's type stands for.
 * @typeParam Value What `get()` gives.
 * @typeParam Updates The updates of the definition.
 * @typeParam Init What `set()` takes.
 * @typeParam View What `read()` shows.
 */
export class PartitionedMap<
  Key,
  Value,
  Updates extends MapUpdates<Value, Init> = Record<never, never>,
  Init = Value,
  View = Value,
> implements AsyncDisposable {
  readonly #endpoint: Endpoint;
  readonly #service: Sharded<Partition>;
  readonly #number: number;
  readonly #fingerprint: bigint;
  readonly #known: KnownMap;
  readonly #tasks: PartitionTasks;
  #recipe: Recipe | undefined;

  /** Made by the library: use `start()` of a definition. */
  constructor(
    endpoint: Endpoint,
    service: Sharded<Partition>,
    fingerprint: bigint,
    tasks: PartitionTasks = partitionTasks,
  ) {
    this.#tasks = tasks;
    this.#endpoint = endpoint;
    this.#service = service;
    this.#number = service["number"];
    this.#fingerprint = fingerprint;
    this.#known = endpoint.part(KnownMaps).of(this.#number);
  }

  /**
   * What a message carries of it.
   * @internal
   */
  private static wireOf(
    endpoint: Endpoint,
    map: PartitionedMap<unknown, unknown>,
  ): [number: number, fingerprint: bigint] {
    endpoint.checkOwn(map.#endpoint, "PartitionedMap");
    return [map.#number, map.#fingerprint];
  }

  /** What it is called in errors. O(1). */
  get name(): string {
    return recipes.get(this.#fingerprint)?.name ?? this.#service.name;
  }

  /**
   * How many entries there are, or were a moment ago. O(shards), without a message.
   *
   * @throws As `get()`.
   */
  get size(): number {
    let size = 0;
    for (let shard = 0; shard < this.#endpoint.shardCount; shard++) size += this.#part(shard).size;
    return size;
  }

  /**
   * The shard that a key belongs to: that of `shardOf()`, where a bigint and a number that is not whole count
   * as their decimal text. O(length of the key).
   *
   * @throws {TypeError} If the key is of a kind that no key is of.
   */
  shardOf(key: Key): number {
    const { parts } = this.#recipe ?? this.#mine();
    return shardOfKey(key, this.#endpoint.shardCount, parts.keys);
  }

  /**
   * The value of a key; undefined if there is none. A read where it lies, as that of a `SharedMapReader`,
   * beside which it takes the hash that says on which shard. Of a struct it is a copy as a plain object.
   *
   * @throws {TypeError} If the key is of the wrong kind; if this thread has not imported the definition.
   * @throws {RangeError} If the key is out of range.
   * @throws {ShardCrashedError} If the key's shard is dead.
   * @throws {ShardRestartingError} If it is being started again, and has no part of this map yet.
   * @throws {StaleStructureError} If the map has stopped.
   */
  get(key: Key): Value | undefined {
    return this.#partOf(key).get(key) as Value | undefined;
  }

  /**
   * The values of several keys, in their order. One read each, not all at one time.
   *
   * @throws As `get()`.
   */
  getMany(keys: Iterable<Key>): (Value | undefined)[] {
    return Array.from(keys, (key) => this.get(key));
  }

  /**
   * Whether there is an entry of that key.
   *
   * @throws As `get()`.
   */
  has(key: Key): boolean {
    return this.#partOf(key).has(key);
  }

  /**
   * Calls `look` with the value of a key, and gives what that returns; undefined if there is no such entry. A
   * struct is given where it lies, as a view that must not be written to and is good until `look` returns.
   *
   * @throws As `get()`. {@linkcode TypeError} if `look` returns a promise: it has to be done when it returns.
   */
  read<Result>(key: Key, look: (value: View) => Result): Result | undefined {
    return this.#partOf(key).read(key, look as (value: unknown) => Result);
  }

  /**
   * The entries of all shards, or of one, in no order that means anything. What is there from the beginning
   * to the end is given exactly once, and no key twice; what is set or deleted meanwhile may be given or
   * not. They are copied 64 at a time, without a message.
   *
   * @param shard The shard; all of them unless given. `entries(thisShard())` are those of this one.
   * @throws {RangeError} If there is no such shard.
   * @throws As `get()`.
   */
  *entries(shard?: number): Generator<[Key, Value], undefined> {
    const { shardCount } = this.#endpoint;
    if (shard !== undefined) checkShardId(shard, shardCount, `read ${this.name} on`);
    const end = shard === undefined ? shardCount : shard + 1;
    for (let owner = shard ?? 0; owner < end; owner++) {
      yield* this.#part(owner).entries() as MapIterator<[Key, Value]>;
    }
  }

  /** The keys, as `entries()` gives them. */
  *keys(shard?: number): Generator<Key, undefined> {
    for (const [key] of this.entries(shard)) yield key;
  }

  /** The values, as `entries()` gives them. */
  *values(shard?: number): Generator<Value, undefined> {
    for (const [, value] of this.entries(shard)) yield value;
  }

  /** The same as `entries()`. */
  [Symbol.iterator](): Generator<[Key, Value], undefined> {
    return this.entries();
  }

  /**
   * Sets the value of a key, on its shard. Resolves when that is done.
   *
   * @throws {TypeError | RangeError} As a rejection: if the key or the value is of the wrong kind, or out of
   * range.
   * @throws {BadAllocError} As a rejection: if the slice of that shard has no room.
   * @throws {ShardCrashedError} As a rejection: if that shard dies.
   * @throws {NoShardedInstanceError} As a rejection: if the map has stopped.
   * @throws As a rejection: what a codec throws. Whatever it rejects with, but for the death: nothing is set.
   */
  set(key: Key, value: Init): Promise<void> {
    return this.#change(key, this.#tasks.set, (recipe) => [recipe.pack(value)]);
  }

  /**
   * Sets the values of several keys, by one call of each shard that has some of them. They are set in their
   * order on each shard, where the first that fails ends it; all shards are awaited.
   *
   * @throws As `set()`, as a rejection: one error where all are alike, else an `AggregateError`.
   */
  async setMany(entries: Iterable<readonly [Key, Init]>): Promise<void> {
    const recipe = this.#mine();
    const byShard = new Map<number, [keys: Key[], packed: unknown[]]>();
    for (const [key, value] of entries) {
      const shard = this.shardOf(key);
      let some = byShard.get(shard);
      if (some === undefined) byShard.set(shard, some = [[], []]);
      some[0].push(key);
      some[1].push(recipe.pack(value));
    }
    await callEach([...byShard.keys()], (shard) => {
      return this.#call(shard, this.#tasks.setMany, [this.#number, ...byShard.get(shard)!]);
    });
  }

  /**
   * Deletes the entry of a key, on its shard.
   *
   * @returns Whether there was one.
   * @throws As `set()`, as a rejection.
   */
  delete(key: Key): Promise<boolean> {
    return this.#change(key, this.#tasks.delete, () => []);
  }

  /**
   * Deletes all entries, on all shards. Not at one time: what is set meanwhile may stay.
   *
   * @throws {AggregateError} As a rejection: if several shards fail, each in its way.
   */
  async clear(): Promise<void> {
    const shards = Array.from({ length: this.#endpoint.shardCount }, (_, shard) => shard);
    await callEach(shards, (shard) => this.#call(shard, this.#tasks.clear, [this.#number]));
  }

  /**
   * Adds to a number, or to 0 if the key has none: on its shard, so that no addition is lost. A sum that is out
   * of range wraps around, as whatever is set.
   *
   * @returns The sum.
   * @throws {TypeError} As a rejection: if the values of this map are not numbers or bigints, or the amount is
   * not one.
   * @throws As `set()`, as a rejection.
   */
  add(key: Key, amount: Extract<Init, number | bigint>): Promise<Value> {
    return this.#change(key, this.#tasks.add, ({ isNumeric, parts }) => {
      if (isNumeric && (typeof amount === "number" || typeof amount === "bigint")) return [amount];
      throw new TypeError(
        `Cannot add ${amount === null ? "null" : typeof amount} to a value of ${parts.text}: ` +
          "expected a number to add to a number, or a bigint to a bigint",
      );
    }) as Promise<Value>;
  }

  /**
   * Sets the value of a key to what an update of the definition makes of the value that it has, undefined if
   * it has none. If the update gives undefined, the entry is deleted. It runs on the key's shard, where
   * nothing comes in between: no update is lost.
   *
   * @param key The key.
   * @param name Name of the update in the definition.
   * @param args What it takes beside the value; they travel as those of a task.
   * @returns The new value, as `get()` would give it.
   * @throws {TypeError} As a rejection: if there is no such update, or it returns a promise.
   * @throws As `set()`, as a rejection, and what the update throws: then nothing is changed.
   */
  update<Name extends keyof Updates & string>(
    key: Key,
    name: Name,
    ...args: UpdateArguments<Updates[Name]>
  ): Promise<UpdateResult<Value, Updates[Name]>> {
    const result = this.#change(key, this.#tasks.update, (recipe) => [
      recipe.indexOf(name),
      ...args,
    ]);
    const recipe = this.#recipe;
    const value = recipe?.hasCodec ? result.then((packed) => recipe.unpack(packed)) : result;
    return value as Promise<UpdateResult<Value, Updates[Name]>>;
  }

  /**
   * The same map, changed by calls with options beside those it has: `visits.with({ timeoutMs: 50 })`, a
   * service group, `whenDown`. They hold for calls to other shards, and do not travel. O(1).
   *
   * @throws {TypeError} If an option is unknown or of the wrong kind.
   * @throws {RangeError} If `timeoutMs` is not a time.
   */
  with(options: Omit<CallOptions, "noReply">): PartitionedMap<Key, Value, Updates, Init, View> {
    const service = this.#service.with(options); // looks whether they are options
    const tasks = withOptions(this.#tasks, options);
    return new PartitionedMap(this.#endpoint, service, this.#fingerprint, tasks);
  }

  /**
   * Stops the map on all shards: its memory is freed when nobody reads it. A runtime that stops stops it, too.
   * Stopping a map that has stopped does nothing.
   */
  async stop(): Promise<void> {
    await this.#service.stop();
    this.#endpoint.part(KnownMaps).forget(this.#number, this.name);
  }

  /** Calls `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Its definition on this thread, which a handle may come to before the module that makes it. */
  #mine(): Recipe {
    const recipe = this.#recipe ??= recipes.get(this.#fingerprint);
    if (recipe !== undefined) return recipe;
    throw new TypeError(
      `Cannot use ${this.name} here: this thread has not imported the module that defines it by partitionedMap()`,
    );
  }

  #part(shard: number): ReadablePart {
    return this.#known.part(shard, this.#recipe ?? this.#mine());
  }

  #partOf(key: Key): ReadablePart {
    return this.#part(this.shardOf(key));
  }

  /** A change of a key: a promise, also of what is wrong here. */
  #change<Arguments extends readonly unknown[] | [], Result>(
    key: Key,
    task: Task<[number, unknown, ...Arguments], Result>,
    rest: (recipe: Recipe) => Arguments,
  ): Promise<Result> {
    try {
      const shard = this.shardOf(key);
      return this.#call(shard, task, [this.#number, key, ...rest(this.#mine())]);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A call of a shard; if it is this one, what the task does is done when this returns. */
  #call<Arguments extends readonly unknown[], Result>(
    shard: number,
    task: Task<Arguments, Result>,
    args: Arguments,
  ): Promise<Result> {
    if (shard !== this.#endpoint.id) return this.#endpoint.submitTo(shard, task, args);
    try {
      return Promise.resolve(task.run(...args));
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
