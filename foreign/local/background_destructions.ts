/**
 * Destructions that run in the background: whoever asked for one does not wait for it. What their
 * destructors throw is a warning, with the object's class, and stops nobody else's; `Runtime.stop()`
 * waits for all of them.
 *
 * @module
 */

import { isShard } from "../../shard/mod.ts";
import { localEndpoint } from "../../shard/unstable_layers.ts";
import type { Owned } from "./owned.ts";

/** What a warning says of a destructor that threw: the endpoint adds what it has thrown. */
export function destructorThrew(className: string, shard: number): string {
  return `The destructor of ${className} threw on shard ${shard}`;
}

/** Those of one shard, a part of its endpoint. */
export class BackgroundDestructions {
  readonly #running = new Set<Promise<void>>();

  /** Sees to a destruction that goes on after its caller has gone on; calls `failed` if it fails. */
  add(ending: PromiseLike<void>, failed: (error: unknown) => void): void {
    const seenTo = caught(ending, failed);
    this.#running.add(seenTo);
    seenTo.finally(() => this.#running.delete(seenTo));
  }

  /** Resolves when those that run now, and those that they lead to, have ended. */
  async ended(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

async function caught(ending: PromiseLike<void>, failed: (error: unknown) => void): Promise<void> {
  try {
    await ending;
  } catch (error) {
    failed(error);
  }
}

/**
 * Destroys what a pointer owned that was disposed of in this thread; null if others share it. Throws
 * what a destructor throws that is not asynchronous.
 */
export function destroyInBackground(owned: Owned<object> | null): void {
  const ending = owned?.destroy();
  if (ending === undefined) return;
  // A thread that is not a shard has nobody to tell: there it is a rejection that nobody handles.
  if (!isShard()) return void Promise.resolve(ending);
  const endpoint = localEndpoint();
  const { className } = owned!;
  endpoint.part(BackgroundDestructions).add(ending, (error) => {
    endpoint.warnOf(destructorThrew(className, endpoint.id), error);
  });
}
