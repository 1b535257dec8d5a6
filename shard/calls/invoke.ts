/**
 * One call to several shards, after `smp::invoke_on_all()` and `sharded<>::map_reduce()` (smp.hh,
 * sharded.hh). All shards are called at once and all are awaited, also after a failure; results are
 * reduced in the order of the shards, always. (Seastar's `map_reduce0` folds in the order in which
 * shards complete, and its `invoke_on_all` gives one of the errors.)
 *
 * @module
 */

import { Transferred } from "../bus/mod.ts";
import { classNameOf, isError, kindOfValue, messageOf, textOf, ValueCodec } from "../codec/mod.ts";
import type { Endpoint } from "./endpoint.ts";
import { localEndpoint } from "./this_shard.ts";
import { type Task, taskFault } from "./task.ts";

/** Combines the result of one more shard with those of the shards before it. */
export type Reducer<Accumulated, Result> = (
  accumulated: Accumulated,
  result: Result,
  shard: number,
) => Accumulated | PromiseLike<Accumulated>;

/**
 * Runs `task` on every shard at once, this one included, each with the same arguments. On the host it
 * is `runtime.invokeOnAll()`. Resolves when it has run on all; results are dropped, see
 * {@linkcode mapReduce} for those.
 *
 * @param task What to run, from `defineTasks()`.
 * @param args Its arguments. None may move, as a foreign pointer does.
 * @throws {TypeError} If this thread is not a shard. As a rejection: if an argument cannot travel, or
 * moves; then no shard was called.
 * @throws {AggregateError} As a rejection: if several shards fail, and not all in the same way; the
 * errors are in the order of the shards. If one fails, it rejects with that error itself.
 *
 * @see `seastar::smp::invoke_on_all()`
 *
 * @example
 * ```ts
 * import { defineTasks, invokeOnAll, mapReduce } from "@tidepool/core";
 *
 * const cache = new Map<string, string>(); // one on every shard
 * const local = defineTasks(import.meta.url, {
 *   forget: (key: string) => void cache.delete(key),
 *   size: () => cache.size,
 * });
 * export const everywhere = defineTasks(import.meta.url, {
 *   forgetEverywhere: (key: string) => invokeOnAll(local.forget, key),
 *   totalSize: () => mapReduce(local.size, [], 0, (sum, size) => sum + size),
 * });
 * ```
 */
export async function invokeOnAll<Arguments extends readonly unknown[]>(
  task: Task<Arguments, unknown>,
  ...args: Arguments
): Promise<void> {
  const endpoint = localEndpoint();
  await submitToEach(endpoint, allShards(endpoint), task, args);
}

/**
 * Runs `task` on every shard but this one, all at once. On the host it is `runtime.invokeOnOthers()`.
 * Otherwise as {@linkcode invokeOnAll}.
 *
 * @param task What to run, from `defineTasks()`.
 * @param args Its arguments. None may move.
 * @throws {TypeError} As a rejection: if this thread is not a shard, or an argument cannot travel.
 * @throws {AggregateError} As a rejection: if several shards fail, each in its way.
 *
 * @see `seastar::smp::invoke_on_others()`
 */
export async function invokeOnOthers<Arguments extends readonly unknown[]>(
  task: Task<Arguments, unknown>,
  ...args: Arguments
): Promise<void> {
  const endpoint = localEndpoint();
  await submitToEach(endpoint, otherShards(endpoint, endpoint.id), task, args);
}

/**
 * Runs `task` on every shard at once, and reduces the results here, in the order of the shards. On
 * the host it is `runtime.mapReduce()`.
 *
 * @param task What to run, from `defineTasks()`.
 * @param args Its arguments. None may move.
 * @param initial What the result of shard 0 is put to.
 * @param reduce Puts one more result to those before it; may be asynchronous.
 * @returns What the last `reduce` gave.
 * @throws {TypeError} As a rejection: if this thread is not a shard, or an argument cannot travel.
 * @throws {AggregateError} As a rejection: if several shards fail, each in its way. `reduce` is not
 * called if any fails.
 *
 * @see `seastar::sharded::map_reduce0()`
 */
export async function mapReduce<Arguments extends readonly unknown[], Result, Accumulated>(
  task: Task<Arguments, Result>,
  args: Arguments,
  initial: Accumulated,
  reduce: Reducer<Accumulated, Result>,
): Promise<Accumulated> {
  const endpoint = localEndpoint();
  const results = await submitToEach(endpoint, allShards(endpoint), task, args);
  return await reduceInOrder(results, initial, reduce);
}

