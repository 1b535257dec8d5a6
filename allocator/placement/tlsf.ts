/**
 * TLSF over one slice: two-level segregated fit (Masmano, Ripoll, Crespo, Real, "TLSF: a new
 * dynamic memory allocator for real-time systems", ECRTS 2004; reference implementation 2.4.6).
 * Every operation runs in constant time: no loop over blocks.
 *
 * How it differs from the reference:
 * - blocks are word indices in an Int32Array, with a 4-byte header and 8-byte granules;
 * - the previous-link of the first block of a list leads to the list's head as if that were a
 *   block, so that unlinking has no case of its own for it, and finds the class without the size;
 * - the free block that was made last is on no list yet: the *loose* block. It counts as the first
 *   of its list, so that placement is as it would be, and only the next free block that is made
 *   puts it there. Most often it is cut further, or merged, before that: programs allocate in runs
 *   and free in runs;
 * - the first block of the list below the one searched is tried too, and before a request fails,
 *   a bounded number of those behind it (see {@linkcode Tlsf.allocateTight});
 * - the number of first levels follows the size of the slice.
 *
 * The class trusts its caller: `Allocator` checks addresses before it comes here. Only the thread
 * that owns the slice may use it, so every access is plain.
 *
 * @module
 */
import {
  distanceToAligned,
  HeapCheckError,
  roundedGranules,
  searchClassOf,
} from "../layout/mod.ts";
import * as layout from "../layout/mod.ts";
import * as control from "../layout/mod.ts";
import { clearFormerLife, isFallowIntact } from "./former_life.ts";

// The engine inlines what is short, counted in bytecode, and folds what it knows. A constant of
// another module is loaded from a cell at every use, one of this module takes more bytecode than a
// number does, and a `const enum` is a number in the code. Hence these copies, which
// const_enum_test.ts holds against the descriptors. What a copy of code saves stands beside it, as
// `deno bench --no-check -A bench/allocator_bench.ts` gives it: the least of four runs by turns with
// and without the copy.
const enum Flag {
  FREE = 1,
  PREVIOUS_FREE = 2,
  CACHED = 4,
  ALL = FREE | PREVIOUS_FREE | CACHED,
}
const enum Link {
  PREVIOUS = 1,
  NEXT = 2,
}
const enum Word {
  FIRST_LEVEL = 1,
  USED_GRANULES = 2,
  PEAK_GRANULES = 3,
  LOOSE_BLOCK = 28,
  LOOSE_CLASS = 29,
  TOUCHED = 30,
  TOUCHED_CHECK = 31,
  SECOND_LEVEL = 32,
  LIST_HEADS = 112,
  /** `class + HEAD_AS_BLOCK` is the block whose next-link would be the head of the class's list. */
  HEAD_AS_BLOCK = LIST_HEADS - Link.NEXT,
}
const enum Size {
  SMALLEST_BLOCK_GRANULES = 2,
}
/** Blocks that a request looks at before it fails for want of a larger one. */
const TIGHT_FIT_LOOKS = 64;

/** The allocator of one slice, in granules and block indices. */
export class Tlsf {
  // Declared alone, so that no field is undefined before it has its value: the engine then trusts the
  // kind of what it loads, and leaves out a check at each use.
  /** The words of the slice. */
  declare readonly words: Int32Array;
  /** The header of the first block. */
  declare readonly firstBlock: number;
  /** The header that ends the heap. */
  declare readonly sentinel: number;

  /** Takes up a slice that formatHeap() has formatted. */
  constructor(words: Int32Array) {
    this.words = words;
    this.firstBlock = control.firstBlockOf(words.length);
    this.sentinel = control.sentinelOf(words.length);
  }

  /** Granules of the whole heap: no request can be larger. */
  get heapGranules(): number {
    return control.heapGranulesOf(this.words.length);
  }

