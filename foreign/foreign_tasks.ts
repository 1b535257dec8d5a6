/**
 * What a foreign pointer asks of its home shard.
 *
 * @module
 */

import { defineTasks, localEndpoint, type Tasks } from "../shard/mod.ts";
import { type Failure, type Finished, homeOf } from "./home.ts";

// deno-lint-ignore no-explicit-any -- methods of any object.
type Method = (...args: any[]) => unknown;

/** Tasks that run on the home shard. */
export const foreignTasks: Tasks<{
  destroy: (...numbers: number[] | [Int32Array]) => Failure[] | null | Promise<Failure[] | null>;
  lose: (handle: number, generation: number, copies: number) => void;
  copy: (handle: number, generation: number) => object;
  copyMany: (handle: number, generation: number, count: number) => object;
  invoke: (object: object, method: string, ...args: unknown[]) => unknown;
  finish: () => Promise<Finished | null>;
}> = defineTasks(import.meta.url, {
  /** Destroys the objects whose handles the numbers name, three numbers each. */
  destroy(...numbers: number[] | [Int32Array]): Failure[] | null | Promise<Failure[] | null> {
    const [first] = numbers;
    const list = typeof first === "object" ? first : numbers as number[];
    return homeOf(localEndpoint()).destroyOwn(list);
  },
  /** Destroys one whose foreign pointer the garbage collector has found on the calling endpoint. */
  lose(handle: number, generation: number, copies: number): void {
    const endpoint = localEndpoint();
    homeOf(endpoint).takeLost(handle, generation, copies, endpoint.bus.currentCaller!);
  },
  /** A further pointer to a shared object for the caller. */
  copy(handle: number, generation: number): object {
    return homeOf(localEndpoint()).copyOwn(handle, generation);
  },
  /** Several. */
  copyMany(handle: number, generation: number, count: number): object {
    return homeOf(localEndpoint()).copyOwnMany(handle, generation, count);
  },
  /** Calls a method; the reference to the object has become the object on its way here. */
  invoke(object: object, method: string, ...args: unknown[]): unknown {
    const target = object as Record<string, Method>;
    if (typeof target[method] !== "function") {
      throw new TypeError(
        `Cannot invoke "${method}" of ${
          object.constructor?.name ?? "an object"
        }: it has no such method`,
      );
    }
    return target[method](...args);
  },
  /** Destroys what others hold to this day: the runtime stops. */
  finish(): Promise<Finished | null> {
    return homeOf(localEndpoint()).finish();
  },
});
