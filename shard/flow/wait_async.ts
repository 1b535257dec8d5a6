/**
 * Waiting for an atomic field without blocking the thread, and giving it up.
 *
 * `Atomics.waitAsync` cannot be taken back, and in Deno it neither keeps the program alive nor ends at
 * its time if nothing else does. So each wait here has a timer of its own, for both. A waiter that was
 * given up stays in V8's list until its time is over or somebody notifies the field; if that wakes it,
 * it notifies the next in its place, so that no notification of a live waiter is lost.
 *
 * @module
 */
import type { AtomicField } from "../../allocator/mod.ts";
import { kindOfValue } from "../codec/mod.ts";

/** The longest time that a timer can be set to. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits while an atomic field is `expected`, until its `notify()`. Unlike its `wait()`, it does not
 * block the thread. It may end without a change of the value: look again. While it waits, the program
 * does not end by itself.
 *
 * @param field an atomic field of a struct, such as `view.state`
 * @param expected the value that is waited on
 * @param options when to give up: after `timeoutMs` milliseconds it ends as "timed-out", and when
 * `signal` aborts, it rejects with its reason. Never by default.
 * @returns "not-equal" if the value was another at once, else how the wait has ended
 * @throws {TypeError} As a rejection: if a value is of the wrong kind.
 * @throws {RangeError} As a rejection: if `timeoutMs` is negative or NaN. And the reason of the signal.
 *
 * @example
 * ```ts
 * import { Allocator, atomicI32, struct } from "@tidepool/core/allocator";
 * import { waitAsync } from "@tidepool/core/shard";
 * import { assertEquals } from "@std/assert";
 *
 * const Job = struct("Job", { state: atomicI32 });
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const { state } = Job.make(allocator);
 *
 * const done = waitAsync(state, 0, { timeoutMs: 10_000 });
 * state.store(1); // on any thread
 * state.notify();
 * assertEquals(await done, "ok");
 * assertEquals(await waitAsync(state, 0), "not-equal");
 * ```
 */
export async function waitAsync<Value extends number | bigint>(
  field: AtomicField<Value>,
  expected: Value,
  { timeoutMs = Infinity, signal }: {
    readonly timeoutMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<"ok" | "not-equal" | "timed-out"> {
  if (typeof field?.waitPlace !== "function") {
    throw new TypeError(
      `Cannot wait for a field that is ${
        kindOfValue(field)
      }: expected an atomic field, such as view.state`,
    );
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(
      `Cannot wait for a field with a signal that is ${
        kindOfValue(signal)
      }: expected an AbortSignal`,
    );
  }
  if (typeof timeoutMs !== "number") {
    throw new TypeError(
      `Cannot wait for a field for a time that is ${kindOfValue(timeoutMs)}: expected milliseconds`,
    );
  }
  if (!(timeoutMs >= 0)) {
    throw new RangeError(`Cannot wait for ${timeoutMs} ms: expected 0 or more`);
  }
  const { words, index } = field.waitPlace(expected);
  signal?.throwIfAborted();
  const waiting = Atomics.waitAsync(words as Int32Array, index, expected as number, timeoutMs);
  if (!waiting.async) return waiting.value;
  const { promise, resolve, reject } = Promise.withResolvers<"ok" | "timed-out">();
  // Set at once, and not when the promise is awaited: a notification may come in between.
  let isOver = false;
  const abort = () => {
    isOver = true;
    reject(signal!.reason);
  };
  const expire = () => {
    isOver = true;
    resolve("timed-out");
  };
  signal?.addEventListener("abort", abort);
  // One whose time is too long for a timer, or has no end, still keeps the program alive.
  const timer = timeoutMs <= MAX_TIMER_MS
    ? setTimeout(expire, timeoutMs)
    : setInterval(() => {}, MAX_TIMER_MS);
  waiting.value.then((result) => {
    if (isOver && result === "ok") Atomics.notify(words as Int32Array, index, 1);
    else resolve(result);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
