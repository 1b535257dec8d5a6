/**
 * How to make a call.
 *
 * @module
 */

import type { ServiceGroup } from "./service_group.ts";

/** Options of a call: see `Task.with()`. */
export interface CallOptions {
  /**
   * Gives the call up when it aborts: the caller's promise rejects with the signal's reason at once,
   * and the task sees its own signal abort, see `taskSignal()`. The task itself runs on until it
   * looks.
   */
  readonly signal?: AbortSignal;
  /**
   * Gives the call up after so many milliseconds, from the call to its result, with a `DOMException`
   * named "TimeoutError".
   */
  readonly timeoutMs?: number;
  /**
   * Counts against a service group, which bounds the calls in flight through it. A call that has to
   * wait for its turn does so in order, and `signal` and `timeoutMs` cover the wait. Calls to the own
   * shard do not count.
   */
  readonly group?: ServiceGroup;
  /**
   * Wants no result: the promise resolves as soon as the call is sent. What the task throws is kept
   * on its shard for `flush()`; `stop()` throws what no flush has fetched.
   *
   * @default {false}
   */
  readonly noReply?: boolean;
}
