/**
 * What one shard tells of itself when another answers `stats`.
 *
 * @module
 */

import { busStatistics, defineTasks, localAllocator, thisShard } from "@tidepool/core";
import { StoreCounters } from "./counters.ts";
import { localServer } from "./shard_server.ts";
import { localStore } from "./store_tasks.ts";

/** The figures of one shard. */
export interface ShardFigures {
  /** Its number. */
  readonly shard: number;
  /** What its storage counts. */
  readonly counters: StoreCounters;
  /** Figures that can be summed over the shards. */
  readonly sums: {
    readonly items: number;
    readonly itemBytes: number;
    readonly lentItems: number;
    readonly buckets: number;
    readonly currConnections: number;
    readonly totalConnections: number;
    readonly rejectedConnections: number;
    readonly responsesOutOfMemory: number;
    readonly bytesRead: number;
    readonly bytesWritten: number;
    readonly memoryTotalBytes: number;
    readonly memoryUsedBytes: number;
    readonly memorySpareBytes: number;
    readonly memoryFreeBytes: number;
    readonly memoryLargestFreeBytes: number;
    readonly memoryLiveBlocks: number;
    readonly memoryMallocs: number;
    readonly memoryFailedMallocs: number;
    readonly memoryRemoteFrees: number;
  };
  /** Figures of its bus. */
  readonly bus: Readonly<Record<string, number>>;
  /** How many items each size class has, of those that have any. */
  readonly classCounts: readonly (readonly [sizeClass: number, count: number])[];
}

/** What a shard does for `stats`. */
export const statsTasks = defineTasks(import.meta.url, {
  figures: (): ShardFigures => {
    const { items } = localStore();
    const server = localServer();
    const memory = localAllocator().statistics();
    return {
      shard: thisShard(),
      counters: { ...items.counters }, // they go on counting while other shards are asked
      sums: {
        items: items.table.size,
        itemBytes: items.itemBytes,
        lentItems: items.lender.size,
        buckets: items.table.bucketCount,
        currConnections: server?.currentConnections ?? 0,
        totalConnections: server?.totalConnections ?? 0,
        rejectedConnections: server?.rejectedConnections ?? 0,
        responsesOutOfMemory: server?.responsesOutOfMemory ?? 0,
        bytesRead: server?.bytesRead ?? 0,
        bytesWritten: server?.bytesWritten ?? 0,
        memoryTotalBytes: memory.totalBytes,
        memoryUsedBytes: memory.usedBytes,
        memorySpareBytes: server?.outputBlocks.spareBytes ?? 0,
        memoryFreeBytes: memory.freeBytes,
        memoryLargestFreeBytes: memory.largestFreeBytes,
        memoryLiveBlocks: memory.liveBlocks,
        memoryMallocs: memory.mallocs,
        memoryFailedMallocs: memory.failedMallocs,
        memoryRemoteFrees: memory.remoteFreesReceived,
      },
      bus: busFigures(),
      classCounts: [...items.lists.counts.entries()].filter(([, count]) => count > 0),
    };
  },

  /** The addresses of the clients that are connected to this shard. */
  connections: (): string[] => localServer()?.remoteAddresses() ?? [],

  reset(): void {
    localStore().items.counters = new StoreCounters();
  },
});

function busFigures(): Record<string, number> {
  const { latencyMicroseconds, ...counts } = busStatistics();
  return {
    ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [`bus_${name}`, count])),
    bus_latencyP50Microseconds: latencyMicroseconds.p50,
    bus_latencyP99Microseconds: latencyMicroseconds.p99,
  };
}
