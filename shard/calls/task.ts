/**
 * Tasks: functions that can be called on another thread because both threads know them by the URL
 * of their module and a key. JavaScript cannot send a closure; it can import a module twice.
 *
 * @module
 */

import type { Callable } from "../bus/mod.ts";
import { type CallOptions, readCallOptions } from "./call_options.ts";

/** A function that may be a task: what it takes and gives must be able to travel. */
// deno-lint-ignore no-explicit-any -- any parameters, as the constraint of a generic.
export type TaskFunction = (...args: any[]) => unknown;

/** A function known to every shard by the URL of its module and its key there. */
export class Task<Arguments extends readonly unknown[], Result> {
  /** URL of the module that defines it. */
  readonly module: string;
  /** Its key in that module's table. */
  readonly key: string;
  /** The function itself, on this thread. */
  readonly run: (...args: Arguments) => Result | PromiseLike<Result>;
  /**
   * Number of the task on this thread; other threads learn it when they first meet the task.
   * @internal
   */
  private readonly index: number;

  /** Options of calls, if there are any: see `with()`. */
  readonly options: CallOptions | undefined;

  /** Use {@linkcode defineTasks}. */
  constructor(
    module: string,
    key: string,
    run: (...args: Arguments) => Result | PromiseLike<Result>,
    index: number,
    options?: CallOptions,
  ) {
    this.module = module;
    this.key = key;
    this.run = run;
    this.index = index;
    this.options = options;
  }

  /**
   * The same task, called with options beside those it has: `search.with({ timeoutMs: 50 })`. O(1).
   *
   * @param options How to call.
   * @throws {TypeError} If an option is unknown or of the wrong kind, or if two do not go together.
   * @throws {RangeError} If `timeoutMs` is not a time.
   */
  with(options: CallOptions & { readonly noReply: true }): Task<Arguments, void>;
  /** The same task, called with options. */
  with(options: CallOptions): Task<Arguments, Result>;
  with(options: CallOptions): Task<Arguments, Result | void> {
    return new Task(
      this.module,
      this.key,
      this.run,
      this.index,
      readCallOptions(options, this.options),
    );
  }
}

/** The task, as the bus sees it: a cast, since its number is no user's concern. */
export function callableOf<Arguments extends readonly unknown[], Result>(
  task: Task<Arguments, Result>,
): Callable {
  return task as unknown as Callable;
}

/** Why `task` cannot be submitted, as it is not one; `undefined` if it is. O(1). */
export function taskFault(task: unknown): TypeError | undefined {
  if (task instanceof Task) return undefined;
  return new TypeError(
    `Cannot submit to a shard: expected a task from defineTasks(), received ${
      task === null ? "null" : typeof task
    }`,
  );
}

/** The tasks of a table of functions, under the same keys. */
export type Tasks<Functions extends Record<string, TaskFunction>> = {
  readonly [Key in keyof Functions]: Task<
    Parameters<Functions[Key]>,
    Awaited<ReturnType<Functions[Key]>>
  >;
};

// deno-lint-ignore no-explicit-any -- tasks of every shape in one table.
type AnyTask = Task<any, any>;
// This table and those below are about the modules of this thread, which all its runtimes have in
// common, as they have their code.
const tasksByModule = new Map<string, Map<string, AnyTask>>();
let taskCount = 0;

/**
 * Makes functions callable on every shard. Call it at the top level of a module and export the
 * result: a shard that is sent one of the tasks for the first time imports that module, which
 * defines them there too. O(number of functions).
 *
 * @param module The URL of the calling module: always `import.meta.url`.
 * @param functions The functions, by the key that names each in this module.
 * @returns The tasks, to pass to `submitTo()`.
 * @throws {TypeError} If `module` is not a URL or a value is not a function.
 * @throws {RangeError} If the module has already defined one of the keys.
 *
 * @example
 * ```ts
 * import { defineTasks } from "@tidepool/core";
 *
 * export const arithmetic = defineTasks(import.meta.url, {
 *   add: (a: number, b: number) => a + b,
 * });
 * ```
 */
