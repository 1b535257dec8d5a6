/** Fills memory, frees it, and gives it back: each task on the shard whose memory it is. */
import { defineTasks, localAllocator } from "@tidepool/core";

/** Where blocks of each round lie, on this shard. */
let blocks: number[] = [];
const BLOCK_BYTES = 256 * 1024;
/** Of a free block these may be the heap's own: header, links, and a block that begins in between. */
const EDGE_BYTES = 64;

/** The byte that a filled block has at `at`. */
function patternAt(address: number, at: number): number {
  return (address / 8 + at * 7) & 0xff;
}

export const trimTasks = defineTasks(import.meta.url, {
  /** Takes so many bytes, each block filled with a pattern of its own, and returns how many it has. */
  fill: (byteLength: number): number => {
    const allocator = localAllocator();
    for (let taken = 0; taken < byteLength; taken += BLOCK_BYTES) {
      const address = allocator.malloc(BLOCK_BYTES);
      if (address === 0) break;
      const bytes = allocator.bytes(address, BLOCK_BYTES);
      for (let at = 0; at < BLOCK_BYTES; at++) bytes[at] = patternAt(address, at);
      blocks.push(address);
    }
    return blocks.length * BLOCK_BYTES;
  },
  /** How many bytes are not what `fill` has written. */
  wrongBytes: (): number => {
    let wrong = 0;
    for (const address of blocks) {
      const bytes = localAllocator().bytes(address, BLOCK_BYTES);
      for (let at = 0; at < BLOCK_BYTES; at++) {
        if (bytes[at] !== patternAt(address, at)) wrong++;
      }
    }
    return wrong;
  },
  /** Frees all blocks but every `keep`th, and returns how many bytes it has freed. */
  free: (keep: number): number => {
    const freed = blocks.filter((_, at) => at % keep !== 0);
    for (const address of freed) localAllocator().free(address);
    blocks = blocks.filter((_, at) => at % keep === 0);
    return freed.length * BLOCK_BYTES;
  },
  trim: (): number => localAllocator().mallocTrim(),
  check: (): void => localAllocator().checkHeap(),
  /** A block that others read, and the word in it that says for how long. */
  makeRead: (byteLength: number): { address: number; word: number } => ({
    address: localAllocator().malloc(byteLength),
    word: localAllocator().calloc(1, 4),
  }),
  /** Writes, frees, gives back, and takes the same block again, so many times. */
  giveAndTake: (address: number, byteLength: number, word: number, rounds: number): number => {
    const allocator = localAllocator();
    let given = 0;
    for (let round = 0; round < rounds; round++) {
      allocator.bytes(address, byteLength).fill(0x5a);
      allocator.free(address);
      given += allocator.mallocTrim();
      if (allocator.malloc(byteLength) !== address) throw new Error("another block was taken");
    }
    Atomics.store(new Int32Array(allocator.buffer, word, 1), 0, 1);
    return given;
  },
  /** Reads a block of another shard again and again: which bytes it has seen. */
  read: (address: number, byteLength: number, word: number): { seen: number[]; passes: number } => {
    const allocator = localAllocator();
    const bytes = allocator.bytes(address + EDGE_BYTES, byteLength - 2 * EDGE_BYTES);
    const stop = new Int32Array(allocator.buffer, word, 1);
    const counts = new Uint32Array(256);
    let passes = 0;
    for (; Atomics.load(stop, 0) === 0; passes++) {
      for (let at = 0; at < bytes.length; at += 509) counts[bytes[at]!]!++;
    }
    return { seen: [...counts.keys()].filter((byte) => counts[byte]! > 0), passes };
  },
  /** Whether the middle of what was freed last reads 0 by now. */
  readsZero: (address: number): boolean => localAllocator().bytes(address, 1)[0] === 0,
  first: (): number => blocks[1]!,
});
