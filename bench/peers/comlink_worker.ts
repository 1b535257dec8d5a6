// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * The other end of `comlink.ts`.
 *
 * @module
 */
import { expose } from "npm:comlink@4.4.2";

const api = {
  add: (a: number, b: number): number => a + b,
  echo: (bytes: Uint8Array): Uint8Array => bytes,
};

/** What the worker exposes. */
export type ComlinkApi = typeof api;

expose(api);
self.postMessage("ready");
