/**
 * Calls with options: those that end early, by a signal or a deadline, those that wait for a place in
 * a group, and those without a reply.
 *
 * A call that may end early has a handle from the moment it is made. Whatever it waits for by then, a
 * place in its group, credit, memory, its reply, giving the handle up ends that wait.
 *
 * @module
 */

import { AbortListeners } from "./abort_listeners.ts";
import { type Callable, CallHandle, type MessageBus, rejected } from "../bus/mod.ts";
import type { CallOptions } from "./call_options.ts";
import { Deadlines } from "./deadlines.ts";
import type { ServiceGroup } from "./service_group.ts";

/** The calls of one endpoint that have options. */
export class CallsWithOptions {
  readonly #bus: MessageBus;
  readonly #bySignal: AbortListeners<CallHandle>;
  readonly #deadlines: Deadlines;

  constructor(bus: MessageBus) {
    this.#bus = bus;
    this.#bySignal = new AbortListeners((handle, reason) => bus.cancel(handle, reason));
    this.#deadlines = new Deadlines((handles) => {
      // One for all: to make it takes longer than to give a call up.
      const late = new DOMException("The call took too long", "TimeoutError");
      for (const handle of handles) bus.cancel(handle, late);
    });
  }

  /** The endpoint has nothing to do: lets go of what calls that are over have left. */
  rest(): void {
    this.#deadlines.rest();
  }

  /** Calls `task` on `shard` as `options` say. */
  call(
    shard: number,
    task: Callable,
    args: readonly unknown[],
    { signal, timeoutMs, group, noReply, whenDown }: CallOptions,
  ): Promise<unknown> {
    if (signal?.aborted) return rejected(signal.reason);
    if (whenDown === "fail") {
      const refusal = this.#bus.whyNotNow(shard);
      if (refusal !== undefined) return rejected(refusal);
    }
    let handle: CallHandle | undefined;
    // A bus that is closed refuses the call, and nobody rests any more to clear its timer.
    if ((signal !== undefined || timeoutMs !== undefined) && this.#bus.open) {
      handle = new CallHandle();
      if (signal !== undefined) handle.bySignal = this.#bySignal.add(handle, signal);
      if (timeoutMs !== undefined) this.#deadlines.add(handle, timeoutMs);
    }
    if (group !== undefined && shard !== this.#bus.endpoint) {
      return this.#callInGroup(shard, task, args, handle, group, whenDown === "fail");
    }
    return noReply
      ? this.#bus.callWithoutReply(shard, task, args, handle)
      : this.#bus.call(shard, task, args, handle);
  }

  #callInGroup(
    shard: number,
    task: Callable,
    args: readonly unknown[],
    handle: CallHandle | undefined,
    group: ServiceGroup,
    failsWhenDown: boolean,
  ): Promise<unknown> {
    let outcome: Promise<unknown>;
    let hasPlace = group.tryAcquire();
    if (hasPlace) outcome = this.#bus.call(shard, task, args, handle);
    else {
      const place = group["wait"]();
      if (handle !== undefined) handle.place = place;
      outcome = place.admitted.then(() => {
        hasPlace = true;
        handle?.throwIfGivenUp(); // in the very turn in which it got its place
        const refusal = failsWhenDown ? this.#bus.whyNotNow(shard) : undefined;
        if (refusal !== undefined) throw refusal;
        return this.#bus.call(shard, task, args, handle);
      });
    }
    // The first to hear of the end, and before anybody can be called in its place the caller hears of
    // it, too: who takes the first answer and gives the rest up is in time.
    const leave = (): void => {
      handle?.settle();
      if (hasPlace) group.release();
    };
    outcome.then(leave, leave);
    return outcome;
  }
}
