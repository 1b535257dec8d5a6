/**
 * How to make a call.
 *
 * @module
 */

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
   * Wants no result: the promise resolves as soon as the call is sent. What the task throws is kept
   * on its shard for `flush()`; `stop()` throws what no flush has fetched.
   *
   * @default {false}
   */
  readonly noReply?: boolean;
}
