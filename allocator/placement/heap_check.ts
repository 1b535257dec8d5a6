/**
 * Checks every invariant of the heap of a slice and names the first that does not hold: the walk of
 * `tlsf_check` and `tlsf_check_pool` (mattconte/tlsf), joined so that lists and blocks are checked
 * against each other, with the counters and the list of remote frees added. Takes time and memory in
 * proportion to the blocks.
 *
 * @module
 */
import {
  addressOf,
  blockAfter,
  CACHED,
  FALLOW_KEPT,
  FALLOW_WORD,
  FIRST_LEVEL_WORD,
  firstBlockOf,
  FREE,
  FREES_WORD,
  granulesOf,
  hasStartMap,
  HeapCheckError,
  levelsOf,
  LIST_HEADS_WORD,
  LISTS_PER_LEVEL,
  LOOSE_BLOCK_WORD,
  LOOSE_CLASS_WORD,
  MALLOCS_WORD,
  NEXT_LINK_WORD,
  openSlice,
  PEAK_GRANULES_WORD,
  PREVIOUS_FREE,
  PREVIOUS_LINK_WORD,
  readCount,
  REMOTE_FREE_HEAD_WORD,
  REMOTE_LINK_WORD,
  SECOND_LEVEL_WORD,
  sentinelOf,
  sizeClassOf,
  type SliceSpan,
  SMALLEST_BLOCK_GRANULES,
  USED_GRANULES_WORD,
} from "../layout/mod.ts";
import { isFallowIntact } from "./former_life.ts";
import { SMALL_GRANULES } from "./small_cache.ts";

/**
 * Walks a slice and checks every invariant of its heap. Any thread may check; while the owner
 * allocates or frees, a violation may be none.
 *
 * @param buffer the segment
 * @param slice where the slice lies in it
 * @throws {HeapCheckError} naming the first invariant that does not hold, and the address
 * @throws {RangeError} if the span is no slice of the buffer, or is not formatted
 *
 * @example
 * ```ts
 * import { Allocator, HeapCheckError } from "@tidepool/core/allocator";
 * import { checkHeap } from "@tidepool/core/diagnosis";
 * import { assertThrows } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(65536);
 * const slice = { byteOffset: 0, byteLength: 65536 };
 * const allocator = Allocator.create(segment, [slice], 0);
 * const address = allocator.malloc(16);
 * checkHeap(segment, slice);
 * allocator.bytes(address, 64).fill(0xff); // past the end of the block
 * assertThrows(() => checkHeap(segment, slice), HeapCheckError);
 * ```
 */
export function checkHeap(buffer: SharedArrayBuffer, slice: SliceSpan): void {
  const words = openSlice(buffer, slice);
  const unlisted = checkBlocks(words);
  // What is marked so and small is for the owner to check: it alone knows what its classes hold.
  if (!hasStartMap(words)) {
    for (const block of unlisted.cached) {
      const granules = granulesOf(words[block]!);
      if (granules < SMALL_GRANULES) continue;
      fail(
        words,
        block,
        "a kept block is small, but in a debug heap",
        `it has ${granules * 8} bytes`,
      );
    }
  }
  checkLoose(words, unlisted.free);
  checkLists(words, unlisted.free);
  for (const block of unlisted.free) {
    fail(words, block, "a free block but one is on the list of its size", "no list has it");
  }
  checkQueue(words, unlisted.used);
}

/** The blocks found, by the headers' own account. */
interface Blocks {
  readonly free: Set<number>;
  readonly cached: Set<number>;
  readonly used: Set<number>;
}

function checkBlocks(words: Int32Array): Blocks {
  const sentinel = sentinelOf(words.length);
  const free = new Set<number>();
  const cached = new Set<number>();
  const used = new Set<number>();
  const quarantine = hasStartMap(words);
  let usedGranules = 0;
  let left = 0;
  let block = firstBlockOf(words.length);
  while (block < sentinel) {
    const header = words[block]!;
    const granules = granulesOf(header);
    const next = blockAfter(block, granules);
    if (granules < SMALLEST_BLOCK_GRANULES) {
      fail(words, block, "a block has 16 bytes or more", `its header gives ${granules * 8}`);
    }
    if (next > sentinel) {
      fail(words, block, "a block ends inside the heap", `its header gives ${granules * 8} bytes`);
    }
    checkLeft(words, block, left);
    if ((header & FREE) !== 0) {
      if (left !== 0 && (words[left]! & FREE) !== 0) {
        fail(words, block, "no two free blocks are neighbours", "the one before it is free");
      }
      if ((header & CACHED) !== 0) {
        fail(words, block, "a free block is not kept for reuse as well", `its header is ${header}`);
      }
      free.add(block);
    } else if (left !== 0 || words[FALLOW_WORD] !== FALLOW_KEPT) {
      const isKept = (header & CACHED) !== 0;
      // What is in quarantine counts as used: nobody can have it.
      if (!isKept || quarantine) usedGranules += granules;
      if (isKept) cached.add(block);
      else used.add(block);
    } else if (!isFallowIntact(words)) {
      fail(words, block, "the fallow is kept", `its header is ${header}`);
    }
    left = block;
    block = next;
  }
  checkLeft(words, sentinel, left);
  if ((words[sentinel]! & ~PREVIOUS_FREE) !== 0) {
    fail(
      words,
      sentinel,
      "a used block of no size ends the heap",
      `its header is ${words[sentinel]}`,
    );
  }
  // The map of starts of a debug heap is a block that nobody asked for.
  checkCounters(words, usedGranules, quarantine ? used.size - 1 : used.size);
  return { free, cached, used };
}

