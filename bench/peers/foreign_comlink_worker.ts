// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * The other end of `foreign_comlink.ts`.
 *
 * @module
 */
import { expose, finalizer, proxy } from "npm:comlink@4.4.2";

let destroyed = 0;

class Counter {
  count = 0;
  add(n: number): number {
    return this.count += n;
  }
  [finalizer](): void {
    destroyed++;
  }
}

const api = {
  make: () => proxy(new Counter()),
  destroyed: (): number => destroyed,
};

/** What the worker exposes. */
export type CounterApi = typeof api;

expose(api);
self.postMessage("ready");
