/**
 * How each shard is, as the host knows it, without asking one: a page of figures has to come also when
 * some of them are down.
 *
 * @module
 */

import type { Endpoint } from "../calls/mod.ts";
import { STATE_BYTES, STATE_RUNNING } from "../ring/mod.ts";

/** How a shard is: see `ShardStatus`. */
export type ShardState = "running" | "restarting" | "dead";

/** How one shard of a runtime is. */
export interface ShardStatus {
  /** Its id. */
  readonly id: number;
  /**
   * "running" if it takes calls; "restarting" if it has died and is being started again; "dead" if it has
   * died, or ended with the runtime, and will not come back.
   */
  readonly state: ShardState;
  /** Which of its lives it is in, from 0: one more for each time that it was started again. */
  readonly epoch: number;
  /** When it came to this state: milliseconds since 1970, as `Date.now()` gives them. */
  readonly since: number;
}

/** How the shards of one runtime are. */
export class ShardStates {
  readonly #endpoint: Endpoint;
  readonly #comeBack: boolean;
  /** The words of all control pages. The host alone writes STATE, so that a plain read is exact here. */
  readonly #words: Int32Array;
  readonly #since: number[];
  #hasEnded = false;

  /** Of the runtime whose host has `endpoint`; `comeBack` says whether the dead are started again. */
  constructor(endpoint: Endpoint, comeBack: boolean) {
    this.#endpoint = endpoint;
    this.#comeBack = comeBack;
    this.#words = new Int32Array(endpoint.buffer, 0, endpoint.layout.controlByteLength >> 2);
    this.#since = new Array(endpoint.shardCount).fill(Date.now());
  }

  /** STATE of `shard` has changed. */
  changed(shard: number): void {
    if (!this.#hasEnded) this.#since[shard] = Date.now();
  }

  /** All threads have been told to end. */
  end(): void {
    const now = Date.now();
    this.#since.forEach((since, shard) => {
      this.#since[shard] = this.#stateOf(shard) === "dead" ? since : now;
    });
    this.#hasEnded = true;
  }

  /** How all are now, in the order of their ids. O(shards), without a message. */
  snapshot(): ShardStatus[] {
    return this.#since.map((since, id) => ({
      id,
      state: this.#stateOf(id),
      epoch: this.#endpoint.epochOf(id),
      since,
    }));
  }

  #stateOf(shard: number): ShardState {
    if (this.#hasEnded) return "dead";
    const word = (this.#endpoint.layout.controlPage(shard) + STATE_BYTES) >> 2;
    if (this.#words[word] === STATE_RUNNING) return "running";
    return this.#comeBack ? "restarting" : "dead";
  }
}
