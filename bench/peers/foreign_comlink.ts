// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * `npm:comlink`: proxies of objects that live in a worker, each over a MessagePort of its own;
 * `releaseProxy` closes the port and runs the object's finalizer there.
 *
 * @module
 */
import type { CounterApi } from "./foreign_comlink_worker.ts";
import type { ObjectHolder } from "./foreign_holder.ts";

/** Starts a worker and wraps what it exposes. */
export async function openComlinkHolder(): Promise<ObjectHolder> {
  const comlink = await import("npm:comlink@4.4.2");
  const url = new URL("./foreign_comlink_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  // A message that is posted before the worker has a handler is lost, and comlink posts at once.
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener("message", () => resolve(), { once: true });
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The comlink worker failed: ${event.message}`));
    };
  });
  const api = comlink.wrap<CounterApi>(worker);
  return {
    async make() {
      const counter = await api.make();
      return {
        add: (n) => counter.add(n),
        release: () => counter[comlink.releaseProxy](),
      };
    },
    destroyed: () => api.destroyed(),
    close() {
      api[comlink.releaseProxy]();
      worker.terminate();
      return Promise.resolve();
    },
  };
}
