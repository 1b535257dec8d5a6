/**
 * The other end of `workerpool.ts`.
 *
 * @module
 */
import workerpool from "workerpool";

workerpool.worker({
  add: (a: number, b: number): number => a + b,
  echo: (bytes: Uint8Array): Uint8Array => bytes,
});
