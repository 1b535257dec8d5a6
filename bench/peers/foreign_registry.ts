/**
 * What a program writes without any library: objects in a Map of the worker, by number, and messages
 * that name the number.
 *
 * @module
 */
import type { ObjectHolder } from "./foreign_holder.ts";
import type { RegistryReply, RegistryRequest } from "./foreign_registry_worker.ts";

/** Starts a worker that keeps the objects. */
export async function openRegistryHolder(): Promise<ObjectHolder> {
  const url = new URL("./foreign_registry_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  const waiting = new Map<number, PromiseWithResolvers<number>>();
  const ready = Promise.withResolvers<void>();
  let lastId = 0;
  worker.onmessage = (event: MessageEvent<RegistryReply | "ready">) => {
    if (event.data === "ready") return ready.resolve();
    const { id, value } = event.data;
    waiting.get(id)?.resolve(value);
    waiting.delete(id);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    const error = new Error(`The registry's worker failed: ${event.message}`);
    ready.reject(error);
    for (const call of waiting.values()) call.reject(error);
  };
  const call = (method: RegistryRequest["method"], object: number, n: number): Promise<number> => {
    const id = ++lastId;
    const waiter = Promise.withResolvers<number>();
    waiting.set(id, waiter);
    worker.postMessage({ id, method, object, n } satisfies RegistryRequest);
    return waiter.promise;
  };
  // A message that is posted before the worker has a handler is lost.
  await ready.promise;
  return {
    async make() {
      const object = await call("make", 0, 0);
      return {
        add: (n) => call("add", object, n),
        release: () => worker.postMessage({ id: 0, method: "release", object, n: 0 }),
      };
    },
    destroyed: () => call("destroyed", 0, 0),
    close: () => Promise.resolve(worker.terminate()),
  };
}
