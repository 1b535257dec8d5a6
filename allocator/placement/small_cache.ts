/**
 * Small classes in front of TLSF: freed blocks of up to 1,004 bytes are kept by size, and the request
 * that comes next for the size gets the one that was freed last, with no search, no split and no
 * merge. After the small pools of Seastar (`src/core/memory.cc`, `small_pool`) and the thread caches
 * of tcmalloc. It differs in what is kept, and for how long:
 *
 * - a class keeps blocks of TLSF, with their headers, not objects cut from spans: so that frees from
 *   other threads, `mallocUsableSize` and all checks are the same for every block;
 * - it is a stack outside of the slice: nothing that a program writes to freed memory leads it
 *   astray, and a block is taken without reading another;
 * - it keeps 16 blocks at most, and gives the older half back when it is full: those are the least
 *   likely to be in the processor's cache;
 * - it closes when it does not pay. A program that frees many blocks of a size in a row is served
 *   better by TLSF, which merges them, so that what is allocated next lies in a row too. A class that
 *   is full again within 2,048 frees gives all back, and frees pass by it until the next round of
 *   8,192; each time that happens again to one of up to 248 bytes, twice as many rounds pass, up to 16;
 * - a small heap has fewer classes: see `HEAP_SHARE`;
 * - it costs no space when space is short: while more than half of the heap is in use classes give
 *   back what they have and stay closed, and before a request fails all of them are emptied.
 *
 * A kept block is in use as TLSF sees it, and has CACHED in its header: free for every check. Statistics
 * count it as free. `Allocator` has taking and keeping written out; what happens less often is here.
 *
 * @module
 */
import {
  addressOf,
  blockAfter,
  CACHED,
  FREES_WORD,
  granulesOf,
  HeapCheckError,
  PREVIOUS_FREE,
  roundedGranules,
  SMALLEST_BLOCK_GRANULES,
  USED_GRANULES_WORD,
} from "../layout/mod.ts";
import type { Tlsf } from "./tlsf.ts";

/** Blocks of fewer granules, for up to 1,004 bytes, are small: one more would not fit in a byte of code. */
export const SMALL_GRANULES = 127;
/** The stack of a class is found by shifting this many bits. */
export const CLASS_SHIFT = 4;
/** Most blocks of a class. All classes together hold 629 KB at most. */
export const CLASS_BLOCKS = 1 << CLASS_SHIFT;
/** The state of a class that keeps nothing; that of an open one is how many blocks it has. */
export const CLOSED = -1;
/** After so many mallocs `Allocator` calls {@linkcode SmallCache.tend}. */
export const TENDED_MALLOCS = 64;

/** Frees between two rounds in which closed classes open again. */
const ROUND_FREES = 8_192;
/** A class that is full again after fewer frees, of all sizes, closes. */
const PAYING_FREES = 128 * CLASS_BLOCKS;
/** Most rounds that a class stays closed, of which twice as many pass each time it does not pay. */
const MOST_PAUSES = 15;
/** What classes may hold is not worth having in a heap that is not much larger. */
const SMALLEST_HEAP_GRANULES = 2 ** 20 / 8;
/** A heap of that size has the classes below these granules, which hold 62 KB at most. */
const NARROW_GRANULES = 32;
/** It has more classes as long as all together hold no more than this part of it. */
const HEAP_SHARE = 1 / 256;

/** The small classes of one slice. */
export class SmallCache {
  /** The state of each class, by granules. The last is that of all larger blocks: closed. */
  readonly states: Int32Array = new Int32Array(SMALL_GRANULES + 1).fill(CLOSED);
  /** The blocks of each class, the oldest first. */
  declare readonly blocks: Int32Array;
  readonly #tlsf: Tlsf;
  readonly #words: Int32Array;
  /** Memory is short while more granules than these are in use. */
  readonly #shortGranules: number;
  /** What FREES was when a class was opened or trimmed. */
  readonly #since: Int32Array = new Int32Array(SMALL_GRANULES);
  /** Rounds that a class passes over if it closes next: more each time that it does not pay. */
  readonly #pauses: Uint8Array = new Uint8Array(NARROW_GRANULES);
  /** Rounds that a closed class passes over from now. */
  readonly #waits: Uint8Array = new Uint8Array(NARROW_GRANULES);
  /** Classes from this one up stay closed. */
  readonly #end: number;
  /** What FREES was when the last round began. */
  #roundAt = 0;
  /** How many classes are open. */
  #open = 0;
  /** The class that gave back last while memory was short. */
  #next = 0;