/** What a header says about the block before it must be so. */
function checkLeft(words: Int32Array, block: number, left: number): void {
  const isFree = left !== 0 && (words[left]! & FREE) !== 0;
  if (((words[block]! & PREVIOUS_FREE) !== 0) !== isFree) {
    fail(
      words,
      block,
      "a header says whether the block before it is free",
      isFree ? "it says used" : "it says free",
    );
  }
  if (isFree && words[block - 1] !== left) {
    fail(words, left, "a free block ends with its own index", `it ends with ${words[block - 1]}`);
  }
}

function checkCounters(words: Int32Array, usedGranules: number, handedOut: number): void {
  const first = firstBlockOf(words.length);
  if (words[USED_GRANULES_WORD] !== usedGranules) {
    fail(
      words,
      first,
      "the bytes in use are those of the used blocks",
      `${words[USED_GRANULES_WORD]! * 8} are counted and ${usedGranules * 8} are found`,
    );
  }
  if (words[PEAK_GRANULES_WORD]! < usedGranules) {
    fail(
      words,
      first,
      "the peak is no less than the bytes in use",
      `it is ${words[PEAK_GRANULES_WORD]! * 8}`,
    );
  }
  const live = readCount(words, MALLOCS_WORD) - readCount(words, FREES_WORD);
  if (live !== handedOut) {
    fail(
      words,
      first,
      "blocks handed out and not freed are the used blocks",
      `${live} are counted and ${handedOut} are found`,
    );
  }
}

/** Takes the loose block out of `unlisted`. */
function checkLoose(words: Int32Array, unlisted: Set<number>): void {
  const block = words[LOOSE_BLOCK_WORD]!;
  const sizeClass = words[LOOSE_CLASS_WORD]!;
  if (block === 0 && sizeClass === 0) return;
  if (!unlisted.delete(block)) {
    fail(words, block, "the loose block is free", "it is not, or it is not a block");
  }
  const found = sizeClassOf(granulesOf(words[block]!));
  if (found !== sizeClass) {
    fail(words, block, "the loose block has the class noted for it", `${sizeClass}, not ${found}`);
  }
}

/** Takes every block it finds on a list out of `unlisted`. */
function checkLists(words: Int32Array, unlisted: Set<number>): void {
  const levels = levelsOf(words.length);
  for (let level = 0; level < levels; level++) {
    const lists = words[SECOND_LEVEL_WORD + level]!;
    if (((words[FIRST_LEVEL_WORD]! >>> level) & 1) !== (lists === 0 ? 0 : 1)) {
      fail(
        words,
        0,
        "the first-level bitmap marks the levels with lists",
        `level ${level} differs`,
      );
    }
    for (let list = 0; list < LISTS_PER_LEVEL; list++) {
      const sizeClass = level * LISTS_PER_LEVEL + list;
      const head = words[LIST_HEADS_WORD + sizeClass]!;
      if (((lists >>> list) & 1) !== (head === 0 ? 0 : 1)) {
        fail(
          words,
          0,
          "the second-level bitmap marks the lists with blocks",
          `${sizeClass} differs`,
        );
      }
      checkList(words, sizeClass, head, unlisted);
    }
  }
}

function checkList(
  words: Int32Array,
  sizeClass: number,
  head: number,
  unlisted: Set<number>,
): void {
  // The list's head counts as the next-link of a block of its own.
  let previous = LIST_HEADS_WORD + sizeClass - NEXT_LINK_WORD;
  for (let block = head; block !== 0; block = words[block + NEXT_LINK_WORD]!) {
    if (!unlisted.delete(block)) {
      fail(words, block, "a list has free blocks, each once", `list ${sizeClass} leads here`);
    }
    const found = sizeClassOf(granulesOf(words[block]!));
    if (found !== sizeClass) {
      fail(words, block, "a list has blocks of its size", `list ${sizeClass} has one of ${found}`);
    }
    if (words[block + PREVIOUS_LINK_WORD] !== previous) {
      fail(words, block, "links lead back where they came from", `list ${sizeClass} does not`);
    }
    previous = block;
  }
}

/** The owner alone takes blocks off this list, so those that are on it now stay while it looks. */
function checkQueue(words: Int32Array, used: Set<number>): void {
  let block = Atomics.load(words, REMOTE_FREE_HEAD_WORD);
  while (block !== 0) {
    if (!used.delete(block)) {
      fail(words, block, "a block queued to be freed is in use, and queued once", "it is not");
    }
    block = words[block + REMOTE_LINK_WORD]!;
  }
}

function fail(words: Int32Array, block: number, invariant: string, found: string): never {
  throw new HeapCheckError(invariant, addressOf(words, block), found);
}
