/** Tasks by which a test does damage on a shard, as a wild write of a program would. */
import { defineTasks, localAllocator } from "@tidepool/core";

export const sabotageTasks = defineTasks(import.meta.url, {
  /** Flips one bit at `address`. */
  flipBit: (address: number): void => {
    const bytes = localAllocator().bytes(address, 1);
    bytes[0] = bytes[0]! ^ 1;
  },
  /** Allocates a block that nobody will free. */
  leak: (byteLength: number): number => localAllocator().malloc(byteLength),
});
