/** Tasks of the tests of addresses that a shard's former life has given away. */
import { defineTasks, localAllocator, submitTo, type Task } from "@tidepool/core";
import { i32, NewDelete, struct } from "../../../allocator/mod.ts";

/** Every way in which a program has an address taken for that of a block. */
export type Use = "free" | "realloc" | "measure" | "delete";

interface FormerLifeTasks {
  readonly take: Task<[count: number, byteLength: number], number[]>;
  readonly use: Task<[use: Use, addresses: number[]], string[]>;
  readonly statistics: Task<[], { liveBlocks: number; usedBytes: number; dropped: number }>;
  readonly close: Task<[], void>;
  readonly waitFor: Task<[flag: number], void>;
  readonly set: Task<[flag: number], void>;
  readonly read: Task<[address: number], number>;
  readonly closeAfter: Task<[holding: number, flag: number], void>;
  readonly swallow: Task<[text: string], void>;
  readonly give: Task<[shard: number, count: number], void>;
  readonly checkHeap: Task<[], void>;
  readonly nothing: Task<[], void>;
}

const Flag = struct("Flag", { value: i32 });
const CELL_BYTES = 4;

function cellOf(flag: number): Int32Array {
  return new Int32Array(localAllocator().buffer, flag, 1);
}

function raise(flag: number): void {
  Atomics.store(cellOf(flag), 0, 1);
  Atomics.notify(cellOf(flag), 0);
}

function perform(use: Use, address: number): void {
  const allocator = localAllocator();
  switch (use) {
    case "free":
      return allocator.free(address);
    case "realloc":
      return void allocator.realloc(address, 3000);
    case "measure":
      return void allocator.mallocUsableSize(address);
    case "delete":
      return new NewDelete(allocator).delete(address, { byteLength: 1000 });
  }
}

export const formerLifeTasks: FormerLifeTasks = defineTasks(import.meta.url, {
  take: (count: number, byteLength: number) =>
    Array.from({ length: count }, () => localAllocator().calloc(1, byteLength)),
  /** What each address is met with: the name of an error and its message, or "accepted". */
  use: (use: Use, addresses: number[]) =>
    addresses.map((address) => {
      try {
        perform(use, address);
        return "accepted";
      } catch (error) {
        return String(error);
      }
    }),
  statistics: () => {
    const { liveBlocks, usedBytes, remoteFreesDropped } = localAllocator().statistics();
    return { liveBlocks, usedBytes, dropped: remoteFreesDropped };
  },
  close: () => self.close(),
  /** Holds the thread until a flag, an address, is set. */
  waitFor: (flag: number) => {
    Atomics.wait(cellOf(flag), 0, 0);
  },
  set: raise,
  read: (address: number) => Flag.at(localAllocator(), address).value,
  /** The same, which a flag tells, and then the shard dies with what others have sent it meanwhile. */
  closeAfter: (holding: number, flag: number) => {
    raise(holding);
    Atomics.wait(cellOf(flag), 0, 0);
    self.close();
  },
  swallow: () => {},
  /** Sends so many messages that need a block each, and wants no reply. */
  give: async (shard: number, count: number) => {
    const text = "a block".repeat(1000);
    for (let i = 0; i < count; i++) {
      await submitTo(shard, formerLifeTasks.swallow.with({ noReply: true }), text);
    }
  },
  checkHeap: () => localAllocator().checkHeap(),
  nothing: () => {},
});

/** A flag takes so much. */
export const FLAG_BYTES = CELL_BYTES;
