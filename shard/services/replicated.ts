/**
 * A value that is read everywhere and seldom changed, after Redpanda's `ssx::sharded_ptr`: a copy on
 * every shard, read without a message, and a home shard that all changes go through.
 *
 * It differs in that the copies are copies, as two threads share no objects; that anybody may ask
 * for a change; and that changes which overlap have an order, the home's. Each makes a new version,
 * and a copy is replaced as a whole, by a newer version only.
 *
 * @module
 */

import { kindOfValue } from "../codec/mod.ts";
import {
  checkRepeatable,
  type Endpoint,
  isThisShard,
  localEndpoint,
  NoReplicaError,
  registerRepeatable,
  registerWireType,
  Task,
} from "../calls/mod.ts";
import { type Replica, Replicas, replicaTasks } from "./replicas.ts";

/** What names a value: its home, which life of the home it was, and a number. */
const WORDS = 3;

/**
 * A value of which every shard has a copy: `runtime.replicate()` makes it, and in a task
 * {@linkcode replicate}. Like a `Sharded`, this is a name, which can be passed to any shard and there
 * reads that shard's copy. Take what it gives for read-only: who changes a copy changes that one alone,
 * until the next version replaces it.
 *
 * A shard that is started again has the value before it takes a call, and before its services are made
 * again. So has a home, from the copies of the others: a change that was under way when it died is either
 * everywhere afterwards or nowhere. Where no other shard has a copy, as with one shard, the value is lost.
 *
 * @typeParam T The value: what structured clone copies, with nothing that moves.
 *
 * @example
 * ```ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * await using limits = await runtime.replicate({ connections: 100 });
 * await limits.set({ connections: 200 }); // on all shards now, where limits.local() gives it
 * assertEquals(await limits.read(), { connections: 200 }); // the host, which has no copy, asks
 * ```
 */
export class Replicated<T> {
  /** The shard that changes go through. */
  readonly home: number;
  readonly #endpoint: Endpoint;
  readonly #name: string;
  /** The copy of this shard, once it was found. */
  #replica: Replica | undefined;

  private constructor(endpoint: Endpoint, name: string) {
    this.#endpoint = endpoint;
    this.#name = name;
    this.home = parseInt(name);
  }

  /**
   * Which version of the value `local()` gives: 1 is the first. 0 where there is no copy. O(1).
   */
  get version(): number {
    this.#replica ??= this.#endpoint.part(Replicas).find(this.#name);
    return this.#replica === undefined ? 0 : this.#replica.version;
  }

