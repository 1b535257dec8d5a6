/**
 * Definitions of services: a class that every shard knows by the URL of its module and a key, as it
 * knows tasks.
 *
 * @module
 */

import { computeParameters, type PackedParameter } from "./sharded_parameter.ts";
import { localInstances } from "./sharded_tasks.ts";
import { defineTasks, type Task } from "../calls/mod.ts";

/** A class that can be started on every shard: use {@linkcode defineService}. */
export class ServiceDefinition<Arguments extends readonly unknown[], Service extends object> {
  /** Name of the class, or the key where it has none. */
  readonly name: string;
  /** The class, on this thread. */
  readonly serviceClass: new (...args: Arguments) => Service;
  /**
   * Makes an instance on the shard that it runs on: the service's number, the parameters to compute
   * there, the arguments.
   * @internal
   */
  private readonly make: Task<[number, PackedParameter[] | undefined, ...unknown[]], void>;

  /** Use {@linkcode defineService}. */
  constructor(
    name: string,
    serviceClass: new (...args: Arguments) => Service,
    make: Task<[number, PackedParameter[] | undefined, ...unknown[]], void>,
  ) {
    this.name = name;
    this.serviceClass = serviceClass;
    this.make = make;
  }
}

/**
 * Makes a class startable on every shard. Call it at the top level of the class's module and export
 * the result: each shard imports that module when the service is first started there. A definition
 * can be started any number of times, each time with instances of its own.
 *
 * @param module The URL of the calling module: always `import.meta.url`.
 * @param key Names the service in this module, among its tasks too.
 * @param serviceClass The class. If it has a method `init()`, that is called behind the constructor and
 * awaited: the instance takes no call before. If it has a method `stop()`, that is called when the service
 * stops.
 * @returns The definition, to pass to `startSharded()`.
 * @throws {TypeError} If `module` is not a URL or `serviceClass` not a class.
 * @throws {RangeError} If the module has already defined the key.
 *
 * @example
 * ```ts
 * import { containerOf, defineService } from "@tidepool/core";
 *
 * export class Names {
 *   readonly #names = new Set<string>();
 *   add(name: string): void {
 *     this.#names.add(name);
 *   }
 *   count(): number {
 *     return this.#names.size;
 *   }
 *   total(): Promise<number> {
 *     return containerOf<Names>(this).mapReduce("count", [], 0, (sum, count) => sum + count);
 *   }
 * }
 * export const names = defineService(import.meta.url, "names", Names);
 * ```
 */
export function defineService<Arguments extends readonly unknown[], Service extends object>(
  module: string,
  key: string,
  serviceClass: new (...args: Arguments) => Service,
): ServiceDefinition<Arguments, Service> {
  if (typeof serviceClass !== "function") {
    throw new TypeError(
      `Cannot define service "${key}" of ${module}: expected a class, received ${typeof serviceClass}`,
    );
  }
  const name = serviceClass.name || key;
  const tasks = defineTasks(module, {
    [key](
      id: number,
      parameters: PackedParameter[] | undefined,
      ...args: unknown[]
    ): Promise<void> {
      return localInstances().make(id, name, serviceClass, async () => {
        if (parameters !== undefined) await computeParameters(parameters, args);
        return args as unknown as Arguments;
      });
    },
  });
  return new ServiceDefinition(name, serviceClass, tasks[key]!);
}
