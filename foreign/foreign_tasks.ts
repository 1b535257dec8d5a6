/**
 * What a foreign pointer asks of its home shard.
 *
 * @module
 */

import { defineTasks, localEndpoint, type Tasks } from "../shard/mod.ts";
import { ForeignPtr } from "./foreign_ptr.ts";
import { homeOf } from "./home.ts";

/** Failures of a batch of destructions: position in the batch, and what was thrown. */
type Failures = [number, unknown][] | null;

// deno-lint-ignore no-explicit-any -- methods of any object.
type Method = (...args: any[]) => unknown;

/** Tasks that run on the home shard. */
export const foreignTasks: Tasks<{
  destroy: (...numbers: number[]) => Promise<Failures>;
  copy: (handle: number, generation: number) => ForeignPtr<object, "shared">;
  invoke: (object: object, method: string, ...args: unknown[]) => unknown;
}> = defineTasks(import.meta.url, {
  /** Destroys the objects whose handles the numbers name, three numbers each. */
  destroy(...numbers: number[]): Promise<Failures> {
    return homeOf(localEndpoint()).destroyOwn(numbers);
  },
  /** A further foreign pointer to a shared object. */
  copy(handle: number, generation: number): ForeignPtr<object, "shared"> {
    const endpoint = localEndpoint();
    const pointer = homeOf(endpoint).handles.copy(handle, generation);
    return ForeignPtr.ofPointer<object, "shared">(endpoint, pointer);
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
});
