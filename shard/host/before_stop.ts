/**
 * What upper layers do when a runtime stops, before its threads end.
 *
 * @module
 */

import type { Endpoint } from "../calls/mod.ts";

/**
 * What `beforeStop()` runs on the host, when no call is under way, with the shards that are alive.
 * True if it has set anything in motion: then it runs again when that is over.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export type BeforeStop = (host: Endpoint, shards: readonly number[]) => Promise<boolean>;

const hooks: BeforeStop[] = [];

/**
 * Runs `hook` whenever a runtime of this thread stops.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function beforeStop(hook: BeforeStop): void {
  hooks.push(hook);
}

/** Runs the hooks; true if one of them has set anything in motion. */
export async function runBeforeStop(host: Endpoint, shards: readonly number[]): Promise<boolean> {
  let moved = false;
  for (const hook of hooks) {
    if (await hook(host, shards)) moved = true;
  }
  return moved;
}
