/**
 * Calls with options: those that end early, by a signal or a deadline, and those without a reply.
 *
 * @module
 */

import { type Callable, CallHandle, type MessageBus, textOf } from "./bus/mod.ts";
import type { CallOptions } from "./call_options.ts";
import { controlTasks } from "./control_tasks.ts";

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
  async call(
    shard: number,
    task: Callable,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<unknown> {
    options.signal?.throwIfAborted();
    const { group } = options;
    if (group === undefined || shard === this.#bus.endpoint) {
      return await this.#callNow(shard, task, args, options, options.timeoutMs);
    }
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

  async #callNow(
    shard: number,
    task: Callable,
    args: readonly unknown[],
    { signal, noReply }: CallOptions,
    timeoutMs: number | undefined,
  ): Promise<unknown> {
    if (noReply) return await this.#bus.callWithoutReply(shard, task, args);
    if (signal === undefined && timeoutMs === undefined) {
      return await this.#bus.call(shard, task, args);
    }
    const handle = new CallHandle();
    const outcome = this.#bus.call(shard, task, args, handle);
    const ended = signal === undefined ? undefined : this.#callsOf(signal);
    const late = timeoutMs === undefined ? undefined : this.#callsUntil(Math.max(timeoutMs, 0));
    ended?.add(handle);
    late?.add(handle);
    try {
      return await outcome;
    } finally {
      ended?.delete(handle);
      late?.delete(handle);
    }
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
