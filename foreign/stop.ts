/**
 * The end of a runtime, as foreign pointers see it: what is still held is destroyed on its home shard
 * and reported.
 *
 * @module
 */

import type { Endpoint } from "../shard/unstable_layers.ts";
import { foreignTasks } from "./foreign_tasks.ts";
import { type Leak, stillHeld } from "./reports.ts";

/** Runs on the host before its threads end, see `BeforeStop`; true if objects were destroyed. */
export async function destroyWhatIsHeld(
  host: Endpoint,
  shards: readonly number[],
): Promise<boolean> {
  const finished = await Promise.all(
    shards.map((shard) => host.submitTo(shard, foreignTasks.finish, [])),
  );
  const leaks = finished.flatMap((ofShard) =>
    ofShard === null ? [] : host.bus.packer.unpackAll(ofShard) as Leak[]
  );
  if (leaks.length > 0) host.warn(stillHeld(leaks, host.id, host.debug));
  return leaks.length > 0;
}