  /**
   * A block of at least `granules`, 0 if no list that the request searches has one. `granules` is at
   * most that of the whole heap.
   *
   * The first block of the list below is tried too, where the class is not exact: it fits often
   * enough to save 3 % of the slice that git needs to pack its objects, and costs no time to speak of.
   */
  allocate(granules: number): number {
    const words = this.words;
    // As searchClassOf() and roundedGranules(): calls of these cost 8 % at 4,000 bytes, 5 % of a churn.
    const shift = (26 - Math.clz32(granules | 32)) | 0;
    const inClass = ((granules + (1 << shift) - 1) | 0) >> shift;
    const wanted = inClass << shift;
    const sizeClass = ((shift << 5) + inClass) | 0;
    if (wanted !== granules) {
      const fitting = this.#takeBelow(sizeClass - 1, granules);
      if (fitting !== 0) return fitting;
    }
    let loose = words[Word.LOOSE_BLOCK]!;
    const looseClass = words[Word.LOOSE_CLASS]!;
    const found = looseClass === sizeClass ? looseClass : occupiedClass(words, sizeClass);
    let block = loose;
    if (looseClass >= sizeClass && (found === 0 || looseClass <= found)) {
      loose = 0;
    } else {
      if (found === 0) return 0;
      block = words[Word.LIST_HEADS + found]!;
      const next = words[block + Link.NEXT]!;
      words[Word.LIST_HEADS + found] = next;
      if (next !== 0) words[next + Link.PREVIOUS] = found + Word.HEAD_AS_BLOCK;
      else clearClass(words, found);
    }
    let taken = words[block]! >>> 3;
    const end = (block + taken * 2) | 0;
    const rest = (taken - wanted) | 0;
    if (rest >= Size.SMALLEST_BLOCK_GRANULES) {
      taken = wanted;
      const tail = (block + wanted * 2) | 0;
      words[tail] = (rest << 3) | Flag.FREE;
      words[end - 1] = tail;
      // Invariant: what was loose before is another block, or has just been taken.
      if (loose !== 0) link(words, loose, looseClass);
      setLoose(words, tail, rest);
    } else if (rest >= 0) {
      if (loose === 0) clearLoose(words);
      words[end] = words[end]! & ~Flag.PREVIOUS_FREE;
    } else {
      throw overwritten(words, block, taken, wanted);
    }
    // Invariant: no two free blocks are neighbours, so the one to the left is in use.
    words[block] = taken << 3;
    const used = (words[Word.USED_GRANULES]! + taken) | 0;
    words[Word.USED_GRANULES] = used;
    if (used > words[Word.PEAK_GRANULES]!) words[Word.PEAK_GRANULES] = used;
    return block;
  }

  /**
   * A block of at least `granules` from the list that `allocate()` passes over as not all of its
   * blocks fit, 0 if none of the first 64 does. The size is not rounded: the slice is all but full.
   */
  allocateTight(granules: number): number {
    const words = this.words;
    this.settle();
    let block = words[Word.LIST_HEADS + classOf(granules)]!;
    for (let looks = 0; block !== 0 && looks < TIGHT_FIT_LOOKS; looks++) {
      const available = words[block]! >>> 3;
      if (available >= granules) {
        this.#unlink(block);
        this.#use(block, available, granules, 0);
        return block;
      }
      block = words[block + Link.NEXT]!;
    }
    return 0;
  }

  /**
   * A block of at least `granules` whose payload lies at a multiple of `alignment`, 0 if there is
   * none; both are in granules. The gap in front and the tail become free blocks.
   *
   * @param phase where the slice begins, in granules, modulo the alignment
   */
  allocateAligned(granules: number, alignment: number, phase: number): number {
    const words = this.words;
    this.settle();
    // A gap of one granule is not a block, and then the next aligned position is taken.
    const enough = granules + alignment + 1;
    if (enough > this.heapGranules) return 0;
    const sizeClass = occupiedClass(words, searchClassOf(enough));
    if (sizeClass === 0) return 0;
    let block = words[Word.LIST_HEADS + sizeClass]!;
    let available = words[block]! >>> 3;
    if (available < enough) throw overwritten(words, block, available, enough);
    this.#unlink(block);
    let flags = 0;
    let gap = distanceToAligned(phase + (block + 1) / 2, alignment);
    if (gap !== 0) {
      if (gap < Size.SMALLEST_BLOCK_GRANULES) gap += alignment;
      const leading = block;
      block += gap * 2;
      available -= gap;
      flags = Flag.PREVIOUS_FREE;
      words[leading] = (gap << 3) | Flag.FREE;
      words[block - 1] = leading;
      insert(words, leading, gap);
    }
    this.#use(block, available, roundedGranules(granules), flags);
    return block;
  }

