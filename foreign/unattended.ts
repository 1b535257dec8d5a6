/**
 * Destructions that run in the background: whoever asked for one does not wait for it. What their
 * destructors throw is a warning, with the object's class, and stops nobody else's; `Runtime.stop()`
 * waits for all of them.
 *
 * @module
 */

import { isShard } from "../shard/mod.ts";
import { localEndpoint } from "../shard/unstable_layers.ts";

/** Those of this thread that have not ended. */
const running = new Set<Promise<void>>();

/** Sees to a destruction that goes on after its caller has gone on. */
export function unattended(ending: PromiseLike<void>, className: string): void {
  const seenTo = warnOfFailure(ending, className);
  running.add(seenTo);
  seenTo.finally(() => running.delete(seenTo));
}

async function warnOfFailure(ending: PromiseLike<void>, className: string): Promise<void> {
  try {
    await ending;
  } catch (error) {
    warnOfDestructor(className, error);
  }
}

/** Resolves when those that run now have ended. */
export async function unattendedEnded(): Promise<void> {
  while (running.size > 0) await Promise.all(running);
}

/** Reports a destructor that threw where nobody waits. A thread that is no shard has nobody to tell. */
export function warnOfDestructor(className: string, error: unknown): void {
  if (!isShard()) throw error;
  const endpoint = localEndpoint();
  endpoint.warnOf(destructorThrew(className, endpoint.id), error);
}

/** What the report says. */
export function destructorThrew(className: string, shard: number): string {
  return `The destructor of ${className} threw on shard ${shard}`;
}
