/**
 * What a foreign pointer asks of its home shard.
 *
 * @module
 */

import { defineTasks, localEndpoint, MessageMemoryError, type Tasks } from "../shard/mod.ts";
import { type Failure, type Finished, homeOf } from "./home.ts";

// deno-lint-ignore no-explicit-any -- methods of any object.
type Method = (...args: any[]) => unknown;

/** Tasks that run on the home shard. */
export const foreignTasks: Tasks<{
  destroy: (...numbers: number[] | [Int32Array]) => Failure[] | null | Promise<Failure[] | null>;
  lose: (handle: number, generation: number, copies: number) => void;
  copy: (handle: number, generation: number) => number;
  copyMany: (handle: number, generation: number, count: number) => number;
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
  /** A further pointer to a shared object for the caller: its handle. */
  copy(handle: number, generation: number): number {
    const endpoint = localEndpoint();
    const handles = [0];
    homeOf(endpoint).handles.copy(handle, generation, endpoint.bus.currentCaller!, handles);
    return handles[0]!;
  },
  /** Several: the address of a block with their handles, which the caller frees. */
  copyMany(handle: number, generation: number, count: number): number {
    const endpoint = localEndpoint();
    const { allocator, buffer, bus } = endpoint;
    const byteLength = count * Int32Array.BYTES_PER_ELEMENT;
    const address = allocator.malloc(byteLength);
    if (address === 0) {
      const { freeBytes, totalBytes } = allocator.statistics();
      throw new MessageMemoryError(byteLength, freeBytes, totalBytes);
    }
    try {
      const handles = new Int32Array(buffer, address, count);
      homeOf(endpoint).handles.copy(handle, generation, bus.currentCaller!, handles);
    } catch (error) {
      allocator.free(address);
      throw error;
    }
    return address;
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
