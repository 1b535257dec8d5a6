/**
 * Tasks of the library itself.
 *
 * @module
 */

import { readBusStatistics } from "./bus/mod.ts";
import { COUNTERS_BYTES } from "./segment_layout.ts";
import { localEndpoint } from "./shard.ts";
import { defineTasks, type Task } from "./task.ts";

/** What the host asks of a shard. */
export const controlTasks: {
  readonly quiesce: Task<[], number>;
} = defineTasks(import.meta.url, {
  /**
   * Waits until the shard has no call under way and runs none but this one; resolves to the number
   * of calls that it has ever sent.
   */
  async quiesce(): Promise<number> {
    const { bus, buffer, layout, id } = localEndpoint();
    await bus.idle(1);
    return readBusStatistics(buffer, layout.controlPage(id) + COUNTERS_BYTES).callsSent;
  },
});
