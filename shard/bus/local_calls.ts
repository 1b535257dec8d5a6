/**
 * Calls of an endpoint to itself: no ring, no copy, but as much later as any other call.
 *
 * @module
 */

import type { Callable } from "./callable.ts";
import type { Callee, Resolver } from "./callee.ts";
import { FailureLog } from "./failure_log.ts";
import { kept } from "./parcels.ts";
import { type CallHandle, ServedCall } from "./peer.ts";

/** The calls of one endpoint to itself. */
export class LocalCalls {
  readonly #resolve: Resolver;
  readonly #callee: Callee;
  readonly #abandon: (value: unknown) => void;
  readonly #onEnd: () => void;
  /** What calls without reply have thrown. */
  readonly failures = new FailureLog();
  /** By index of the task: whether its module has been evaluated, or what tells. */
  readonly #met: (true | Promise<unknown>)[] = [];
  #underWay = 0;
  #detached = 0;

  /**
   * `resolve` waits for a task's module; `abandon` lets go of a result that nobody wants; `onEnd` is
   * told of each call that ends.
   */
  constructor(
    resolve: Resolver,
    callee: Callee,
    abandon: (value: unknown) => void,
    onEnd: () => void,
  ) {
    this.#resolve = resolve;
    this.#abandon = abandon;
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
    if (handle === undefined) return this.#run(task, () => task.run(...args.map(kept)));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const served = new ServedCall();
    handle.local = { served, resolve };
    const run = () => {
      handle.throwIfGivenUp();
      return this.#callee.runAs(served, () => task.run(...args.map(kept)));
    };
    this.#run(task, run)
      .then((value) => handle.settled ? this.#abandon(value) : resolve(value), reject)
      .finally(() => handle.settle());
    return promise;
  }

  /** Calls `task` and wants no result; what it throws is kept in `failures`. */
  callWithoutReply(task: Callable, args: readonly unknown[]): void {
    this.#detached++;
    this.#run(task, () => task.run(...args.map(kept)))
      .catch((error) => this.failures.add(error))
      .finally(() => {
        this.#detached--;
        this.#onEnd();
      });
  }

  async #run(task: Callable, run: () => unknown): Promise<unknown> {
    this.#underWay++;
    try {
      // Never inside the caller's turn, as on any other shard, and not before its module is there.
      const met = this.#met[task.index] ?? this.#meet(task);
      await (met === true ? undefined : met);
      return kept(await run());
    } finally {
      this.#underWay--;
      this.#onEnd();
    }
  }

  /** Looks for the task's module, as the first call of any other endpoint does. */
  #meet(task: Callable): true | Promise<unknown> {
    const found = this.#resolve(task.module, task.key);
    const met = typeof found === "function" ? true : found;
    this.#met[task.index] = met;
    // Whoever waits goes on in the order in which they came: all by this one promise. If the module
    // has failed, so does every call of its tasks.
    if (met !== true) met.then(() => this.#met[task.index] = true, () => {});
    return met;
  }
}
