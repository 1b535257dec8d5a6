/**
 * Tasks of the library itself.
 *
 * @module
 */

import { readBusStatistics } from "./bus/mod.ts";
import { localEndpoint } from "./shard.ts";
import { defineTasks, type Task } from "./task.ts";

interface ControlTasks {
  readonly quiesce: Task<[], number>;
  readonly takeAllFailures: Task<[], unknown[] | null>;
  readonly leakReport: Task<[], string>;
  readonly cancel: Task<[number, string], void>;
  readonly takeFailures: Task<[number], unknown[]>;
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
  /** What calls without reply have thrown here and nobody has fetched; null, which needs no block. */
  takeAllFailures(): unknown[] | null {
    const failures = localEndpoint().bus.takeAllFailures();
    return failures.length === 0 ? null : failures;
  },
  /** What the debug heap knows of blocks that are live; "" if there are none, or no debug heap. */
  leakReport(): string {
    const { allocator } = localEndpoint();
    allocator.drainRemoteFrees();
    return allocator.debugHeap?.leakReport() ?? "";
  },
  /** The caller has given its call up. */
  cancel(call: number, reason: string): void {
    const { bus } = localEndpoint();
    bus.cancelServed(bus.currentCaller!, call, new DOMException(reason, "AbortError"));
  },
  /** What the caller's calls without reply have thrown. */
  takeFailures(from: number): Promise<unknown[]> {
    return localEndpoint().bus.takeFailures(from);
  },
});
