/**
 * Arguments that each shard computes for itself, after `seastar::sharded_parameter` (sharded.hh).
 * A closure does not travel, so the function is a task.
 *
 * @module
 */

import { kindOfValue } from "../codec/mod.ts";
import { findTask, Task } from "../calls/mod.ts";

/** An argument that is computed on each shard: use {@linkcode shardedParameter}. */
export class ShardedParameter<T> {
  /** What computes it. */
  readonly task: Task<never, T>;
  /** What the task is called with. */
  readonly args: readonly unknown[];

  /** Use {@linkcode shardedParameter}. */
  constructor(task: Task<never, T>, args: readonly unknown[]) {
    this.task = task;
    this.args = args;
  }
}

/** Arguments, each of which may be computed on the shard that receives it. */
export type PerShard<Arguments extends readonly unknown[]> = {
  readonly [Index in keyof Arguments]: Arguments[Index] | ShardedParameter<Arguments[Index]>;
};

/**
 * An argument of a sharded service that each shard computes for itself. For the constructor or a
 * method: each shard runs `task`, and takes what it returns or resolves to.
 *
 * @param task What to run on each shard, from `defineTasks()`.
 * @param args Its arguments. None may move, as a foreign pointer does.
 * @returns A placeholder, for `startSharded()` and the members of `Sharded`, not inside of another
 * argument.
 * @throws {TypeError} If `task` is not a task, or one with options.
 *
 * @see `seastar::sharded_parameter`
 *
 * @example
 * ```ts ignore
 * // tickets.ts
 * import { defineService, defineTasks, thisShard } from "@tidepool/core";
 *
 * class Tickets {
 *   constructor(private number: number) {}
 *   next() {
 *     return this.number++;
 *   }
 * }
 * export const tickets = defineService(import.meta.url, "tickets", Tickets);
 * export const ticketTasks = defineTasks(import.meta.url, {
 *   firstNumber: (step: number) => step * thisShard(),
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime, shardedParameter } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 * import { tickets, ticketTasks } from "./tickets.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * const first = shardedParameter(ticketTasks.firstNumber, 1000); // 1000 times the shard's id
 * await using service = await runtime.startSharded(tickets, first);
 * assertEquals(await service.map("next"), [0, 1000]);
 * ```
 */
export function shardedParameter<Arguments extends readonly unknown[], Result>(
  task: Task<Arguments, Result>,
  ...args: Arguments
): ShardedParameter<Result> {
  if (!(task instanceof Task)) {
    throw new TypeError(
      `Cannot make a sharded parameter of what is ${
        kindOfValue(task)
      }: expected a task from defineTasks()`,
    );
  }
  if (task.options !== undefined) {
    throw new TypeError(
      "Cannot make a sharded parameter of a task with options: it is a part of the call that takes it, so give them to that, by Sharded.with()",
    );
  }
  return new ShardedParameter<Result>(task, args);
}

/** One parameter as it travels. */
export interface PackedParameter {
  /** Which argument it stands for. */
  readonly index: number;
  /** Module of the task. */
  readonly module: string;
  /** Key of the task. */
  readonly key: string;
  /** What to call it with. */
  readonly args: readonly unknown[];
}

/** The parameters among `args`, as they travel; undefined if there are none. */
export function packParameters(args: readonly unknown[]): PackedParameter[] | undefined {
  let packed: PackedParameter[] | undefined;
  for (let index = 0; index < args.length; index++) {
    const value = args[index];
    if (!(value instanceof ShardedParameter)) continue;
    const { task: { module, key }, args: given } = value;
    (packed ??= []).push({ index, module, key, args: given });
  }
  return packed;
}

/** `args` with an empty place for each parameter, which would not travel. */
export function withoutParameters(args: readonly unknown[]): unknown[] {
  return args.map((value) => value instanceof ShardedParameter ? undefined : value);
}

/** Computes the parameters, on the shard that this runs on, and puts them into their places. */
export async function computeParameters(
  packed: readonly PackedParameter[],
  args: unknown[],
): Promise<void> {
  await Promise.all(packed.map(async ({ index, module, key, args: given }) => {
    const run = await findTask(module, key);
    args[index] = await run(...given);
  }));
}
