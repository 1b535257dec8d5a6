/**
 * The checks that are always on: whether an address can be that of a live block. Each runs in
 * constant time, by reading the block's header and what its neighbours say about it. They are exact
 * about blocks that were freed and not handed out again; an address inside a block is caught only if
 * the bytes there happen not to look like a header (the debug heap knows every start).
 *
 * @module
 */
import { isArenaMark } from "./arena_layout.ts";
import {
  addressOf,
  blockAfter,
  blockAt,
  CACHED,
  FREE,
  granulesOf,
  PREVIOUS_FREE,
} from "./block_layout.ts";
import { firstBlockOf, sentinelOf } from "./control_layout.ts";
import { DoubleFreeError, InvalidAddressError } from "./errors.ts";
import { GRANULE_BYTES, SMALLEST_BLOCK_GRANULES } from "./size_class.ts";
import { isFormatted, type SliceTable } from "./slice_table.ts";
import { hasStartMap, isStart, startFault } from "./start_map.ts";

const NOT_LIVE = FREE | CACHED;

/** What the fault of a block is called that was freed before. */
export const FREE_ALREADY = "it is free already";
/** What the fault of a block is called that lies in an arena. */
const IN_ARENA = "it is a block of an arena, which alone can free it";

/**
 * Finds the slice that holds a live block, as far as its owner, or another thread, can tell.
 *
 * @param operation what the caller is about to do, for the message
 * @param ownIndex the slice that the calling thread owns
 * @returns the index of the slice
 * @throws {InvalidAddressError} if the address can be that of no live block
 */
export function locateBlock(
  operation: string,
  address: number,
  slices: SliceTable,
  ownIndex: number,
): number {
  if (typeof address !== "number") {
    throw new TypeError(`Cannot ${operation} address ${String(address)}: expected a number`);
  }
  if (!Number.isSafeInteger(address) || address < 0) {
    const reason = "an address is a whole number of bytes, 0 or more";
    throw new InvalidAddressError(operation, address, -1, reason);
  }
  const index = slices.find(address);
  if (index === -1) {
    const reason = `it lies outside the segment: slices cover ${slices.extent}`;
    throw new InvalidAddressError(operation, address, -1, reason);
  }
  const words = slices.words(index);
  if (index !== ownIndex && !isFormatted(words)) {
    const reason = "its slice is not formatted: Allocator.create() has not run on it";
    throw new InvalidAddressError(operation, address, index, reason);
  }
  if (address % GRANULE_BYTES !== 0) {
    throw new InvalidAddressError(operation, address, index, "it is not a multiple of 8");
  }
  const block = blockAt(words, address);
  const first = firstBlockOf(words.length);
  if (block < first) {
    const end = addressOf(words, sentinelOf(words.length));
    const reason = `it lies outside the heap: blocks cover ${addressOf(words, first)} to ${end}`;
    throw new InvalidAddressError(operation, address, index, reason);
  }
  const fault = index === ownIndex ? blockFault(words, block) : foreignBlockFault(words, block);
  if (fault !== undefined) throw faultError(operation, address, index, fault);
  return index;
}

/** The error for a fault that one of the functions below found. */
export function faultError(
  operation: string,
  address: number,
  sliceIndex: number,
  fault: string,
): InvalidAddressError {
  return fault === FREE_ALREADY
    ? new DoubleFreeError(operation, address, sliceIndex, fault)
    : new InvalidAddressError(operation, address, sliceIndex, fault);
}

/**
 * Owner: why the block cannot be a live one of this heap, or `undefined` if nothing speaks against
 * it.
 */
export function blockFault(words: Int32Array, block: number): string | undefined {
  const fault = foreignBlockFault(words, block);
  if (fault !== undefined) return fault;
  const header = words[block]!;
  if ((words[blockAfter(block, granulesOf(header))]! & PREVIOUS_FREE) !== 0) {
    return "the block after it says that this one is free: the address lies inside a block, or a " +
      "header was overwritten";
  }
  if (
    (header & PREVIOUS_FREE) !== 0 && !hasFreeNeighbour(words, block, firstBlockOf(words.length))
  ) {
    return "its header says that the block before it is free, and it is not: the address lies " +
      "inside a block, or a header was overwritten";
  }
  return undefined;
}

/**
 * Owner: whether blockFault() would find nothing, quickly, for an index that may be anything. Not for
 * a debug heap. To ask blockFault() itself costs remote frees 14 % (measured as tlsf.ts says).
 * `Allocator.free()` has the same once more: see there. block_check_test.ts holds the three together.
 */
export function looksLive(
  words: Int32Array,
  block: number,
  firstBlock: number,
  sentinel: number,
): boolean {
  if ((block & 1) === 0 || block < firstBlock || block >= sentinel) return false;
  const header = words[block]!;
  const end = block + (header >>> 3) * 2;
  if ((header & NOT_LIVE) !== 0 || (header >>> 4) === 0 || end > sentinel) return false;
  if ((words[end]! & PREVIOUS_FREE) !== 0) return false;
  return (header & PREVIOUS_FREE) === 0 || hasFreeNeighbour(words, block, firstBlock);
}

/**
 * Any thread: what can be checked of a block that another thread owns. Of a live block the owner
 * rewrites PREVIOUS_FREE at any time and nothing else, so its size and FREE bits are stable, and the
 * word is read whole. A block seen as free was freed before this thread had any right to it, or
 * twice; one seen as live may still turn out to be freed twice, which the owner finds when it drains.
 */
export function foreignBlockFault(words: Int32Array, block: number): string | undefined {
  if (hasStartMap(words) && !isStart(words, block)) {
    return isArenaMark(words[block]!) ? IN_ARENA : startFault(words, block, FREE_ALREADY);
  }
  const header = words[block]!;
  if ((header & NOT_LIVE) !== 0) return isArenaMark(header) ? IN_ARENA : FREE_ALREADY;
  // The two conditions of nextBlock(), whose call costs remote frees 3 %.
  const granules = granulesOf(header);
  if (granules < SMALLEST_BLOCK_GRANULES) {
    return `its header gives ${granules * GRANULE_BYTES} bytes, and no block is so small: the ` +
      `address lies inside a block, or a header was overwritten`;
  }
  if (blockAfter(block, granules) > sentinelOf(words.length)) {
    return `its header gives ${granules * GRANULE_BYTES} bytes, past the end of the heap: the ` +
      `address lies inside a block, or a header was overwritten`;
  }
  return undefined;
}

/** Whether the back reference in front of the block leads to a free block that ends at it. */
export function hasFreeNeighbour(words: Int32Array, block: number, firstBlock: number): boolean {
  const left = words[block - 1]!;
  if (left < firstBlock) return false;
  const header = words[left]!;
  return (header & FREE) !== 0 && blockAfter(left, granulesOf(header)) === block;
}
