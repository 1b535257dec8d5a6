// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * `npm:comlink`: a proxy of an object that lives in a worker.
 *
 * @module
 */
import type { Caller } from "./caller.ts";
import type { ComlinkApi } from "./comlink_worker.ts";

/** Starts a worker and wraps what it exposes. */
export async function openComlink(): Promise<Caller> {
  const comlink = await import("npm:comlink@4.4.2");
  const worker = new Worker(new URL("./comlink_worker.ts", import.meta.url), { type: "module" });
  // A message that is posted before the worker has a handler is lost, and comlink posts at once.
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener("message", () => resolve(), { once: true });
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The comlink worker failed: ${event.message}`));
    };
  });
  const api = comlink.wrap<ComlinkApi>(worker);
  return {
    add: (a, b) => api.add(a, b),
    echo: (bytes) => api.echo(bytes),
    close() {
      api[comlink.releaseProxy]();
      worker.terminate();
      return Promise.resolve();
    },
  };
}