  /** Frees a block in use, of which `header` is the header, and merges it with free neighbours. */
  release(block: number, header: number): void {
    const words = this.words;
    const firstBlock = this.firstBlock;
    let granules = header >>> 3;
    words[Word.USED_GRANULES] = (words[Word.USED_GRANULES]! - granules) | 0;
    let loose = words[Word.LOOSE_BLOCK]!;
    let end = (block + granules * 2) | 0;
    // Invariant: beyond this and the free memory at the end, nothing was ever handed out.
    if (end > words[Word.TOUCHED]!) noteTouched(words, end);
    const following = words[end]!;
    if ((following & Flag.FREE) !== 0) {
      if (end === loose) {
        loose = 0;
      } else {
        const previous = words[end + Link.PREVIOUS]!;
        const next = words[end + Link.NEXT]!;
        words[previous + Link.NEXT] = next;
        if (next !== 0) words[next + Link.PREVIOUS] = previous;
        else if (previous < firstBlock) clearClass(words, previous - Word.HEAD_AS_BLOCK);
      }
      granules = (granules + (following >>> 3)) | 0;
      end = (block + granules * 2) | 0;
    } else {
      words[end] = following | Flag.PREVIOUS_FREE;
    }
    if ((header & Flag.PREVIOUS_FREE) !== 0) {
      // Invariant: the header of a block merged into its left neighbour still says free, so that
      // a second free of its address is noticed.
      words[block] = header | Flag.FREE;
      block = words[block - 1]!;
      granules = (granules + (words[block]! >>> 3)) | 0;
      if (block === loose) {
        loose = 0;
      } else {
        const previous = words[block + Link.PREVIOUS]!;
        const next = words[block + Link.NEXT]!;
        words[previous + Link.NEXT] = next;
        if (next !== 0) words[next + Link.PREVIOUS] = previous;
        else if (previous < firstBlock) clearClass(words, previous - Word.HEAD_AS_BLOCK);
      }
    }
    words[block] = (granules << 3) | Flag.FREE;
    words[end - 1] = block;
    if (loose !== 0) {
      const looseClass = words[Word.LOOSE_CLASS]!;
      const head = words[Word.LIST_HEADS + looseClass]!;
      words[loose + Link.PREVIOUS] = looseClass + Word.HEAD_AS_BLOCK;
      words[loose + Link.NEXT] = head;
      words[Word.LIST_HEADS + looseClass] = loose;
      if (head !== 0) words[head + Link.PREVIOUS] = loose;
      else markClass(words, looseClass);
    }
    words[Word.LOOSE_BLOCK] = block;
    words[Word.LOOSE_CLASS] = classOf(granules);
  }

  /**
   * Makes a block in use hold at least `granules` where it lies, and says whether it could: always
   * when it shrinks, and when it grows if the block to the right is free and large enough.
   */
  resize(block: number, granules: number): boolean {
    const words = this.words;
    const header = words[block]!;
    const size = header >>> 3;
    const wanted = roundedGranules(granules);
    if (granules <= size) {
      const rest = size - wanted;
      if (rest >= Size.SMALLEST_BLOCK_GRANULES) {
        words[block] = (wanted << 3) | (header & Flag.ALL);
        const tail = block + wanted * 2;
        words[tail] = rest << 3;
        this.release(tail, rest << 3);
      }
      return true;
    }
    const end = block + size * 2;
    const following = words[end]!;
    if ((following & Flag.FREE) === 0) return false;
    const available = size + (following >>> 3);
    if (available < granules) return false;
    this.#unlink(end);
    words[Word.USED_GRANULES] = words[Word.USED_GRANULES]! - size;
    this.#use(block, available, wanted, header & Flag.ALL);
    return true;
  }

