/**
 * Waiting for room: a producer that calls faster than a shard answers is let on, one call after the other,
 * when fewer calls wait for that shard than may.
 *
 * @module
 */

import { LinkedQueue, rejected } from "../bus/mod.ts";
import {
  AbortListeners,
  type Endpoint,
  type Listeners,
  localEndpoint,
  shardIdFault,
} from "../calls/mod.ts";
import { kindOfValue } from "../codec/mod.ts";

/**
 * Waits until a call from this shard to `shard` would not be refused with a `BusyError`. On the host it is
 * `runtime.room()`. For a producer that calls faster than a shard answers. Those who wait for the same
 * shard go on one by one. Make the call in the same turn, `await room(1); const result = submitTo(1, task)`, as nothing is
 * reserved. Also resolves where a call would fail at once for another reason, which the call then tells.
 * O(1).
 *
 * @param shard The shard that is to be called.
 * @param signal Ends the wait.
 * @throws {TypeError} If this thread is not a shard: on the host, use `runtime.room()`. As a rejection: if the
 * shard or the signal is of the wrong kind.
 * @throws {RangeError} As a rejection: if there is no such shard.
 * @throws As a rejection: the reason of the signal.
 *
 * @example
 * ```ts
 * import { defineTasks, flush, submitTo } from "@tidepool/core";
 * import { room } from "@tidepool/core/shard";
 *
 * const lines: string[] = [];
 * const log = defineTasks(import.meta.url, { add: (line: string) => void lines.push(line) });
 * export const readers = defineTasks(import.meta.url, {
 *   // Of any number of lines, no more wait than may.
 *   send: async (shard: number, all: string[]) => {
 *     for (const line of all) {
 *       await room(shard);
 *       void submitTo(shard, log.add.with({ noReply: true }), line);
 *     }
 *     await flush();
 *   },
 * });
 * ```
 */
export function room(shard: number, signal?: AbortSignal): Promise<void> {
  return roomFrom(localEndpoint(), shard, signal);
}

/**
 * The same for the calls of `endpoint`. Gives the promise of the queue itself: whoever awaits one made
 * from it goes on later than the queue counts on.
 */
export function roomFrom(endpoint: Endpoint, shard: number, signal?: AbortSignal): Promise<void> {
  const fault = shardIdFault(shard, endpoint.shardCount, "call");
  if (fault !== undefined) return rejected(fault);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    return rejected(
      new TypeError(
        `Cannot wait for room with a signal that is ${
          kindOfValue(signal)
        }: expected an AbortSignal`,
      ),
    );
  }
  return endpoint.part(RoomQueue).wait(shard, signal);
}

/** What a queue for room needs to know of the bus. */
export interface RoomOfBus {
  /**
   * Whether a call to `endpoint` made now would not be refused with a BusyError. Also true where it would
   * fail at once for another reason, or else those who wait for room would wait for ever. O(1).
   */
  hasRoom(endpoint: number): boolean;
  /** Whether a call to `endpoint` made now passes those that wait until it takes calls. O(1). */
  passes(endpoint: number): boolean;
  /** Resolves at the end of a turn in which calls may have ended, been sent, or been given up. */
  nextEnd(): Promise<void>;
}

/** One who waits. */
interface Waiter {
  readonly admitted: Promise<void>;
  readonly admit: () => void;
}

/** Those who wait for room, in the order in which they came to each endpoint. */
export class RoomQueue {
  readonly #bus: RoomOfBus;
  /** By endpoint. */
  readonly #queues: (LinkedQueue<Waiter> | undefined)[] = [];
  /** The same of those whose calls pass the others': who opens a shard waits for none that wait for that. */
  readonly #passing: (LinkedQueue<Waiter> | undefined)[] = [];
  /** The queues that some are being admitted from. */
  readonly #admitting = new Set<LinkedQueue<Waiter>>();
  readonly #bySignal = new AbortListeners<(reason: unknown) => void>((withdraw, reason) =>
    withdraw(reason)
  );

  /** A part of an endpoint: see `Endpoint.part()`. Waits for room in the rings of its bus. */
  constructor({ bus }: { readonly bus: RoomOfBus }) {
    this.#bus = bus;
  }

  /**
   * Resolves when a call to `endpoint` would be taken. Those who wait go on one by one, each after the one
   * before has had the time to make its call, so that a crowd does not overrun the room that there is for
   * one. Nothing is reserved: who awaits something else before the call may find the room gone.
   *
   * @param signal Ends the wait.
   * @throws The reason of `signal`, as a rejection.
   */
  wait(endpoint: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return rejected(signal.reason);
    const queues = this.#bus.passes(endpoint) ? this.#passing : this.#queues;
    const queue = queues[endpoint] ??= new LinkedQueue();
    const { promise, resolve } = Promise.withResolvers<void>();
    let listeners: Listeners<(reason: unknown) => void> | undefined;
    const withdraw = (reason: unknown): void => {
      queue.remove(link);
      resolve(rejected(reason));
    };
    const admit = (): void => {
      listeners?.delete(withdraw);
      resolve();
    };
    const link = queue.push({ admitted: promise, admit });
    if (signal !== undefined) listeners = this.#bySignal.add(withdraw, signal);
    if (!this.#admitting.has(queue)) this.#admitAll(endpoint, queue);
    return promise;
  }

  async #admitAll(endpoint: number, queue: LinkedQueue<Waiter>): Promise<void> {
    this.#admitting.add(queue);
    await undefined; // the first begins to await its promise, and goes on before this does
    for (let first = queue.first; first !== undefined; first = queue.first) {
      if (this.#bus.hasRoom(endpoint)) {
        queue.remove(first);
        first.value.admit();
        await first.value.admitted; // behind what the one admitted does next: its call
      } else await this.#bus.nextEnd();
    }
    this.#admitting.delete(queue);
  }
}