/**
 * Runs `task` on every shard at once, and gives the results in the order of the shards. On the host it is
 * `runtime.map()`.
 *
 * @param task What to run, from `defineTasks()`.
 * @param args Its arguments. None may move.
 * @returns What each returned or resolved to.
 * @throws {TypeError} As a rejection: if this thread is not a shard, or an argument cannot travel.
 * @throws {AggregateError} As a rejection: if several shards fail, each in its way.
 *
 * @example
 * ```ts
 * import { defineTasks } from "@tidepool/core";
 * import { map } from "@tidepool/core/shard";
 *
 * let served = 0; // one on every shard
 * const local = defineTasks(import.meta.url, { served: () => served++ });
 * export const everywhere = defineTasks(import.meta.url, { all: () => map(local.served) });
 * ```
 */
export async function map<Arguments extends readonly unknown[], Result>(
  task: Task<Arguments, Result>,
  ...args: Arguments
): Promise<Result[]> {
  const endpoint = localEndpoint();
  return await submitToEach(endpoint, allShards(endpoint), task, args);
}

/**
 * Runs `task` on every shard at once, and says what became of each call, in the order of the shards. On
 * the host it is `runtime.mapSettled()`. For a page of figures that has to come also when a shard is down:
 * that is a rejection at once. To bound the wait for a slow one, call `task.with({ timeoutMs })`.
 *
 * @param task What to run, from `defineTasks()`.
 * @param args Its arguments. None may move.
 * @returns As `Promise.allSettled()` does: of each shard what it gave, or why it did not.
 * @throws {TypeError} As a rejection: if this thread is not a shard, or an argument cannot travel; then no
 * shard was called.
 *
 * @example
 * ```ts
 * import { defineTasks } from "@tidepool/core";
 * import { mapSettled } from "@tidepool/core/shard";
 *
 * let served = 0; // one on every shard
 * const local = defineTasks(import.meta.url, { served: () => served++ });
 * export const pages = defineTasks(import.meta.url, {
 *   metrics: async () => {
 *     const outcomes = await mapSettled(local.served.with({ timeoutMs: 1000 }));
 *     return outcomes.map((one) => one.status === "fulfilled" ? one.value : "down").join();
 *   },
 * });
 * ```
 */
export async function mapSettled<Arguments extends readonly unknown[], Result>(
  task: Task<Arguments, Result>,
  ...args: Arguments
): Promise<PromiseSettledResult<Result>[]> {
  return await settleEach(localEndpoint(), task, args);
}

/**
 * Runs `task` on every shard at once, and reduces here what became of each call. On the host it is
 * `runtime.mapReduceSettled()`. Otherwise as {@linkcode mapSettled}; outcomes are in the order of the
 * shards.
 *
 * @param task What to run, from `defineTasks()`.
 * @param args Its arguments. None may move.
 * @param initial What the outcome of shard 0 is put to.
 * @param reduce Puts one more outcome to those before it; may be asynchronous.
 * @returns What the last `reduce` gave.
 * @throws {TypeError} As a rejection: if this thread is not a shard, or an argument cannot travel.
 * @throws As a rejection: what `reduce` throws.
 */
export async function mapReduceSettled<Arguments extends readonly unknown[], Result, Accumulated>(
  task: Task<Arguments, Result>,
  args: Arguments,
  initial: Accumulated,
  reduce: Reducer<Accumulated, PromiseSettledResult<Result>>,
): Promise<Accumulated> {
  return await reduceInOrder(await settleEach(localEndpoint(), task, args), initial, reduce);
}

/** The ids of all shards of the runtime of `endpoint`. */
export function allShards({ shardCount }: Endpoint): number[] {
  return Array.from({ length: shardCount }, (_, shard) => shard);
}

/** The same but one. */
export function otherShards(endpoint: Endpoint, one: number): number[] {
  return allShards(endpoint).filter((shard) => shard !== one);
}

/** Runs `task` on each of `shards` with the same arguments; its results, in their order. */
export async function submitToEach<Arguments extends readonly unknown[], Result>(
  endpoint: Endpoint,
  shards: readonly number[],
  task: Task<Arguments, Result>,
  args: Arguments,
): Promise<Result[]> {
  checkRepeatable(endpoint, args);
  const own = [...args]; // no getter of the array runs while a message is written
  return await callEach(shards, (shard) => endpoint.submitTo(shard, task, own));
}