  /**
   * Takes the first block of a list whole into use if it holds `granules`, else returns 0. Blocks of
   * the list below the one that a request searches are larger than it by less than 1/32, or smaller.
   */
  #takeBelow(sizeClass: number, granules: number): number {
    const words = this.words;
    const isLoose = words[Word.LOOSE_CLASS] === sizeClass;
    const block = isLoose ? words[Word.LOOSE_BLOCK]! : words[Word.LIST_HEADS + sizeClass]!;
    if (block === 0) return 0;
    const available = words[block]! >>> 3;
    if (available < granules) return 0;
    this.#unlink(block);
    this.#use(block, available, available, 0);
    return block;
  }

  /** Takes a block that lies on no list into use, and frees what it has beyond `wanted`, if it has. */
  #use(block: number, available: number, wanted: number, flags: number): void {
    const words = this.words;
    const end = block + available * 2;
    const rest = available - wanted;
    let taken = available;
    if (rest >= Size.SMALLEST_BLOCK_GRANULES) {
      taken = wanted;
      const tail = block + wanted * 2;
      words[tail] = (rest << 3) | Flag.FREE;
      words[end - 1] = tail;
      insert(words, tail, rest);
    } else {
      words[end] = words[end]! & ~Flag.PREVIOUS_FREE;
    }
    words[block] = (taken << 3) | flags;
    const used = words[Word.USED_GRANULES]! + taken;
    words[Word.USED_GRANULES] = used;
    if (used > words[Word.PEAK_GRANULES]!) words[Word.PEAK_GRANULES] = used;
  }

  /** Whether the first block is fallow. */
  get hasFallow(): boolean {
    return this.words[control.FALLOW_WORD] === control.FALLOW_KEPT;
  }

  /**
   * The first block, if it is fallow; else 0. Whoever is about to use what it holds can rely on its size.
   *
   * @throws {HeapCheckError} if its header was overwritten
   */
  get fallow(): number {
    if (!this.hasFallow) return 0;
    const { words, firstBlock } = this;
    if (isFallowIntact(words)) return firstBlock;
    throw new HeapCheckError(
      "the fallow is kept",
      layout.addressOf(words, firstBlock),
      `its header is ${words[firstBlock]}`,
    );
  }

  /** Takes the fallow into use, as a block that somebody is about to free; 0 if there is none. */
  takeFallow(): number {
    const words = this.words;
    const block = this.fallow;
    if (block === 0) return 0;
    const header = words[block]! & ~layout.CACHED;
    words[control.FALLOW_WORD] = control.FALLOW_GIVEN;
    words[block] = header;
    words[Word.USED_GRANULES] = words[Word.USED_GRANULES]! + (header >>> 3);
    return block;
  }

  /** Puts the loose block on its list, so that lists hold every free block. */
  settle(): void {
    const words = this.words;
    const loose = words[Word.LOOSE_BLOCK]!;
    if (loose === 0) return;
    link(words, loose, words[Word.LOOSE_CLASS]!);
    clearLoose(words);
  }

  /** Takes a free block off its list, or out of the place of the loose one. */
  #unlink(block: number): void {
    const words = this.words;
    if (block === words[Word.LOOSE_BLOCK]) clearLoose(words);
    else this.#unlinkListed(block);
  }

  /** Takes a block off its list. */
  #unlinkListed(block: number): void {
    const words = this.words;
    const previous = words[block + Link.PREVIOUS]!;
    const next = words[block + Link.NEXT]!;
    words[previous + Link.NEXT] = next;
    if (next !== 0) words[next + Link.PREVIOUS] = previous;
    else if (previous < this.firstBlock) clearClass(words, previous - Word.HEAD_AS_BLOCK);
  }
}

/**
 * Makes a slice one free block, behind one that is kept as fallow in some lives: see former_life.ts. Of
 * what the slice held before nothing is left.
 */
