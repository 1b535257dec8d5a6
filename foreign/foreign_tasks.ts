/**
 * What a foreign pointer asks of its home shard.
 *
 * @module
 */

import { defineTasks, type Tasks } from "../shard/mod.ts";
import { classNameOf, localEndpoint } from "../shard/unstable_layers.ts";
import { HomeShard } from "./home_shard.ts";

// deno-lint-ignore no-explicit-any -- methods of any object.
type Method = (...args: any[]) => unknown;

/** Tasks that run on the home shard. */
export const foreignTasks: Tasks<{
  destroy: (...numbers: number[] | [Int32Array]) => Uint8Array | null | Promise<Uint8Array | null>;
  lose: (handle: number, generation: number, copies: number) => void;
  copy: (handle: number, generation: number) => object;
  copyMany: (handle: number, generation: number, count: number) => object;
  invoke: (...values: unknown[]) => unknown;
  finish: () => Promise<Uint8Array | null>;
}> = defineTasks(import.meta.url, {
  /** Destroys the objects whose handles the numbers name, three numbers each. */
  destroy(...numbers: number[] | [Int32Array]): Uint8Array | null | Promise<Uint8Array | null> {
    const [first] = numbers;
    const list = typeof first === "object" ? first : numbers as number[];
    return localEndpoint().part(HomeShard).destroy(list);
  },
  /** Destroys one whose foreign pointer the garbage collector has found on the calling endpoint. */
  lose(handle: number, generation: number, copies: number): void {
    const endpoint = localEndpoint();
    endpoint.part(HomeShard).takeLost(handle, generation, copies, endpoint.bus.currentCaller!);
  },
  /** A further pointer to a shared object for the caller. */
  copy(handle: number, generation: number): object {
    return localEndpoint().part(HomeShard).grantCopy(handle, generation);
  },
  /** Several. */
  copyMany(handle: number, generation: number, count: number): object {
    return localEndpoint().part(HomeShard).grantCopies(handle, generation, count);
  },
  /**
   * Calls a method: its arguments, the object, which a reference has become on its way here, its name.
   */
  invoke(...values: unknown[]): unknown {
    const method = values.pop() as string;
    const object = values.pop() as object;
    const target = object as Record<string, Method>;
    if (typeof target[method] !== "function") {
      throw new TypeError(
        `Cannot invoke "${method}" of ${classNameOf(object) ?? "an object"}: it has no such method`,
      );
    }
    return target[method](...values);
  },
  /** Destroys what others hold to this day: the runtime stops. */
  finish(): Promise<Uint8Array | null> {
    return localEndpoint().part(HomeShard).finish();
  },
});
