/**
 * How to make a call.
 *
 * @module
 */

import { kindOfValue } from "../codec/mod.ts";
import { MAX_TIMER_MS } from "./deadlines.ts";
import { ServiceGroup } from "./service_group.ts";

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
   * Wants no result: the promise resolves as soon as the call is sent, and `signal` and `timeoutMs`
   * give the call up until then. What the task throws is kept on its shard for `flush()`; `stop()`
   * throws what no flush has fetched. Not together with `group`, which counts a call until its reply.
   *
   * @default {false}
   */
  readonly noReply?: boolean;
  /**
   * What to do while the shard is being started again, with `onCrash: "restart"`. "wait": the call waits
   * until the shard takes calls, in order, within `timeoutMs` and until `signal` aborts. "fail": it
   * rejects at once with `ShardRestartingError`, and nothing was sent. A call that was under way when the
   * shard died rejects with `ShardCrashedError` either way.
   *
   * @default {"wait"}
   */
  readonly whenDown?: "wait" | "fail";
}

const OPTIONS: readonly string[] = ["signal", "timeoutMs", "group", "noReply", "whenDown"];

/**
 * The options of a call, read once, so that they stay what was checked, and put to those `before`;
 * undefined if there are none. O(1).
 *
 * @throws {TypeError} one is of the wrong kind or unknown, or two do not go together
 * @throws {RangeError} `timeoutMs` is not a valid time
 */
export function readCallOptions(
  options: CallOptions,
  before?: CallOptions,
): CallOptions | undefined {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot call with options that are ${kindOfValue(options)}: expected an object`,
    );
  }
  for (const name of Object.keys(options)) {
    if (OPTIONS.includes(name)) continue;
    throw new TypeError(
      `Cannot call with an option ${JSON.stringify(name)}: expected ${OPTIONS.join(", ")}`,
    );
  }
  const { signal, timeoutMs, group, noReply, whenDown } = options;
  check("signal", signal, signal instanceof AbortSignal, "an AbortSignal");
  check("group", group, group instanceof ServiceGroup, "a ServiceGroup");
  check("noReply", noReply, typeof noReply === "boolean", "a boolean");
  const isKnown = whenDown === "wait" || whenDown === "fail";
  check("whenDown", whenDown, isKnown, '"wait" or "fail"');
  check("timeoutMs", timeoutMs, typeof timeoutMs === "number", "a number");
  if (timeoutMs !== undefined && !(timeoutMs >= 0 && timeoutMs <= MAX_TIMER_MS)) {
    throw new RangeError(
      `Cannot call with a timeout of ${timeoutMs} ms: expected 0 to ${MAX_TIMER_MS}`,
    );
  }
  const given = Object.entries({ signal, timeoutMs, group, noReply, whenDown });
  const read: CallOptions = {
    ...before,
    ...Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  };
  if (read.noReply && read.group !== undefined) {
    throw new TypeError(
      "Cannot call with noReply and a group: a group counts a call until its reply",
    );
  }
  return Object.keys(read).length === 0 ? undefined : read;
}

function check(name: keyof CallOptions, value: unknown, isFit: boolean, expected: string): void {
  if (value === undefined || isFit) return;
  throw new TypeError(
    `Cannot call with a ${name} that is ${kindOfValue(value)}: expected ${expected}`,
  );
}
