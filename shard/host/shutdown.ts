/**
 * How a runtime comes to rest, in rounds: hooks of the upper layers end what they have running, and
 * after each the shards are asked until no call is under way anywhere.
 *
 * @module
 */

import type { Failures } from "../bus/mod.ts";
import { controlTasks, type Endpoint, takenFailures, type Task } from "../calls/mod.ts";
import type { Supervisor } from "./supervisor.ts";

/** The last rounds of a runtime. */
export class Shutdown {
  readonly #endpoint: Endpoint;
  readonly #supervisor: Supervisor;
  readonly #reportsLeaks: boolean;
  readonly #ofHooks: unknown[] = [];
  readonly #ofCalls: Failures[] = [];

  /** `reportsLeaks`: whether the slices have debug heaps, which know what is still live at the end. */
  constructor(endpoint: Endpoint, supervisor: Supervisor, reportsLeaks: boolean) {
    this.#endpoint = endpoint;
    this.#supervisor = supervisor;
    this.#reportsLeaks = reportsLeaks;
  }

  /**
   * What has gone wrong so far: what hooks have left, and what calls without reply have thrown and
   * nobody has fetched.
   */
  get failures(): Failures[] {
    return [{ count: this.#ofHooks.length, first: this.#ofHooks }, ...this.#ofCalls];
  }

  /**
   * Resolves when nothing is left to do, or `deadlineMs` are over. Rejects if the runtime fails.
   * `failures` tells of the rest.
   */
  async run(deadlineMs: number): Promise<void> {
    // Not by setTimeout(), which takes 10 ms at its first use.
    const timer = deadlineMs < Infinity ? AbortSignal.timeout(deadlineMs) : undefined;
    const deadline = Promise.withResolvers<void>();
    const end = () => deadline.resolve();
    timer?.addEventListener("abort", end);
    try {
      await Promise.race([deadline.promise, this.#comeToRest()]);
    } finally {
      timer?.removeEventListener("abort", end); // listened to, it would keep the process alive
    }
  }

  async #comeToRest(): Promise<void> {
    const { bus, stopHooks } = this.#endpoint;
    for (let next = 0; next < stopHooks.length;) {
      await bus.idle();
      await this.#supervisor.settled();
      const hasMoved = await stopHooks[next]!(this.#supervisor.alive, this.#ofHooks);
      this.#ofCalls.push(...await this.#quiesce());
      // What one has ended may have begun something that is another's to end.
      next = hasMoved ? 0 : next + 1;
    }
    if (this.#reportsLeaks) await this.#reportLeaks();
  }

  /** Warns of the blocks that are live at the end. */
  async #reportLeaks(): Promise<void> {
    for (const report of await this.#askAlive(controlTasks.leakReport)) {
      if (report === null) continue;
      const [text] = this.#endpoint.bus.packer.unpackAll(report);
      this.#endpoint.warn(new Error(String(text)));
    }
  }

  /**
   * Resolves when no call is under way anywhere. Every shard is asked, in rounds, to wait until it
   * is idle; if none has sent a call since the round before, none can be on its way. The result is
   * what calls without reply have thrown and nobody has fetched.
   */
  async #quiesce(): Promise<Failures[]> {
    let sentBefore = -1;
    for (;;) {
      await this.#endpoint.bus.idle();
      const sent = await this.#askAlive(controlTasks.quiesce);
      const sentNow = sent.reduce((sum, calls) => sum + calls, 0);
      if (sentNow === sentBefore) break;
      sentBefore = sentNow;
    }
    const failures = await this.#askAlive(controlTasks.takeAllFailures);
    return failures.map((ofShard) => takenFailures(this.#endpoint, ofShard));
  }

  #askAlive<Result>(task: Task<[], Result>): Promise<Result[]> {
    return Promise.all(
      this.#supervisor.alive.map((shard) => this.#endpoint.submitTo(shard, task, [])),
    );
  }
}
