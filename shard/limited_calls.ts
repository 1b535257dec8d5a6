/**
 * Calls with options: those that end early, by a signal or a deadline, and those without a reply.
 *
 * @module
 */

import { type Callable, CallHandle, type MessageBus, textOf } from "./bus/mod.ts";
import type { CallOptions } from "./call_options.ts";
import { controlTasks } from "./control_tasks.ts";
import type { ServiceGroup } from "./service_group.ts";

/** The calls of one endpoint that have options. */
export class LimitedCalls {
  readonly #bus: MessageBus;
  /** One listener for each signal, however many calls it ends. */
  readonly #bySignal = new WeakMap<AbortSignal, Set<CallHandle>>();
  /** One timer for each millisecond in which some call's time ends. */
  readonly #byDeadline = new Map<number, Set<CallHandle>>();

  constructor(bus: MessageBus) {
    this.#bus = bus;
  }

  /** Calls `task` on `shard` as `options` say. */
  call(
    shard: number,
    task: Callable,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<unknown> {
    const { signal, group, timeoutMs } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    return group === undefined || shard === this.#bus.endpoint
      ? this.#callNow(shard, task, args, options, timeoutMs)
      : this.#callInGroup(shard, task, args, options, group);
  }

  async #callInGroup(
    shard: number,
    task: Callable,
    args: readonly unknown[],
    options: CallOptions,
    group: ServiceGroup,
  ): Promise<unknown> {
    let { timeoutMs } = options;
    if (!group.tryAcquire()) {
      const begin = performance.now();
      await group.acquire(eitherSignal(options));
      if (timeoutMs !== undefined) timeoutMs -= performance.now() - begin;
    }
    try {
      return await this.#callNow(shard, task, args, options, timeoutMs);
    } finally {
      group.release();
    }
  }

  #callNow(
    shard: number,
    task: Callable,
    args: readonly unknown[],
    { signal, noReply }: CallOptions,
    timeoutMs: number | undefined,
  ): Promise<unknown> {
    if (noReply) return this.#bus.callWithoutReply(shard, task, args);
    if (signal === undefined && timeoutMs === undefined) return this.#bus.call(shard, task, args);
    const handle = new CallHandle();
    const outcome = this.#bus.call(shard, task, args, handle);
    if (handle.settled) return outcome; // it was not sent
    if (signal !== undefined) handle.bySignal = this.#callsOf(signal).add(handle);
    if (timeoutMs !== undefined) {
      handle.byDeadline = this.#callsUntil(Math.max(timeoutMs, 0)).add(handle);
    }
    return outcome;
  }

  #callsOf(signal: AbortSignal): Set<CallHandle> {
    const known = this.#bySignal.get(signal);
    if (known !== undefined) return known;
    const handles = new Set<CallHandle>();
    this.#bySignal.set(signal, handles);
    signal.addEventListener("abort", () => this.#giveUp(handles, signal.reason), { once: true });
    return handles;
  }

  #callsUntil(timeoutMs: number): Set<CallHandle> {
    const deadline = Math.ceil(performance.now() + timeoutMs);
    const known = this.#byDeadline.get(deadline);
    if (known !== undefined) return known;
    const handles = new Set<CallHandle>();
    this.#byDeadline.set(deadline, handles);
    const timer = setTimeout(() => {
      this.#byDeadline.delete(deadline);
      if (handles.size === 0) return;
      this.#giveUp(handles, new DOMException("The call took too long", "TimeoutError"));
    }, timeoutMs + 1);
    Deno.unrefTimer(timer); // a call that is answered leaves nothing that keeps the program running
    return handles;
  }

  #giveUp(handles: Set<CallHandle>, reason: unknown): void {
    for (const handle of handles) {
      const call = this.#bus.cancel(handle, reason);
      if (call < 0) continue;
      const to = handle.peer!.endpoint;
      // Nobody waits for the answer; a callee that cannot be told any more has no task to end.
      this.#bus.callWithoutReply(to, controlTasks.cancel, [call, textOf(reason)], true)
        .catch(() => {});
    }
    handles.clear();
  }
}

/** Aborts when the call is given up or its time is over; undefined if it has no end. */
function eitherSignal({ signal, timeoutMs }: CallOptions): AbortSignal | undefined {
  if (timeoutMs === undefined) return signal;
  const late = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? late : AbortSignal.any([signal, late]);
}
