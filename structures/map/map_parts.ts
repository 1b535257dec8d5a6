/**
 * What the maps of one definition share, on one thread.
 *
 * @module
 */

import type { MapKeys } from "./map_keys.ts";
import type { MapValues } from "./map_values.ts";

/** What the maps of one definition share. */
export interface MapParts {
  /** What the map is called in errors. */
  readonly name: string;
  /** Its definition as text: readers must have the same. */
  readonly text: string;
  /** Its keys. */
  readonly keys: MapKeys;
  /** Its values. */
  readonly values: MapValues;
  /** Told of each value that is gone, when no reader can see it any more. */
  readonly dispose: ((value: unknown) => void) | undefined;
}

/** Throws if what a callback that looks in place has returned is not done yet. */
export function checkDone<Result>(name: string, result: Result): Result {
  if (typeof (result as { readonly then?: unknown } | null | undefined)?.then !== "function") {
    return result;
  }
  throw new TypeError(
    `Cannot read ${name} by a function that returns a promise: what it is shown is good until it returns`,
  );
}
