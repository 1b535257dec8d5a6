/**
 * The calls of an endpoint whose time is limited, by when it ends: a binary heap, and one timer for
 * all. A call that is answered in time costs no timer, and leaves nothing.
 *
 * To set a timer and clear it takes 3 to 4 µs in Deno 2.9.6, as much as a whole call: so the one timer
 * stays as it is while calls come and go, and is cleared when the endpoint has nothing to do.
 *
 * @module
 */

import type { CallHandle } from "../bus/mod.ts";

/** What timers count to; one that is set for longer ends at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** The deadlines of one endpoint's calls. */
export class Deadlines {
  /** Invariant: no call's time ends before that of the call at half its index. */
  readonly #heap: CallHandle[] = [];
  readonly #onEnd: (handles: readonly CallHandle[]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer ends. */
  #timerEnd = 0;

  /** `onEnd` is told of the calls whose time is over, all at once. */
  constructor(onEnd: (handles: readonly CallHandle[]) => void) {
    this.#onEnd = onEnd;
  }

  /** Ends the call's time in `timeoutMs`, unless it is over by then. O(log calls), O(1) mostly. */
  add(handle: CallHandle, timeoutMs: number): void {
    // Whole milliseconds: calls with one timeout, made one after the other, agree on a timer.
    handle.deadline = Math.ceil(performance.now() + timeoutMs);
    handle.byDeadline = this;
    this.#put(handle, this.#heap.length);
    this.#rise(handle);
    if (this.#timer === undefined || handle.deadline < this.#timerEnd) this.#setTimer();
  }

  /** The call is over. O(log calls). */
  delete(handle: CallHandle): void {
    const index = handle.deadlineIndex;
    if (index < 0) return;
    handle.deadlineIndex = -1;
    const last = this.#heap.pop()!;
    if (last === handle) return;
    this.#put(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  /** The endpoint has nothing to do: a timer that no call needs is cleared. */
  rest(): void {
    if (this.#timer === undefined || this.#heap.length > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #put(handle: CallHandle, index: number): void {
    this.#heap[index] = handle;
    handle.deadlineIndex = index;
  }

  #rise(handle: CallHandle): void {
    const heap = this.#heap;
    let index = handle.deadlineIndex;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (heap[above]!.deadline <= handle.deadline) break;
      this.#put(heap[above]!, index);
      index = above;
    }
    this.#put(handle, index);
  }

  #sink(handle: CallHandle): void {
    const heap = this.#heap;
    let index = handle.deadlineIndex;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.deadline < heap[below]!.deadline) below++;
      if (heap[below]!.deadline >= handle.deadline) break;
      this.#put(heap[below]!, index);
      index = below;
    }
    this.#put(handle, index);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const first = this.#heap[0];
    if (first === undefined) return;
    const now = performance.now();
    // One that is farther away than timers count is looked at again on the way.
    const delayMs = Math.min(Math.max(Math.ceil(first.deadline - now), 1), MAX_TIMER_MS);
    this.#timerEnd = now + delayMs;
    const timer = setTimeout(() => this.#look(), delayMs);
    Deno.unrefTimer(timer); // a call that is under way is no reason for the program to go on
    this.#timer = timer;
  }

  #look(): void {
    const now = performance.now();
    const due: CallHandle[] = [];
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.deadline > now) break;
      this.delete(first);
      due.push(first);
    }
    this.#setTimer();
    if (due.length > 0) this.#onEnd(due);
  }
}