/** Runs `task` on every shard with the same arguments, none of which waits for a shard that is down. */
export async function settleEach<Arguments extends readonly unknown[], Result>(
  endpoint: Endpoint,
  task: Task<Arguments, Result>,
  args: Arguments,
): Promise<PromiseSettledResult<Result>[]> {
  const fault = taskFault(task);
  if (fault !== undefined) throw fault;
  checkRepeatable(endpoint, args);
  const own = [...args];
  const now = task.with({ whenDown: "fail" });
  return await Promise.allSettled(
    allShards(endpoint).map((shard) => endpoint.submitTo(shard, now, own)),
  );
}

/**
 * Makes all calls, awaits all, and gives their results in order, or throws one error for all.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export async function callEach<Result>(
  shards: readonly number[],
  call: (shard: number) => Promise<Result>,
): Promise<Result[]> {
  const outcomes = await Promise.allSettled(shards.map(call));
  const results: Result[] = [];
  const errors: unknown[] = [];
  let firstFailed = -1;
  outcomes.forEach((outcome, i) => {
    if (outcome.status === "fulfilled") results.push(outcome.value);
    else if (errors.push(outcome.reason) === 1) firstFailed = shards[i]!;
  });
  if (errors.length === 0) return results;
  throw oneErrorOf(
    errors,
    () =>
      `${errors.length} of ${shards.length} shards failed; the first was shard ${firstFailed}: ${
        textOf(errors[0])
      }`,
  );
}

/** Folds results that are in the order of their shards from 0 up. */
export async function reduceInOrder<Result, Accumulated>(
  results: readonly Result[],
  initial: Accumulated,
  reduce: Reducer<Accumulated, Result>,
): Promise<Accumulated> {
  let accumulated = initial;
  for (const [shard, result] of results.entries()) {
    accumulated = await reduce(accumulated, result, shard);
  }
  return accumulated;
}

/**
 * The error itself where there is one, or where all are alike, as when a constructor refuses the
 * same argument everywhere: so callers can catch its class. Else an AggregateError of all.
 */
export function oneErrorOf(errors: readonly unknown[], message: () => string): unknown {
  const [first, ...others] = errors;
  return others.every((error) => areAlike(error, first))
    ? first
    : new AggregateError(errors, message());
}

function areAlike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return isError(a) && isError(b) && classNameOf(a) === classNameOf(b) &&
    messageOf(a) === messageOf(b);
}

/**
 * Wire types whose objects are mere names of something, and may go to any number of shards: classes,
 * which all runtimes of a thread have in common.
 */
const repeatable = new Set<unknown>();

/**
 * Lets objects of a wire type be sent to several shards at once.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function registerRepeatable(wireClass: unknown): void {
  repeatable.add(wireClass);
}

function isPrimitive(value: unknown): boolean {
  return value === null || typeof value !== "object" && typeof value !== "function" &&
      typeof value !== "symbol";
}

/**
 * Refuses arguments that cannot be sent to several shards, before the first of them is called: what
 * cannot travel at all, and what belongs to one shard. It encodes them once more than needed, unless
 * they are all primitives.
 */
export function checkRepeatable(endpoint: Endpoint, args: readonly unknown[]): void {
  if (!Array.isArray(args)) {
    throw new TypeError(
      `Cannot call several shards with arguments that are ${kindOfValue(args)}: expected an array`,
    );
  }
  let codec: ValueCodec | undefined;
  const bound: object[] = [];
  for (const [i, value] of args.entries()) {
    if (isPrimitive(value)) continue;
    if (Transferred.is(value)) {
      throw new TypeError(
        `Cannot send arguments[${i}] to several shards as transfer() hands it over, which can be done once only`,
      );
    }
    codec ??= new ValueCodec([...endpoint.wireTypes, endpoint.bus.parcels.wireType()]);
    codec.encode([value], () => `arguments[${i}]`, bound);
    for (const found of bound.splice(0)) {
      if (repeatable.has(found.constructor)) continue;
      throw new TypeError(
        `Cannot send arguments[${i}] to several shards as it holds a ${found.constructor.name}, which can go to one only: make one for each shard there`,
      );
    }
  }
}
