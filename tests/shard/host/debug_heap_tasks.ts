/** Misuse of memory across shards, for a debug heap to find. */
import { defineTasks, localAllocator, type Task } from "@tidepool/core";

interface DebugHeapTasks {
  readonly malloc: Task<[number], number>;
  readonly free: Task<[number], void>;
  readonly overrun: Task<[number, number], void>;
}

export const debugHeapTasks: DebugHeapTasks = defineTasks(import.meta.url, {
  malloc: (byteLength: number) => localAllocator().malloc(byteLength),
  free: (address: number) => localAllocator().free(address),
  /** Writes a byte behind a block of `byteLength` bytes. */
  overrun: (address: number, byteLength: number) => {
    localAllocator().bytes(address, byteLength + 1)[byteLength]! ^= 0xff;
  },
});
