/**
 * The shard that this thread is, for code that runs as a task.
 *
 * @module
 */

import type { Allocator } from "../../allocator/mod.ts";
import { type BusStatistics, readBusStatistics } from "../ring/mod.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Reference } from "./reference.ts";
import type { Task } from "./task.ts";

/** Of the thread, by its nature: it is a shard for life, and of one runtime, whatever others it hosts. */
let current: Endpoint | undefined;

/** Makes this thread a shard, for life. Called once, by the worker's main module. */
export function enterShard(endpoint: Endpoint): void {
  current = endpoint;
}

/**
 * The endpoint of the shard that this thread is.
 *
 * @throws {TypeError} If this thread is not a shard.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function localEndpoint(): Endpoint {
  if (current === undefined) {
    throw new TypeError(
      "This thread is not a shard: call this from a task that runs on one (on the host, use the runtime)",
    );
  }
  return current;
}

/**
 * Whether this thread is a shard. O(1). A shard may start a runtime of its own, whose host it is then;
 * it stays a shard of the outer one, and that is the one which this and the functions beside it mean.
 */
export function isShard(): boolean {
  return current !== undefined;
}

/** Whether `endpoint` is the shard that this thread is, and not a host's. */
export function isThisShard(endpoint: Endpoint): boolean {
  return endpoint === current;
}

/**
 * The id of the shard that this thread is: 0 to `shardCount() - 1`. O(1).
 *
 * @throws {TypeError} If this thread is not a shard, as the host is not one.
 *
 * @see `seastar::this_shard_id()`
 */
export function thisShard(): number {
  return localEndpoint().id;
}

/**
 * How many shards the runtime has. O(1).
 *
 * @throws {TypeError} If this thread is not a shard; the host asks `runtime.shardCount`.
 *
 * @see `seastar::smp::count`
 */
export function shardCount(): number {
  return localEndpoint().shardCount;
}

/**
 * The allocator over this shard's slice. O(1).
 *
 * @throws {TypeError} If this thread is not a shard: the host owns no objects.
 *
 * @example
 * ```ts
 * import { defineTasks, localAllocator } from "@tidepool/core";
 *
 * export const blobs = defineTasks(import.meta.url, {
 *   keep: (bytes: Uint8Array) => {
 *     const address = localAllocator().malloc(bytes.length); // 0 if there is no room
 *     if (address !== 0) localAllocator().bytes(address, bytes.length).set(bytes);
 *     return address;
 *   },
 * });
 * ```
 */
export function localAllocator(): Allocator {
  return localEndpoint().allocator;
}

/**
 * Figures of this shard's bus since it started, as `Runtime.busStatistics()` gives them on the host. O(1).
 *
 * @throws {TypeError} If this thread is not a shard.
 *
 * @see `seastar::smp` in Seastar's metrics
 */
export function busStatistics(): BusStatistics {
  const { buffer, id, layout } = localEndpoint();
  return readBusStatistics(buffer, layout.controlPage(id));
}

/** The arguments of a task, where a {@linkcode Reference} may stand for the object it refers to. */
export type Sendable<Arguments extends readonly unknown[]> = {
  readonly [Index in keyof Arguments]: Arguments[Index] | Reference<Arguments[Index]>;
};

/**
 * Runs `task` on `shard`, from a task on another shard or the same; on the host it is
 * `runtime.submitTo()`. Arguments and result are copied as by structured clone; foreign pointers among
 * them move. Calls from one endpoint to another start in the order in which they were made. A call to the own shard passes its arguments as they are,
 * and runs in a later microtask, never inside this call.
 *
 * Cost: on another core, 1 to 3 µs there and back while both are awake, and far less a call with
 * many under way; a sleeping shard takes some 20 µs to wake.
 *
 * @param shard The shard to run on: 0 to `shardCount() - 1`.
 * @param task What to run, from `defineTasks()`.
 * @param args Its arguments.
 * @returns What the task returns or resolves to.
 * @throws {TypeError} If this thread is not a shard. As a rejection: if an argument cannot travel; the
 * message names its path.
 * @throws {RangeError} As a rejection: if there is no such shard or no such task there.
 * @throws {ShardCrashedError} As a rejection: if the shard dies, or has died.
 *
 * @see `seastar::smp::submit_to()`
 *
 * @example
 * ```ts
 * import { defineTasks, shardCount, submitTo } from "@tidepool/core";
 *
 * const names = new Map<string, number>(); // this shard's part
 * const local = defineTasks(import.meta.url, {
 *   add: (name: string, score: number) => void names.set(name, score),
 * });
 * export const scores = defineTasks(import.meta.url, {
 *   // Called on any shard: the name's length says which one has it.
 *   addAnywhere: (name: string, score: number) =>
 *     submitTo(name.length % shardCount(), local.add, name, score),
 * });
 * ```
 */
export function submitTo<Arguments extends readonly unknown[], Result>(
  shard: number,
  task: Task<Arguments, Result>,
  ...args: Sendable<Arguments>
): Promise<Result> {
  return localEndpoint().submitTo(shard, task, args);
}

/**
 * The signal of the call that this task serves. It aborts when the caller gives the call up, by its
 * own signal, its timeout, or its death. Ask before the first `await`; afterwards another call may be
 * the current one. A call that nobody can give up has a signal that never aborts. O(1).
 *
 * @throws {TypeError} If this thread is not a shard.
 *
 * @example
 * ```ts
 * import { defineTasks, taskSignal } from "@tidepool/core";
 *
 * export const slow = defineTasks(import.meta.url, {
 *   sum: async (parts: number[]) => {
 *     const signal = taskSignal();
 *     let sum = 0;
 *     for (const part of parts) {
 *       signal.throwIfAborted();
 *       sum += await Promise.resolve(part);
 *     }
 *     return sum;
 *   },
 * });
 * ```
 */
export function taskSignal(): AbortSignal {
  return localEndpoint().bus.currentCall?.signal ?? NEVER;
}

const NEVER = new AbortController().signal;