  /**
   * The copy of the shard that this thread is. O(1), no message.
   *
   * @throws {TypeError} On the host, which has no copy: use `read()`.
   * @throws {NoReplicaError} If there is no copy: the value was stopped, or is lost with its home.
   */
  local(): T {
    if (this.version > 0) return this.#replica!.value as T;
    if (!isThisShard(this.#endpoint)) {
      throw new TypeError(
        "Cannot read a local copy: the host has none, as it is not a shard; use read()",
      );
    }
    const { id } = this.#endpoint;
    throw new NoReplicaError(
      `Cannot read the copy of shard ${id}: the value was stopped, or was lost when its home died`,
      id,
    );
  }

  /**
   * The copy of this shard. Where there is none, as on the host, the home's: one round trip.
   *
   * @throws {NoReplicaError} As a rejection: if the value was stopped, or is lost with its home.
   */
  async read(): Promise<T> {
    if (this.version > 0) return this.local();
    return await this.#endpoint.submitTo(this.home, replicaTasks.fetch, [this.#name]) as T;
  }

  /**
   * Replaces the value. Resolves when every shard that lives has it; until then some read the former
   * one. Changes that overlap are made one after the other, as they reach the home: those of one
   * shard in the order in which they were asked for.
   *
   * @throws {TypeError} As a rejection: if the value cannot travel, or moves. Nothing has changed.
   * @throws {NoReplicaError} As a rejection: if the value was stopped, or is lost with its home.
   * @throws {MessageMemoryError} As a rejection: if a slice has no memory for it. If it is the home's,
   * some shards may have the value, and the others get it with the next change.
   */
  async set(value: T): Promise<void> {
    checkRepeatable(this.#endpoint, [value]); // what moves must not leave for the home in vain
    await this.#endpoint.submitTo(this.home, replicaTasks.set, [this.#name, value]);
  }

  /**
   * Replaces the value by what `task` makes of it, on the home shard, where nothing else changes it
   * meanwhile. Otherwise as `set()`. What the task throws, this rejects with, and nothing has changed.
   *
   * Options of the task hold: `update(task.with({ timeoutMs: 50 }))` is given up after that time. A
   * change that is given up before it is made is not made; what its task makes all the same is
   * dropped, and the changes behind it go on.
   *
   * @param task Takes the value and `args`, and gives the next value. It must leave the former as it
   * is, and must not wait for another change of this value, which would wait for this one.
   * @param args What else the task takes.
   */
  async update<Arguments extends readonly unknown[]>(
    task: Task<[T, ...Arguments], T>,
    ...args: Arguments
  ): Promise<void> {
    if (!(task instanceof Task)) {
      throw new TypeError(
        `Cannot update a replicated value by what is ${
          kindOfValue(task)
        }: expected a task from defineTasks()`,
      );
    }
    const { module, key, options } = task;
    const update = options === undefined ? replicaTasks.update : replicaTasks.update.with(options);
    // The arguments come first, so that a refusal names them by the index that the caller knows.
    await this.#endpoint.submitTo(this.home, update, [...args, this.#name, module, key]);
  }

  /**
   * Lets all copies go, behind the changes asked for so far. From then on the value can neither be
   * read nor changed. Stopping it again does nothing; the end of the runtime needs no `stop()`.
   */
  async stop(): Promise<void> {
    if (!this.#endpoint.bus.open) return; // the runtime has stopped
    await this.#endpoint.submitTo(this.home, replicaTasks.stop, [this.#name]);
  }

  /** Calls `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Makes a value whose home is `home`.
   * @internal
   */
  private static async make<T>(endpoint: Endpoint, home: number, value: T): Promise<Replicated<T>> {
    checkRepeatable(endpoint, [value]);
    const name = await endpoint.submitTo(home, replicaTasks.make, [value]);
    return new Replicated<T>(endpoint, name);
  }

  /**
   * Writes the name as a message carries it.
   * @internal
   */
  private static write(
    endpoint: Endpoint,
    replicated: Replicated<unknown>,
    words: Int32Array,
    at: number,
  ): void {
    endpoint.checkOwn(replicated.#endpoint, "Replicated");
    words.set(replicated.#name.split(".").map(Number), at);
  }

  /**
   * Reads it.
   * @internal
   */
  private static read(endpoint: Endpoint, words: Int32Array, at: number): Replicated<unknown> {
    return new Replicated<unknown>(endpoint, words.subarray(at, at + WORDS).join("."));
  }
}

/** Where a replicated value is made. */
export interface ReplicateOptions {
  /** The shard that changes go through; the calling shard unless given, from the host shard 0. */
  readonly home?: number;
}

/**
 * Gives every shard a copy of `value`, from a task, and resolves when all have it; on the host it is
 * `runtime.replicate()`.
 *
 * @param value The first version.
 * @param options Where.
 * @throws {TypeError} As a rejection: if the value cannot travel, or moves; or if this thread is no
 * shard: on the host, use `runtime.replicate()`.
 * @throws {RangeError} As a rejection: if `home` is not a shard.
 *
 * @see `ssx::sharded_ptr` of Redpanda
 *
 * @example
 * ```ts
 * import { defineTasks, replicate } from "@tidepool/core";
 *
 * export const tasks = defineTasks(import.meta.url, {
 *   // Whoever calls this task is given the value: a Replicated travels. Its home is the shard called.
 *   open: (limits: { connections: number }) => replicate(limits),
 * });
 * ```
 */
export async function replicate<T>(
  value: T,
  { home }: ReplicateOptions = {},
): Promise<Replicated<T>> {
  const endpoint = localEndpoint();
  return await Replicated["make"](endpoint, home ?? endpoint.id, value);
}

registerRepeatable(Replicated);
registerWireType({
  name: "Replicated",
  module: import.meta.url,
  bind: (endpoint) => ({
    class: Replicated,
    words: WORDS,
    write: (replicated: Replicated<unknown>, words: Int32Array, at: number) =>
      Replicated["write"](endpoint, replicated, words, at),
    moved: () => {}, // a name stays where it is, too
    read: (words: Int32Array, at: number) => Replicated["read"](endpoint, words, at),
    undelivered: () => {},
  }),
});
