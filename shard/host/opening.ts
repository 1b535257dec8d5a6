/**
 * The opening of a shard that was started again: what happens between the moment at which its thread
 * serves the bus and the one at which it takes calls of others. Its replicated values are brought, its
 * services are made again, and then the program puts back what it wants.
 *
 * Calls of others wait meanwhile, at their callers. Those of the opening itself do not: the library's own
 * say so one by one, and the program's are known by the asynchronous context that `onRestart` runs in.
 *
 * @module
 */

import type { AsyncLocalStorage } from "node:async_hooks";
import { causeOf } from "../codec/mod.ts";
import type { Endpoint } from "../calls/mod.ts";
import { restoreReplicas, ServiceRegister } from "../services/mod.ts";

/** One opening: of one shard, for one of its lives. */
export class Opening {
  /** The shard. */
  readonly shard: number;
  /** What its former life had died of. */
  readonly cause: unknown;
  readonly #ends: PromiseWithResolvers<undefined> = Promise.withResolvers();
  #isOver = false;

  constructor(shard: number, cause: unknown) {
    this.shard = shard;
    this.cause = cause;
  }

  /** Whether the shard takes calls, or is dead again. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves then. */
  get ended(): Promise<undefined> {
    return this.#ends.promise;
  }

  /** Nothing done for it counts any more. */
  end(): void {
    this.#isOver = true;
    this.#ends.resolve(undefined);
  }
}

/** What the program does for a shard: see `RuntimeOptions.onRestart`. */
export type RestartListener = (shard: number, cause: unknown) => void | Promise<void>;

/** Opens the shards of one runtime. */
export class Opener {
  readonly #host: Endpoint;
  readonly #timeoutMs: number;
  readonly #onRestart: RestartListener;
  /** The opening that the code which runs now belongs to. */
  #context: AsyncLocalStorage<Opening> | undefined;

  constructor(host: Endpoint, timeoutMs: number, onRestart: RestartListener) {
    this.#host = host;
    this.#timeoutMs = timeoutMs;
    this.#onRestart = onRestart;
    host.mayEnter = (shard) => {
      const opening = this.#context?.getStore();
      // What an opening has left running makes calls like any other when that is over.
      return opening !== undefined && opening.shard === shard && !opening.isOver;
    };
  }

  /**
   * Resolves when the shard may take calls, or when the opening is over for another reason: to what
   * `onRestart` has failed with, if it has.
   *
   * @throws Anything else that fails, or is late: the shard has died of it, or might as well have.
   */
  async open(opening: Opening): Promise<Error | undefined> {
    const { shard, cause } = opening;
    const timeoutMs = this.#timeoutMs;
    const late = Promise.withResolvers<Error | undefined>();
    let whenLate = () =>
      late.reject(
        new Error(
          `Cannot open shard ${shard}: replicated values had not come after ${timeoutMs} ms`,
        ),
      );
    const timer = setTimeout(() => whenLate(), timeoutMs);
    const steps = async (): Promise<Error | undefined> => {
      await restoreReplicas(this.#host, shard);
      await this.#host.part(ServiceRegister).restore(shard, (name) => {
        whenLate = () =>
          late.reject(
            new Error(
              `Cannot open shard ${shard}: service ${name} had not started again after ${timeoutMs} ms`,
            ),
          );
      });
      if (opening.isOver) return;
      const failed = (what: string, thrown?: unknown) =>
        new Error(
          `Cannot restore shard ${shard}, which had died of ${causeOf(cause)}: ${what}`,
          thrown === undefined ? {} : { cause: thrown },
        );
      // Loaded only where a shard is started again: it takes 7 ms and 4 MiB.
      const { AsyncLocalStorage } = await import("node:async_hooks");
      const context = this.#context ??= new AsyncLocalStorage<Opening>();
      if (opening.isOver) return;
      whenLate = () => late.resolve(failed(`onRestart had not ended after ${timeoutMs} ms`));
      try {
        await context.run(opening, () => this.#onRestart(shard, cause));
      } catch (thrown) {
        return failed(`onRestart threw ${causeOf(thrown)}`, thrown);
      }
    };
    try {
      return await Promise.race([opening.ended, late.promise, steps()]);
    } finally {
      clearTimeout(timer);
    }
  }
}