export function formatHeap(words: Int32Array): void {
  const first = control.firstBlockOf(words.length);
  const sentinel = control.sentinelOf(words.length);
  const fallow = clearFormerLife(words);
  words.fill(0, 0, first);
  noteTouched(words, first);
  if (fallow > 0) {
    words[first] = (fallow << 3) | layout.CACHED;
    words[control.FALLOW_WORD] = control.FALLOW_KEPT;
  }
  const block = layout.blockAfter(first, fallow);
  const granules = control.heapGranulesOf(words.length) - fallow;
  words[block] = (granules << 3) | Flag.FREE;
  words[sentinel - 1] = block;
  words[sentinel] = Flag.PREVIOUS_FREE;
  insert(words, block, granules);
  words[control.MAGIC_WORD] = control.MAGIC;
}

/** Notes how far memory was handed out: see former_life.ts. */
function noteTouched(words: Int32Array, end: number): void {
  words[Word.TOUCHED] = end;
  words[Word.TOUCHED_CHECK] = ~end;
}

/** As sizeClassOf(), whose call in its place costs 6 % at 4,000 bytes, 4 % of a churn. */
function classOf(granules: number): number {
  const shift = 26 - Math.clz32(granules | 32);
  return (shift << 5) + (granules >> shift);
}

/** Makes a free block the loose one. What was loose before is on its list, or no free block now. */
function setLoose(words: Int32Array, block: number, granules: number): void {
  words[Word.LOOSE_BLOCK] = block;
  words[Word.LOOSE_CLASS] = classOf(granules);
}

/** No free block is off its list. 0 is the class of no block. */
function clearLoose(words: Int32Array): void {
  words[Word.LOOSE_BLOCK] = 0;
  words[Word.LOOSE_CLASS] = 0;
}

/** Puts a free block on the list of its size. */
function insert(words: Int32Array, block: number, granules: number): void {
  link(words, block, classOf(granules));
}

/** Puts a free block at the head of a list: what was freed last is likely still in the cache. */
function link(words: Int32Array, block: number, sizeClass: number): void {
  const head = words[Word.LIST_HEADS + sizeClass]!;
  words[block + Link.PREVIOUS] = sizeClass + Word.HEAD_AS_BLOCK;
  words[block + Link.NEXT] = head;
  words[Word.LIST_HEADS + sizeClass] = block;
  if (head !== 0) words[head + Link.PREVIOUS] = block;
  else markClass(words, sizeClass);
}

/** Notes in the bitmaps that a list has a block. Shift counts are taken modulo 32. */
function markClass(words: Int32Array, sizeClass: number): void {
  const level = sizeClass >>> 5;
  words[Word.SECOND_LEVEL + level] = words[Word.SECOND_LEVEL + level]! | (1 << sizeClass);
  words[Word.FIRST_LEVEL] = words[Word.FIRST_LEVEL]! | (1 << level);
}

/** Notes in the bitmaps that a list became empty. Shift counts are taken modulo 32. */
function clearClass(words: Int32Array, sizeClass: number): void {
  const level = sizeClass >>> 5;
  const lists = words[Word.SECOND_LEVEL + level]! & ~(1 << sizeClass);
  words[Word.SECOND_LEVEL + level] = lists;
  if (lists === 0) words[Word.FIRST_LEVEL] = words[Word.FIRST_LEVEL]! & ~(1 << level);
}

/** The first class from `sizeClass` up that has a free block, 0 if none has. */
function occupiedClass(words: Int32Array, sizeClass: number): number {
  let level = sizeClass >> 5;
  let lists = words[Word.SECOND_LEVEL + level]! & (-1 << sizeClass);
  if (lists === 0) {
    const levels = words[Word.FIRST_LEVEL]! & (-2 << level);
    if (levels === 0) return 0;
    level = 31 - Math.clz32(levels & -levels);
    lists = words[Word.SECOND_LEVEL + level]!;
  }
  return (level << 5) | (31 - Math.clz32(lists & -lists));
}

/** A free list leads to a block that cannot be on it: the program wrote to memory it had freed. */
function overwritten(words: Int32Array, block: number, available: number, wanted: number): Error {
  return new HeapCheckError(
    "a free block is at least as large as its list promises",
    words.byteOffset + block * Int32Array.BYTES_PER_ELEMENT + layout.HEADER_BYTES,
    `a list for ${wanted * 8} bytes leads to a block of ${available * 8}`,
  );
}