export function defineTasks<Functions extends Record<string, TaskFunction>>(
  module: string,
  functions: Functions,
): Tasks<Functions> {
  if (typeof module !== "string" || !URL.canParse(module)) {
    throw new TypeError(
      `Cannot define tasks of module ${String(module)}: pass import.meta.url as the first argument`,
    );
  }
  if (!evaluationsAround.has(module)) {
    const underWay = [...evaluations.values()].filter((one) => one instanceof Promise);
    evaluationsAround.set(module, underWay);
  }
  const table = tasksByModule.get(module) ?? new Map<string, AnyTask>();
  const defined: Record<string, AnyTask> = {};
  for (const [key, run] of Object.entries(functions)) {
    if (typeof run !== "function") {
      throw new TypeError(
        `Cannot define task "${key}" of ${module}: expected a function, received ${typeof run}`,
      );
    }
    if (table.has(key)) {
      throw new RangeError(`Cannot define task "${key}" of ${module} a second time`);
    }
    defined[key] = new Task(module, key, run, taskCount++);
  }
  for (const [key, task] of Object.entries(defined)) table.set(key, task);
  tasksByModule.set(module, table);
  return defined as Tasks<Functions>;
}

/**
 * How the evaluation of a module on this thread has ended: true, or the error that it failed with; a
 * promise of that while it goes on.
 */
type Evaluation = true | Failed | Promise<true | Failed>;

/** What a module failed with. */
class Failed {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** The modules that a task was asked of. */
const evaluations = new Map<string, Evaluation>();

/** Of each module that has defined tasks, the evaluations that it may have been a part of. */
const evaluationsAround = new Map<string, Promise<true | Failed>[]>();

/**
 * Whether this module may import `module`. Deno keeps a package of a registry from importing what lies
 * on another server.
 */
function mayImport(module: string): boolean {
  const there = new URL(module);
  const here = new URL(import.meta.url);
  return here.protocol === "file:" || !there.protocol.startsWith("http") ||
    here.origin === there.origin;
}

/**
 * The function behind a module's URL and a key, here. Imports the module when nobody has asked for a
 * task of it on this thread yet. A promise until the module has been evaluated to its end: it may
 * define its tasks at its beginning, and open its files and tables behind that. If it fails, all its
 * tasks do, for good.
 */
export function findTask(module: string, key: string): TaskFunction | Promise<TaskFunction> {
  const evaluation = evaluations.get(module);
  const known = evaluation === true ? tasksByModule.get(module)?.get(key) : undefined;
  return known === undefined ? awaitTask(module, key, evaluation) : known.run;
}

/**
 * Whether `stack`, of an error made now, leads to the top level of a module while a module is evaluated that
 * a task was asked of. O(length of the stack).
 */
export function isAtTopLevel(stack: string): boolean {
  const isEvaluating = evaluations.values().some((one) => one instanceof Promise);
  // Code at the top level has no name, and its frame no parentheses.
  return isEvaluating && /^ +at (?:async )?[\w.+-]+:\/\/[^()]*:\d+:\d+$/m.test(stack);
}

async function evaluate(module: string): Promise<true | Failed> {
  let evaluation: true | Failed = true;
  const around = evaluationsAround.get(module);
  if (around !== undefined && !mayImport(module)) {
    // Somebody who may has imported it, the module of another task mostly, which ends behind it.
    const ends = await Promise.all(around);
    evaluation = ends.find((end) => end !== true) ?? true;
  } else {
    try {
      await import(module); // of one that is being evaluated, this awaits the end
    } catch (cause) {
      evaluation = new Failed(cause);
    }
  }
  evaluations.set(module, evaluation);
  return evaluation;
}

async function awaitTask(
  module: string,
  key: string,
  evaluation: Evaluation | undefined,
): Promise<TaskFunction> {
  if (evaluation === undefined) evaluations.set(module, evaluation = evaluate(module));
  const ended = await evaluation;
  if (ended !== true) {
    throw new Error(
      `Cannot run task "${key}" of ${module}: the module does not load in this thread`,
      { cause: ended.cause },
    );
  }
  const table = tasksByModule.get(module);
  if (table === undefined) {
    throw new RangeError(
      `Cannot run task "${key}" of ${module}: the module loads and calls no defineTasks(import.meta.url, …)`,
    );
  }
  const task = table.get(key);
  if (task === undefined) {
    throw new RangeError(
      `Cannot run task "${key}" of ${module}: the module defines only ${
        [...table.keys()].map((known) => `"${known}"`).join(", ")
      }`,
    );
  }
  return task.run;
}
