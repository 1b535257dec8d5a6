/**
 * Calls of an endpoint to itself: no ring, no copy, but as much later as any other call.
 *
 * @module
 */

import type { Callable } from "./callable.ts";
import type { Callee } from "./callee.ts";
import { FailureLog } from "./failure_log.ts";
import { kept } from "./parcels.ts";
import { type CallHandle, ServedCall } from "./peer.ts";

/** The calls of one endpoint to itself. */
export class LocalCalls {
  readonly #callee: Callee;
  readonly #onEnd: () => void;
  /** What calls without reply have thrown. */
  readonly failures = new FailureLog();
  #underWay = 0;
  #detached = 0;

  /** `onEnd` is told of each call that ends. */
  constructor(callee: Callee, onEnd: () => void) {
    this.#callee = callee;
    this.#onEnd = onEnd;
  }

  /** Calls under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Those of them that want no reply. */
  get detached(): number {
    return this.#detached;
  }

  /** Calls `task`; with a handle, the call can be given up. */
  call(task: Callable, args: readonly unknown[], handle?: CallHandle): Promise<unknown> {
    if (handle === undefined) return this.#run(() => task.run(...args.map(kept)));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const served = new ServedCall();
    handle.local = { served, reject };
    this.#run(() => this.#callee.runAs(served, () => task.run(...args.map(kept))))
      .then(resolve, reject)
      .finally(() => handle.settle());
    return promise;
  }

  /** Calls `task` and wants no result; what it throws is kept in `failures`. */
  callWithoutReply(task: Callable, args: readonly unknown[]): void {
    this.#detached++;
    this.#run(() => task.run(...args.map(kept)))
      .catch((error) => this.failures.add(error))
      .finally(() => {
        this.#detached--;
        this.#onEnd();
      });
  }

  async #run(run: () => unknown): Promise<unknown> {
    this.#underWay++;
    try {
      await undefined; // never inside the caller's turn, as on any other shard
      return kept(await run());
    } finally {
      this.#underWay--;
      this.#onEnd();
    }
  }
}
