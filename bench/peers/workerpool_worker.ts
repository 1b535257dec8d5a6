// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * The other end of `workerpool.ts`.
 *
 * @module
 */
import workerpool from "npm:workerpool@10.0.3";

workerpool.worker({
  add: (a: number, b: number): number => a + b,
  echo: (bytes: Uint8Array): Uint8Array => bytes,
});
