/**
 * How a task starts a service.
 *
 * @module
 */

import { localEndpoint } from "../calls/mod.ts";
import type { ServiceDefinition } from "./service_definition.ts";
import { Sharded } from "./sharded.ts";
import type { PerShard } from "./sharded_parameter.ts";

/**
 * Starts a service from a task: an instance on every shard, made there by the class's constructor
 * with these arguments. On the host it is `runtime.startSharded()`. An instance that has a method `init()`
 * is opened by that, which is awaited; until then it cannot be called. Resolves when all are made. If one
 * cannot be, those that were made are stopped, and it rejects with the error of the constructor or of
 * `init()`.
 *
 * With `onCrash: "restart"`, a shard that is started again makes its instance again, by the same class with
 * the same arguments, before it takes a call: services in the order in which they were started.
 *
 * @param definition The service, from `defineService()`.
 * @param args What the constructor takes, the same for all but for a `shardedParameter()`. None may
 * move, as a foreign pointer does.
 * @returns The service, to be called and stopped.
 * @throws {TypeError} If this thread is not a shard: on the host, use `runtime.startSharded()`. As a
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
  return await Sharded["start"](localEndpoint(), definition, args);
}
