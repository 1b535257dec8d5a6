/** Tasks of the tests of blocks that other shards free and resize. */
import { defineTasks, localAllocator, type Task } from "@tidepool/core";

interface RemoteFreeTasks {
  readonly fill: Task<[leaveBytes: number], number[]>;
  readonly makeBlock: Task<[byteLength: number, fill: number], number>;
  readonly free: Task<number[], void>;
  readonly measure: Task<[address: number], number>;
  readonly resize: Task<[address: number, byteLength: number], Resized>;
  readonly cacheUntilLow: Task<[blockBytes: number], Cached>;
  readonly nothing: Task<[], void>;
}

/** What became of a block that was resized. */
export interface Resized {
  readonly address: number;
  readonly owner: number;
  readonly bytes: number[];
}

/** A cache that took all memory down to the low-water mark, and below. */
export interface Cached {
  readonly blocks: number;
  readonly lowWaterBytes: number;
}

export const remoteFreeTasks: RemoteFreeTasks = defineTasks(import.meta.url, {
  /** Takes the slice in blocks until no more than so many bytes are free. */
  fill: (leaveBytes: number): number[] => {
    const allocator = localAllocator();
    const addresses: number[] = [];
    while (allocator.statistics().freeBytes > leaveBytes + 4096) {
      addresses.push(allocator.malloc(4096 - 4));
    }
    return addresses;
  },
  makeBlock: (byteLength: number, fill: number): number => {
    const allocator = localAllocator();
    const address = allocator.malloc(byteLength);
    allocator.bytes(address, byteLength).fill(fill);
    return address;
  },
  free: (...addresses: number[]): void => {
    for (const address of addresses) localAllocator().free(address);
  },
  measure: (address: number): number => localAllocator().mallocUsableSize(address),
  resize: (address: number, byteLength: number): Resized => {
    const allocator = localAllocator();
    const moved = allocator.realloc(address, byteLength);
    const bytes = [...allocator.bytes(moved, byteLength)];
    return { address: moved, owner: allocator.owner(moved), bytes };
  },
  /** Fills a cache past the low-water mark, with a reclaimer that may empty it between two turns. */
  cacheUntilLow: (blockBytes: number): Cached => {
    const allocator = localAllocator();
    const { lowWaterBytes } = allocator.reclaimers;
    const cache: number[] = [];
    while (allocator.statistics().freeBytes > lowWaterBytes) {
      cache.push(allocator.malloc(blockBytes));
    }
    const blocks = cache.length;
    allocator.reclaimers.add(({ byteLength }) => {
      for (let freed = 0; freed < byteLength && cache.length > 0; freed += blockBytes) {
        allocator.free(cache.pop()!);
      }
    }, { heldBytes: () => cache.length * blockBytes });
    return { blocks, lowWaterBytes };
  },
  nothing: (): void => {},
});
