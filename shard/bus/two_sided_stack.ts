/**
 * The stack of an error that came from another endpoint goes on with who called there. A call that
 * succeeds pays nothing for it.
 *
 * @module
 */

/**
 * Rejects with `error`, to whose stack it adds the callers of `task` on `endpoint`. Settle the call's
 * promise with this one. The engine knows the callers: where an `async` function goes on, those that
 * wait for it, by way of the call's promise, are a part of its stack.
 */
export async function rejectWithLocalStack(
  error: Error,
  endpoint: number,
  task: string,
): Promise<never> {
  await undefined; // the call's promise takes this one over two turns of the queue later
  await undefined;
  if (typeof error.stack === "string") {
    const callers = new Error().stack?.split("\n").filter((line) => /^ +at async /.test(line)) ??
      [];
    error.stack = [error.stack, `    at submitTo (shard ${endpoint}, task "${task}")`, ...callers]
      .join("\n");
  }
  throw error;
}
