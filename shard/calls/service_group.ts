/**
 * Service groups, after `seastar::smp_service_group` (smp.hh): a bound on the calls that are in
 * flight for one purpose, so that it cannot take a shard's whole memory, or all of another shard.
 *
 * It differs in how the bound is divided. Seastar gives each pair of shards a fixed part of it, which
 * its users find too low wherever few pairs talk. Here one pool serves all calls that one endpoint
 * makes through the group, whichever shards they go to; each endpoint has a pool of its own, as a
 * group is an object of the thread that made it. And calls that wait are bounded too.
 *
 * @module
 */

import { AbortListeners } from "./abort_listeners.ts";
import { BusyError, type Link, LinkedQueue, rejected } from "../bus/mod.ts";

/** Calls that may wait for a place, unless told otherwise. */
const MAX_WAITING = 65_536;

/** The bounds of a service group. */
export interface ServiceGroupOptions {
  /** The most calls in flight at once, from 1. */
  readonly maxInFlight: number;
  /**
   * The most calls that wait for a place; a further one fails with `BusyError`.
   *
   * @default {65_536}
   */
  readonly maxWaiting?: number;
  /** What error messages call it. */
  readonly name?: string;
}

/** How to wait for a place in a group. */
export interface ServiceGroupRunOptions {
  /** Ends the wait: the call is not made. It has no say once the call is in flight. */
  readonly signal?: AbortSignal | undefined;
}

/** A call that waits for a place. */
export interface Waiter {
  /** Resolves when it has the place; a `release()` has to follow. */
  readonly admitted: Promise<void>;
  /** Ends the wait, unless it is over: `admitted` rejects with the reason. */
  withdraw(reason: unknown): void;
}

/** Ends a wait in one way or the other. */
type Admission = PromiseWithResolvers<void>;

/**
 * Bounds the calls in flight that one endpoint makes through it; further ones wait, oldest first.
 * Make one per purpose, at the top level of a module: each shard that imports the module then has
 * its own.
 *
 * A call that is made through a group and waits for another call through the same group can wait
 * forever, when both ends have filled it. Let a group's calls use other groups only, in one order.
 *
 * @see `seastar::create_smp_service_group()`
 *
 * @example
 * ```ts
 * import { ServiceGroup } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 *
 * const group = new ServiceGroup({ maxInFlight: 2 });
 * let atOnce = 0;
 * let most = 0;
 * const call = async () => {
 *   most = Math.max(most, ++atOnce);
 *   await Promise.resolve(); // in a program: submitTo(2, task, …)
 *   atOnce--;
 * };
 * await Promise.all(Array.from({ length: 100 }, () => group.run(call)));
 * assertEquals(most, 2);
 * ```
 */
export class ServiceGroup {
  /** The most calls in flight at once. */
  readonly maxInFlight: number;
  /** The most calls that wait. */
  readonly maxWaiting: number;
  /** What error messages call it. */
  readonly name: string;
  #inFlight = 0;
  readonly #waiting = new LinkedQueue<Admission>();
  readonly #bySignal = new AbortListeners<Waiter>((waiter, reason) => waiter.withdraw(reason));

  /**
   * Makes a group for the calls of this thread.
   *
   * @throws {RangeError} If a bound is no whole number in its range.
   */
  constructor(options: ServiceGroupOptions) {
    this.maxInFlight = checkBound("calls in flight", options.maxInFlight, 1);
    this.maxWaiting = checkBound("waiting calls", options.maxWaiting ?? MAX_WAITING, 0);
    this.name = options.name ?? "unnamed";
  }

  /** Calls in flight. O(1). */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Calls that wait for a place. O(1). */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a place if one is free and nobody waits; a `release()` has to follow. O(1). */
  tryAcquire(): boolean {
    // Invariant: nobody waits while a place is free, so that this cannot overtake.
    if (this.#inFlight === this.maxInFlight) return false;
    this.#inFlight++;
    return true;
  }

  /**
   * Takes a place, when it is this call's turn; a `release()` has to follow. O(1).
   *
   * @param signal Ends the wait.
   * @returns A promise of the place.
   * @throws {BusyError} As a rejection: if as many calls wait as may.
   * @throws The reason of `signal`, as a rejection: if it is aborted before there was a place.
   */
  acquire(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return rejected(signal.reason);
    if (this.tryAcquire()) return Promise.resolve();
    const waiter = this.wait();
    return signal === undefined ? waiter.admitted : this.#admittedUnlessAborted(waiter, signal);
  }

  async #admittedUnlessAborted(waiter: Waiter, signal: AbortSignal): Promise<void> {
    const listeners = this.#bySignal.add(waiter, signal);
    try {
      await waiter.admitted;
    } finally {
      listeners.delete(waiter);
    }
  }

  /**
   * Waits for a place, behind those that wait already; no more may be free. O(1).
   * @internal
   */
  private wait(): Waiter {
    const waiting = this.#waiting;
    if (waiting.size >= this.maxWaiting) {
      return {
        admitted: rejected(new BusyError(undefined, waiting.size, this.name)),
        withdraw: () => {},
      };
    }
    const link = waiting.push(Promise.withResolvers());
    return { admitted: link.value.promise, withdraw: (reason) => this.#withdraw(link, reason) };
  }

  #withdraw(link: Link<Admission>, reason: unknown): void {
    // If it is out, its place came first, in this very turn.
    if (this.#waiting.remove(link)) link.value.reject(reason);
  }

  /**
   * Gives a place back, to the oldest call that waits. O(1).
   *
   * @throws {RangeError} If no place is taken.
   */
  release(): void {
    if (this.#inFlight === 0) {
      throw new RangeError(
        `Cannot release a place of service group "${this.name}": none is taken, expected an acquire() before`,
      );
    }
    const oldest = this.#waiting.first;
    if (oldest === undefined) {
      this.#inFlight--;
      return;
    }
    // The place passes on without ever being free.
    this.#waiting.remove(oldest);
    oldest.value.resolve();
  }

  /**
   * Makes `call` when there is a place for it, which it keeps until it has settled.
   *
   * @param call Makes the call: `() => submitTo(2, task)`.
   * @param options A signal that ends the wait.
   * @returns What the call resolves to.
   * @throws {BusyError} As a rejection: if as many calls wait as may; `call` is not called.
   * @throws The reason of the signal, as a rejection: if it is aborted before there was a place.
   */
  async run<Result>(
    call: () => Result | PromiseLike<Result>,
    options: ServiceGroupRunOptions = {},
  ): Promise<Result> {
    await this.acquire(options.signal);
    try {
      return await call();
    } finally {
      this.release();
    }
  }
}

function checkBound(what: string, bound: number, least: number): number {
  if (!Number.isInteger(bound) || bound < least) {
    throw new RangeError(
      `Cannot make a service group of ${bound} ${what}: expected a whole number from ${least}`,
    );
  }
  return bound;
}
