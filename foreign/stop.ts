/**
 * The end of a runtime, as foreign pointers see it: what is still held is destroyed on its home shard
 * and reported.
 *
 * @module
 */

import type { Endpoint } from "../shard/mod.ts";
import { foreignTasks } from "./foreign_tasks.ts";
import { type Leak, whereMade } from "./home.ts";

/** Runs on the host before its threads end, see `BeforeStop`; true if objects were destroyed. */
export async function destroyWhatIsHeld(
  host: Endpoint,
  shards: readonly number[],
): Promise<boolean> {
  const finished = await Promise.all(
    shards.map((shard) => host.submitTo(shard, foreignTasks.finish, [])),
  );
  const lines = finished.flatMap((ofShard, index) =>
    ofShard === null
      ? []
      : (host.bus.packer.unpackAll(ofShard) as Leak[]).map((leak) =>
        describe(leak, shards[index]!, host.layout.host)
      )
  );
  if (lines.length > 0) {
    host.warn(
      new Error(`Foreign pointers were still held when the runtime stopped:\n${lines.join("\n")}`),
    );
  }
  return finished.some((ofShard) => ofShard !== null);
}

function describe({ holder, className, count, madeAt }: Leak, owner: number, host: number): string {
  const by = holder === host ? "the host" : `shard ${holder}`;
  return `- ${count} to ${className} of shard ${owner}, by ${by}${whereMade(madeAt)}`;
}
