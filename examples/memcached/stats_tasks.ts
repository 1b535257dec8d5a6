/**
 * What one shard tells of itself when another answers `stats`.
 *
 * @module
 */

import { busStatistics, defineTasks, localAllocator, thisShard } from "@tidepool/core";
import { ConnectionCounters, StoreCounters } from "./counters.ts";
import { BINARY_KEY, HEADER_BYTES, Item } from "./item.ts";
import { type PrefixCounts, PrefixStatistics } from "./prefix_counts.ts";
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
    readonly memoryTotalBytes: number;
    readonly memoryUsedBytes: number;
    readonly memorySpareBytes: number;
    readonly memoryFreeBytes: number;
    readonly memoryLargestFreeBytes: number;
    readonly memoryLiveBlocks: number;
    readonly memoryMallocs: number;
    readonly memoryFailedMallocs: number;
    readonly memoryRemoteFrees: number;
  } & Readonly<ConnectionCounters>;
  /** Whether it takes connections at the moment. */
  readonly isAccepting: boolean;
  /** Figures of its bus. */
  readonly bus: Readonly<Record<string, number>>;
  /** The size classes that have items. */
  readonly classes: readonly ClassFigures[];
}

/** A size class. */
export interface ClassFigures {
  readonly sizeClass: number;
  /** How many items it has. */
  readonly count: number;
  /** Seconds since the item was used that is the next to go. */
  readonly age: number;
}

/** A client that is connected. */
export interface ClientFigures {
  readonly address: string;
  /** Whether the server waits for it. */
  readonly isWaiting: boolean;
  /** Seconds for which it has. */
  readonly idleSeconds: number;
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
        ...(server?.counters ?? new ConnectionCounters()),
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
      isAccepting: server?.isAccepting ?? false,
      bus: busFigures(),
      classes: classFigures(),
    };
  },

  /** The clients that are connected to this shard. */
  connections: (): ClientFigures[] =>
    Array.from(localServer()?.connections ?? [], (connection) => ({
      address: connection.remoteAddress,
      isWaiting: connection.isWaiting,
      idleSeconds: Math.floor(connection.idleMilliseconds / 1000),
    })),

  reset(): void {
    localStore().items.counters = new StoreCounters();
    const server = localServer();
    if (server === undefined) return;
    server.counters = new ConnectionCounters();
    server.prefixes?.counts.clear();
    server.lastPrefixes?.counts.clear();
  },

  /** Begins to count by prefix, or ends. */
  setDetail(isOn: boolean): void {
    const server = localServer();
    if (server === undefined) return;
    server.lastPrefixes ??= new PrefixStatistics(server.bytes);
    server.prefixes = isOn ? server.lastPrefixes : undefined;
  },

  /** What was counted by prefix, now or before it was ended. */
  prefixes: (): Map<string, PrefixCounts> => localServer()?.lastPrefixes?.counts ?? new Map(),

  /** A line about each of `limit` items of a class, 0 for all; together of `mostBytes` at most. */
  dump(sizeClass: number, limit: number, mostBytes: number): string[] {
    const { lists } = localStore().items;
    const bytes = localAllocator().bytes(0, localAllocator().buffer.byteLength);
    const lines: string[] = [];
    let byteLength = 0;
    for (const address of lists.itemsOf(sizeClass)) {
      const item = Item.at(localAllocator(), address);
      if ((item.state & BINARY_KEY) !== 0) continue; // it may have the end of a line in it
      const start = address + HEADER_BYTES;
      const key = String.fromCharCode(...bytes.subarray(start, start + item.keyLength));
      const line = `ITEM ${key} [${item.valueLength} b; ${item.expiry} s]\r\n`;
      byteLength += line.length;
      if (byteLength > mostBytes) break;
      lines.push(line);
      if (lines.length === limit) break;
    }
    return lines;
  },
});

function classFigures(): ClassFigures[] {
  const { items } = localStore();
  const classes: ClassFigures[] = [];
  for (const [sizeClass, count] of items.lists.counts.entries()) {
    if (count === 0) continue;
    const oldest = Item.at(localAllocator(), items.lists.lastOf(sizeClass));
    classes.push({ sizeClass, count, age: Math.max(0, items.now - oldest.time) });
  }
  return classes;
}

function busFigures(): Record<string, number> {
  const { latencyMicroseconds, ...counts } = busStatistics();
  return {
    ...Object.fromEntries(Object.entries(counts).map(([name, count]) => [`bus_${name}`, count])),
    bus_latencyP50Microseconds: latencyMicroseconds.p50,
    bus_latencyP99Microseconds: latencyMicroseconds.p99,
  };
}
