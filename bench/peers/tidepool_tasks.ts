/**
 * The tasks of `tidepool_caller.ts`, in a module that the shards can import.
 *
 * @module
 */
import { defineTasks } from "@tidepool/core";

/** The same two functions that every peer offers. */
export const arithmetic = defineTasks(import.meta.url, {
  add: (a: number, b: number): number => a + b,
  echo: (bytes: Uint8Array): Uint8Array => bytes,
});
