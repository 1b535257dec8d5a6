/**
 * Small size classes in front of TLSF: freed blocks of up to 248 bytes are kept by size, and handed
 * out again without being merged and split, after the small pools of Seastar (`src/core/memory.cc`,
 * `small_pool`). A class is filled by cutting one block in four. What comes when it is full goes to TLSF
 * at once: to make room by trimming a batch, as Seastar does, costs each block a second visit, and was
 * measured to be slower on every trace.
 *
 * How it differs from Seastar's pools: a block of a class is a block of TLSF, with a header of its
 * own. So any block can leave its class at any time, alone, and be merged with its neighbours; there
 * are no spans that one live object keeps from being used for another size.
 *
 * Space comes first. A kept block cannot serve another size, and blocks cut ahead of need separate
 * what would have been one free block. So the classes work only while less than half of the heap is in
 * use, and give back what they hold, batch by batch, once it is more; before an allocation fails they
 * give back all. Slices of less than 2 MiB have no classes.
 *
 * A kept block has CACHED in its header: in use for TLSF, so that nothing merges with it, and free for
 * the checks of `Allocator`.
 *
 * Worst case of one operation: one of TLSF, and three headers written (a class is filled), or a batch
 * of 128 blocks freed (a class gives back).
 *
 * @module
 */
import * as layout from "./block_layout.ts";
import * as control from "./control_layout.ts";
import { HeapCheckError } from "./errors.ts";
import type { Tlsf } from "./tlsf.ts";

// V8 loads an imported binding from a cell at every use: see the same copies in tlsf.ts.
const CACHED = layout.CACHED;
const PREVIOUS_FREE = layout.PREVIOUS_FREE;
const NEXT = layout.NEXT_LINK_WORD;
const USED = control.USED_GRANULES_WORD;
const COUNTS = control.CLASS_COUNTS_WORD;
const LARGEST = control.LARGEST_CLASS_GRANULES;
/**
 * Blocks that a class is filled with at a time. Three ahead of need cost next to no space; 16 were
 * measured to be no faster to speak of, and cost git 2 % of the slice that it needs.
 */
const FILL_BLOCKS = 4;
/** Blocks that a class holds at most. */
const MOST_BLOCKS = 512;
/** Blocks that leave a class at a time. */
const BATCH_BLOCKS = 128;

/** The small classes of one slice. */
export class SmallClasses {
  /** The largest block that is kept, in granules; 0 if the slice has no classes. */
  readonly largest: number;
  readonly #words: Int32Array;
  readonly #tlsf: Tlsf;
  /** `#heads + granules` is the word with the first block of that class. */
  readonly #heads: number;
  /** Granules in use from which on nothing is kept, and below which the classes work again. */
  readonly #high: number;
  readonly #low: number;
  /** One of the two. */
  #limit: number;
  /** The class that gives back next while memory is short. */
  #giving = 0;

  /** Takes up a heap that was just formatted. A debug heap must see every block: no classes then. */
  constructor(tlsf: Tlsf, enabled: boolean) {
    this.#words = tlsf.words;
    this.#tlsf = tlsf;
    this.#heads = control.classHeadsOf(tlsf.words.length);
    this.largest = enabled && this.#heads !== 0 ? LARGEST : 0;
    this.#high = tlsf.heapGranules >>> 1;
    this.#low = this.#high - (this.#high >>> 3);
    this.#limit = this.#high;
  }

  /** A block of `granules`, at most `largest`, or of one more; 0 if there is none. */
  take(granules: number): number {
    const words = this.#words;
    const head = this.#heads + granules;
    const block = words[head]!;
    if (block === 0) return this.#fill(granules, head);
    const header = words[block]!;
    if ((header & ~PREVIOUS_FREE) !== ((granules << 3) | CACHED)) {
      throw overwritten(words, block, granules);
    }
    words[head] = words[block + NEXT]!;
    words[head + COUNTS] = words[head + COUNTS]! - 1;
    words[block] = header & ~CACHED;
    return block;
  }

  /** Keeps or frees a block in use of at most `largest` granules, of which `header` is the header. */
  give(block: number, header: number): void {
    const words = this.#words;
    const head = this.#heads + (header >>> 3);
    const count = words[head + COUNTS]!;
    if (count >= MOST_BLOCKS || words[USED]! >= this.#limit) {
      this.#tlsf.release(block, header);
      return;
    }
    words[block] = header | CACHED;
    words[block + NEXT] = words[head]!;
    words[head] = block;
    words[head + COUNTS] = count + 1;
  }

  /** Gives back all blocks, and says how many those were. Takes time in proportion to them. */
  flush(): number {
    let flushed = 0;
    for (let head = this.#heads + 2; head <= this.#heads + this.largest; head++) {
      const count = this.#words[head + COUNTS]!;
      this.#giveBack(head, count);
      flushed += count;
    }
    return flushed;
  }

  /** A block for a class that has none. */
  #fill(granules: number, head: number): number {
    const words = this.#words;
    if (words[USED]! >= this.#limit) {
      this.#limit = this.#low;
      if (this.#giving >= 2) this.#giveBackNext();
      return this.#tlsf.allocate(granules);
    }
    this.#limit = this.#high;
    this.#giving = LARGEST;
    const run = this.#tlsf.allocate(granules * FILL_BLOCKS);
    if (run === 0) return this.#tlsf.allocate(granules);
    // A granule too few to be a block stays with the one returned, as TLSF itself does it.
    const size = words[run]! >>> 3;
    let block = run + size * 2;
    let next = 0;
    for (let i = 1; i < FILL_BLOCKS; i++) {
      block -= granules * 2;
      words[block] = (granules << 3) | CACHED;
      words[block + NEXT] = next;
      next = block;
    }
    words[run] = (size - granules * (FILL_BLOCKS - 1)) << 3;
    words[head] = next;
    words[head + COUNTS] = FILL_BLOCKS - 1;
    return run;
  }

  /** Memory has become short: gives a batch back, from one class after the other. */
  #giveBackNext(): void {
    const head = this.#heads + this.#giving;
    const count = this.#words[head + COUNTS]!;
    this.#giveBack(head, Math.min(count, BATCH_BLOCKS));
    if (count <= BATCH_BLOCKS) this.#giving--;
  }

  /** Gives back the first `count` blocks of a class. */
  #giveBack(head: number, count: number): void {
    const words = this.#words;
    const granules = head - this.#heads;
    for (let i = 0; i < count; i++) {
      const block = words[head]!;
      const header = words[block]! & ~CACHED;
      if (header === words[block] || (header & ~PREVIOUS_FREE) !== granules << 3) {
        throw overwritten(words, block, granules);
      }
      words[head] = words[block + NEXT]!;
      words[head + COUNTS] = words[head + COUNTS]! - 1;
      words[block] = header;
      this.#tlsf.release(block, header);
    }
  }
}

/** A class leads to a block that cannot be in it: the program wrote to memory it had freed. */
function overwritten(words: Int32Array, block: number, granules: number): Error {
  return new HeapCheckError(
    "a small class has free blocks of its size",
    words.byteOffset + block * Int32Array.BYTES_PER_ELEMENT + layout.HEADER_BYTES,
    `the class of ${granules * 8} bytes leads to a header of ${words[block]}`,
  );
}
