/**
 * How services travel, and how they end with their runtime: what an endpoint is told of them when it is made.
 *
 * @module
 */

import { StoppedError } from "../bus/mod.ts";
import { type Endpoint, registerRepeatable, registerWireType } from "../calls/mod.ts";
import { type RunningService, ServiceInstances } from "./service_instances.ts";
import { Sharded } from "./sharded.ts";
import { shardedTasks } from "./sharded_tasks.ts";

/**
 * Stops all services that run on `shards`, the latest started first: a `BeforeStop`. All shards are
 * asked, as one that was started again has no instance of what ran before. While a service stops,
 * `failures` holds that it has not finished.
 */
async function stopServices(
  endpoint: Endpoint,
  shards: readonly number[],
  failures: unknown[],
): Promise<boolean> {
  const names = new Map<number, string>();
  const running = shards.map((shard) => endpoint.submitTo(shard, shardedTasks.running, []));
  for (const bytes of await Promise.all(running)) {
    if (bytes === null) continue;
    for (const { id, name } of endpoint.bus.packer.unpackAll(bytes) as RunningService[]) {
      names.set(id, name);
    }
  }
  const latestFirst = [...names].sort(([a], [b]) => (b - a) | 0); // the numbers may wrap
  for (const [id, name] of latestFirst) {
    failures.push(
      new StoppedError(`${name} had not stopped when the runtime could wait no longer`),
    );
    try {
      await Sharded["ofId"](endpoint, id, name)["stopOn"](shards);
      failures.pop();
    } catch (error) {
      failures[failures.length - 1] = error;
      if (!endpoint.bus.open) break; // the runtime has failed, and ends all the others at once
    }
  }
  return names.size > 0;
}

registerRepeatable(Sharded);
registerWireType({
  name: "Sharded",
  module: import.meta.url,
  bind: (endpoint) => {
    endpoint.beforeStop((shards, failures) => stopServices(endpoint, shards, failures));
    return {
      class: Sharded,
      words: 1,
      write: (sharded: Sharded<object>, words: Int32Array, at: number) =>
        Sharded["write"](endpoint, sharded, words, at),
      moved: () => {}, // a name stays where it is, too
      read: (words: Int32Array, at: number) =>
        Sharded["ofId"](endpoint, words[at]!, endpoint.part(ServiceInstances).nameOf(words[at]!)),
      undelivered: () => {},
    };
  },
});