  /** @param isUsed whether classes may open at all */
  constructor(tlsf: Tlsf, isUsed: boolean) {
    this.#tlsf = tlsf;
    this.#words = tlsf.words;
    const isOn = isUsed && tlsf.heapGranules >= SMALLEST_HEAP_GRANULES;
    this.#shortGranules = isOn ? tlsf.heapGranules >>> 1 : -1;
    this.blocks = new Int32Array(isOn ? SMALL_GRANULES << CLASS_SHIFT : 0);
    this.#end = endOfClasses(tlsf.heapGranules * HEAP_SHARE);
    if (isOn) this.#startRound();
  }

  /**
   * Called now and then. While memory is short: empties and closes one class, of 16 blocks at most, so
   * that no operation takes long. Else: opens those that are closed, when it is time.
   */
  tend(): void {
    if (this.#isShort()) {
      this.#closeNext();
    } else if (((this.#words[FREES_WORD]! - this.#roundAt) | 0) >= ROUND_FREES) {
      this.#startRound();
    }
  }

  /** Frees a live block, with `header`, which passed the checks. Gives back 16 others at most. */
  free(block: number, header: number): void {
    const granules = Math.min(header >>> 3, SMALL_GRANULES);
    if (this.states[granules] === CLOSED) return this.#tlsf.release(block, header);
    if (this.states[granules] === CLASS_BLOCKS) {
      this.#makeRoom(granules);
      // What was given back may have been the block to the left of this one.
      header = this.#words[block]!;
    }
    if (this.states[granules] === CLOSED) this.#tlsf.release(block, header);
    else this.#keep(block, header, granules);
  }

  /** Gives everything back, and returns whether there was anything. */
  flush(): boolean {
    let some = false;
    for (let granules = 0; granules < SMALL_GRANULES; granules++) {
      const count = this.states[granules]!;
      if (count <= 0) continue;
      this.#giveBack(granules, count);
      some = true;
    }
    return some;
  }

  /** Gives one block back, if it is kept here, and returns whether it was. Looks at 16 at most. */
  release(block: number): boolean {
    const granules = Math.min(this.#words[block]! >>> 3, SMALL_GRANULES);
    const first = granules << CLASS_SHIFT;
    const count = Math.max(this.states[granules]!, 0);
    const at = this.blocks.subarray(first, first + count).indexOf(block);
    if (at === -1) return false;
    // To the place of the oldest, which is given back.
    this.blocks.copyWithin(first + 1, first, first + at);
    this.blocks[first] = block;
    this.#giveBack(granules, 1);
    return true;
  }

  /**
   * Walks the heap and checks that the classes hold the blocks that say so, each once.
   *
   * @throws {HeapCheckError} if that is not so
   */
  check(): void {
    const words = this.#words;
    const marked = new Set<number>();
    const { firstBlock, sentinel } = this.#tlsf;
    const fallow = this.#tlsf.hasFallow ? firstBlock : 0;
    for (let block = firstBlock; block < sentinel;) {
      const header = words[block]!;
      if ((header & CACHED) !== 0 && block !== fallow) marked.add(block);
      block = blockAfter(block, granulesOf(header));
    }
    for (let granules = 0; granules < SMALL_GRANULES; granules++) {
      const first = granules << CLASS_SHIFT;
      for (let at = first; at < first + this.states[granules]!; at++) {
        const block = this.blocks[at]!;
        if (marked.delete(block) && this.#words[block]! >>> 3 === granules) continue;
        this.#fail(block, "a small class has kept blocks of its size, each once");
      }
    }
    for (const block of marked) this.#fail(block, "a kept block is in the class of its size");
  }

  /** What is wrong with a block whose header changed while it was kept. */
  overwritten(block: number): HeapCheckError {
    return new HeapCheckError(
      "the header of a kept block is as it was",
      addressOf(this.#words, block),
      `it is ${this.#words[block]}: something wrote to memory that was freed, or past its end`,
    );
  }

  #isShort(): boolean {
    return this.#words[USED_GRANULES_WORD]! > this.#shortGranules;
  }

  #startRound(): void {
    this.#roundAt = this.#words[FREES_WORD]!;
    for (let granules = SMALLEST_BLOCK_GRANULES; granules < this.#end; granules++) {
      if (this.states[granules] !== CLOSED || !isClass(granules)) continue;
      if (granules < NARROW_GRANULES && this.#waits[granules]! > 0) {
        this.#waits[granules] = this.#waits[granules]! - 1;
        continue;
      }
      this.states[granules] = 0;
      this.#open++;
      this.#since[granules] = this.#roundAt;
    }
  }

  #makeRoom(granules: number): void {
    const frees = this.#words[FREES_WORD]!;
    const pays = ((frees - this.#since[granules]!) | 0) >= PAYING_FREES;
    this.#since[granules] = frees;
    if (pays) {
      if (granules < NARROW_GRANULES) this.#pauses[granules] = 0;
      if (!this.#isShort()) return this.#giveBack(granules, CLASS_BLOCKS / 2);
    }
    this.#close(granules);
    // One of larger blocks gains more than its opening costs, wherever a program frees one at a time.
    if (granules >= NARROW_GRANULES) return;
    this.#waits[granules] = this.#pauses[granules]!;
    this.#pauses[granules] = Math.min(2 * this.#pauses[granules]! + 1, MOST_PAUSES);
  }

  #closeNext(): void {
    if (this.#open === 0) return;
    do {
      this.#next = (this.#next + 1) % this.#end;
    } while (this.states[this.#next] === CLOSED);
    this.#close(this.#next);
  }

  #close(granules: number): void {
    const count = this.states[granules]!;
    if (count > 0) this.#giveBack(granules, count);
    this.states[granules] = CLOSED;
    this.#open--;
  }

  #keep(block: number, header: number, granules: number): void {
    const words = this.#words;
    const count = this.states[granules]!;
    this.states[granules] = count + 1;
    this.blocks[(granules << CLASS_SHIFT) + count] = block;
    words[block] = header | CACHED;
    words[USED_GRANULES_WORD] = words[USED_GRANULES_WORD]! - granules;
  }

  /** Gives the oldest blocks of a class to TLSF, which counts them as used until it has them. */
  #giveBack(granules: number, count: number): void {
    const words = this.#words;
    const first = granules << CLASS_SHIFT;
    const marked = (granules << 3) | CACHED;
    for (let at = first; at < first + count; at++) {
      const block = this.blocks[at]!;
      const header = words[block]!;
      if ((header & ~PREVIOUS_FREE) !== marked) {
        this.#drop(granules, at + 1 - first);
        throw this.overwritten(block);
      }
      words[USED_GRANULES_WORD] = words[USED_GRANULES_WORD]! + granules;
      this.#tlsf.release(block, header & ~CACHED);
    }
    this.#drop(granules, count);
  }

  /** Takes the oldest blocks off a class. */
  #drop(granules: number, count: number): void {
    const first = granules << CLASS_SHIFT;
    this.blocks.copyWithin(first, first + count, first + this.states[granules]!);
    this.states[granules] = this.states[granules]! - count;
  }

  #fail(block: number, invariant: string): never {
    throw new HeapCheckError(
      invariant,
      addressOf(this.#words, block),
      `its header is ${this.#words[block]}`,
    );
  }
}

/** Whether requests are rounded to this size: no request would take a block of another. */
function isClass(granules: number): boolean {
  return roundedGranules(granules) === granules;
}

/** The first class that a heap does not have, if all together may hold so many granules. */
function endOfClasses(mostGranules: number): number {
  let held = 0;
  for (let granules = SMALLEST_BLOCK_GRANULES; granules < SMALL_GRANULES; granules++) {
    if (!isClass(granules)) continue;
    held += granules * CLASS_BLOCKS;
    if (granules >= NARROW_GRANULES && held > mostGranules) return granules;
  }
  return SMALL_GRANULES;
}
