/**
 * Tasks that shards run on their host. It serves them as a shard serves its own, but it is not the only
 * host of its thread, maybe: so each takes, as its first argument, the endpoint that was called. They are
 * the library's own, and known to the host from its start: it imports nothing for a shard.
 *
 * @module
 */

import { rejected } from "../bus/mod.ts";
import type { Endpoint } from "./endpoint.ts";
import { defineTasks, type Task, type TaskFunction, type Tasks } from "./task.ts";

/** A task of the host: its endpoint, then the arguments. */
export type HostTask<Arguments extends readonly unknown[], Result> = Task<
  [host: Endpoint, ...Arguments],
  Result
>;

const known = new Map<string, TaskFunction>();

/** Makes functions callable on the host, by `Endpoint.askHost()`. Call it at the top level of a module. */
export function defineHostTasks<Functions extends Record<string, TaskFunction>>(
  module: string,
  functions: Functions,
): Tasks<Functions> {
  for (const [key, run] of Object.entries(functions)) known.set(`${module} ${key}`, run);
  return defineTasks(module, functions);
}

/**
 * The function behind a task of `host`, for calls to it.
 *
 * @throws {RangeError} As a rejection, which is that call's alone: if the host has no such task.
 */
export function findHostTask(
  host: Endpoint,
  module: string,
  key: string,
): TaskFunction | Promise<never> {
  const run = known.get(`${module} ${key}`);
  if (run === undefined) {
    return rejected(
      new RangeError(`Cannot run task "${key}" of ${module} on the host: it serves no such task`),
    );
  }
  return (...args: unknown[]) => run(host, ...args);
}
