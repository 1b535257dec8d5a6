/**
 * The end of calls without reply: when they are over, and what they have thrown.
 *
 * @module
 */

import { type Failures, sumOf, unpackFailures } from "../bus/mod.ts";
import { textOf } from "../codec/mod.ts";
import { controlTasks } from "./control_tasks.ts";
import type { Endpoint } from "./endpoint.ts";
import { oneErrorOf } from "./invoke.ts";
import { localEndpoint } from "./this_shard.ts";

/**
 * Resolves when every call without reply that this shard has made so far is over.
 *
 * @throws {TypeError} If this thread is not a shard.
 * @throws What one of the calls has thrown, as a rejection; an `AggregateError` if there are several.
 *
 * @example
 * ```ts
 * import { defineTasks, flush, submitTo } from "@tidepool/core";
 *
 * const log = defineTasks(import.meta.url, { write: (line: string) => void line.length });
 * export const work = defineTasks(import.meta.url, {
 *   run: async () => {
 *     const write = log.write.with({ noReply: true });
 *     for (let i = 0; i < 100; i++) await submitTo(0, write, `step ${i}`);
 *     await flush(); // all 100 have run; what one threw is thrown here
 *   },
 * });
 * ```
 */
export function flush(): Promise<void> {
  return flushCalls(localEndpoint());
}

/** The same of the calls that `endpoint` has made. */
export async function flushCalls(endpoint: Endpoint): Promise<void> {
  const asked = await Promise.allSettled(
    Array.from(
      { length: endpoint.shardCount },
      (_, shard) => endpoint.submitTo(shard, controlTasks.takeFailures, [endpoint.id]),
    ),
  );
  const told: Failures[] = [];
  const unable: unknown[] = [];
  for (const outcome of asked) {
    if (outcome.status === "rejected") unable.push(outcome.reason);
    else told.push(takenFailures(endpoint, outcome.value));
  }
  const failures = sumOf(told);
  if (unable.length > 0 && failures.count === 0) {
    throw oneErrorOf(
      unable,
      () =>
        `${unable.length} of ${asked.length} shards cannot tell what calls without reply have thrown: ${
          textOf(unable[0])
        }`,
    );
  }
  // What the others have told must not be lost.
  throwFailures(sumOf([failures, { count: unable.length, first: unable }]));
}

/** Failures as another shard has handed them over to `endpoint`, or as it has given them itself. */
export function takenFailures(
  endpoint: Endpoint,
  taken: Failures | Uint8Array | null,
): Failures {
  return taken === null || taken instanceof Uint8Array
    ? unpackFailures(taken, endpoint.bus.packer)
    : taken;
}

/** Throws what calls without reply have thrown, if anything: how many have failed, and the first of them. */
export function throwFailures({ count, first }: Failures, of = "calls without reply"): void {
  if (count === 0) return;
  if (count === 1) throw first[0];
  const kept = count === first.length ? "" : `; errors has ${first.length} of them`;
  throw new AggregateError(first, `${count} ${of} have failed${kept}`);
}
