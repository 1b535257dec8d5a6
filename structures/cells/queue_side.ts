/**
 * What both sides of a SharedQueue have: their claim to be that side, how they wait, and how they learn that
 * the other side is gone.
 *
 * @module
 */

import { ShardCrashedError } from "../../shard/mod.ts";
import type { Endpoint } from "../../shard/unstable_layers.ts";
import { shown, type Tenancy } from "../header/mod.ts";
import {
  claimOf,
  CONSUMER_WORD,
  endpointOfClaim,
  epochOfClaim,
  POPPING_WORD,
  PRODUCER_WORD,
  PUSHING_WORD,
} from "./queue_layout.ts";
import { isDisposed } from "./queue_ring.ts";

/** The words of a side: its claim, its flag, and the claim of the other. */
const WORDS = {
  producer: { claim: PRODUCER_WORD, flag: PUSHING_WORD, other: CONSUMER_WORD },
  consumer: { claim: CONSUMER_WORD, flag: POPPING_WORD, other: PRODUCER_WORD },
} as const;

/** One side of a queue on the endpoint that has it. */
export class QueueSide {
  readonly #endpoint: Endpoint;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #at: number;
  readonly #tenancy: Tenancy;
  readonly #flagWord: number;
  readonly #otherWord: number;
  /** The operations that wait, one after the other. */
  #last: Promise<unknown> | undefined;
  #hasLeft = false;

  /**
   * Claims the side.
   *
   * @throws {TypeError} If somebody has it, or has had it.
   */
  constructor(
    endpoint: Endpoint,
    words: Int32Array<SharedArrayBuffer>,
    at: number,
    tenancy: Tenancy,
    side: keyof typeof WORDS,
  ) {
    const { claim, flag, other } = WORDS[side];
    const own = claimOf(endpoint.id, endpoint.epochOf(endpoint.id));
    const former = Atomics.compareExchange(words, at + claim, 0, own);
    if (former !== 0) {
      tenancy.leave();
      throw new TypeError(
        `Cannot be the ${side} of ${shown(tenancy.definition)}: endpoint ${
          endpointOfClaim(former)
        } is or was it, and there is one alone`,
      );
    }
    this.#endpoint = endpoint;
    this.#words = words;
    this.#at = at;
    this.#tenancy = tenancy;
    this.#flagWord = at + flag;
    this.#otherWord = at + other;
  }

  /** The queue, for errors. */
  get queue(): string {
    return shown(this.#tenancy.definition);
  }

  /** Whether operations wait. */
  get isWaiting(): boolean {
    return this.#last !== undefined;
  }

  /** Whether `leave()` was called. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Throws if the queue is gone, or this side was disposed of. O(1), plain. */
  check(): void {
    if (this.#tenancy.why !== undefined) throw this.#tenancy.why;
    if (this.#hasLeft) {
      throw new TypeError(`Cannot use this end of ${this.queue}: it was disposed of`);
    }
  }

  /** Throws if the queue was disposed of: to be asked where there is nothing to do. */
  checkDisposed(): void {
    if (isDisposed(this.#words, this.#at)) throw this.#tenancy.ended();
  }

  /** Why the endpoint of the other side is gone, if it has died. */
  whyOtherIsGone(): Error | undefined {
    const claim = Atomics.load(this.#words, this.#otherWord);
    const other = endpointOfClaim(claim);
    if (claim === 0 || other === this.#endpoint.id) return undefined;
    const { bus } = this.#endpoint;
    if (bus.isGone(other)) return bus.whyGone(other);
    if (this.#endpoint.epochOf(other) === epochOfClaim(claim)) return undefined;
    return new ShardCrashedError(other, new Error("it was started again since"));
  }

  /** Waits until somebody swaps the flag, which was stored. May also resolve for nothing. */
  async sleep(): Promise<void> {
    const waiting = Atomics.waitAsync(this.#words, this.#flagWord, 1);
    if (waiting.async) await this.#tenancy.until(waiting.value);
  }

  /** Runs an operation that waits, behind those that wait already. */
  inTurn<Result>(operation: () => Promise<Result>): Promise<Result> {
    const before = this.#last;
    const now = before === undefined ? operation() : before.then(operation, operation);
    this.#last = now;
    const over = () => {
      if (this.#last === now) this.#last = undefined;
    };
    now.then(over, over);
    return now;
  }

  /** Lets go of the queue's memory. What waits is rejected. False if it has done so before. */
  leave(): boolean {
    if (this.#hasLeft) return false;
    this.#hasLeft = true;
    this.#tenancy.wake();
    return true;
  }

  /** The last thing that this side does: it touches the queue's memory no more. */
  letGo(): void {
    this.#tenancy.leave();
  }

  /** Whether the queue's memory is there to write to. */
  get isThere(): boolean {
    return this.#tenancy.why === undefined;
  }
}
