/**
 * Tasks of the library itself.
 *
 * @module
 */

import type { Failures } from "../bus/mod.ts";
import { readBusStatistics } from "../ring/mod.ts";
import { localEndpoint } from "./this_shard.ts";
import { defineTasks, type Task } from "./task.ts";

interface ControlTasks {
  readonly quiesce: Task<[], number>;
  readonly takeAllFailures: Task<[], Uint8Array | null>;
  readonly leakReport: Task<[], Uint8Array | null>;
  readonly takeFailures: Task<[number], Failures | Uint8Array | null>;
}

/** What endpoints ask of a shard. */
export const controlTasks: ControlTasks = defineTasks(import.meta.url, {
  /**
   * Waits until the shard has no call under way and runs none but this one; resolves to the number of
   * calls that it has ever sent.
   */
  async quiesce(): Promise<number> {
    const { bus, buffer, layout, id } = localEndpoint();
    await bus.idle(1);
    return readBusStatistics(buffer, layout.controlPage(id)).callsSent;
  },
  /** What calls without reply have thrown here and nobody has fetched; null if nothing. */
  takeAllFailures(): Uint8Array | null {
    const { bus } = localEndpoint();
    return bus.packFailures(bus.takeAllFailures());
  },
  /** What the debug heap knows of blocks that are live, packed; null if nothing. */
  leakReport(): Uint8Array | null {
    const { allocator, bus } = localEndpoint();
    allocator.drainRemoteFrees();
    const report = allocator.debugHeap?.leakReport() ?? "";
    return report === "" ? null : bus.handOver([report]);
  },
  /** What the caller's calls without reply have thrown; null if nothing. */
  async takeFailures(from: number): Promise<Failures | Uint8Array | null> {
    const { bus, id } = localEndpoint();
    const failures = await bus.takeFailures(from);
    return from === id ? failures : bus.packFailures(failures);
  },
});
