/**
 * Tidepool's own calls: `submitTo` one shard of a runtime with default options.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import type { Caller } from "./caller.ts";
import { arithmetic } from "./tidepool_tasks.ts";

/** Starts a runtime of one shard. */
export async function openTidepool(): Promise<Caller> {
  const runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  return {
    add: (a, b) => runtime.submitTo(0, arithmetic.add, a, b),
    echo: (bytes) => runtime.submitTo(0, arithmetic.echo, bytes),
    close: () => runtime.stop(),
  };
}

/**
 * Runs `observe` beside a runtime whose shards have all worked and now have nothing to do.
 *
 * @param settleMs How long the shards get to fall asleep before `observe` runs.
 */
export async function besideIdleShards<Result>(
  shards: number,
  settleMs: number,
  observe: () => Promise<Result>,
): Promise<Result> {
  await using runtime = await Runtime.start({ shards, memory: "64MiB" });
  for (let shard = 0; shard < shards; shard++) await runtime.submitTo(shard, arithmetic.add, 1, 2);
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  return await observe();
}
