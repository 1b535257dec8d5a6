/**
 * TLSF over one slice: two-level segregated fit (Masmano, Ripoll, Crespo, Real, "TLSF: a new
 * dynamic memory allocator for real-time systems", ECRTS 2004; reference implementation 2.4.6).
 * Every operation runs in constant time: no loop over blocks.
 *
 * How it differs from the reference:
 * - blocks are word indices in an Int32Array, with a 4-byte header and 8-byte granules;
 * - the previous-link of the first block of a list leads to the list's head as if that were a
 *   block, so that unlinking has no case of its own for it, and finds the class without the size;
 * - a remainder that stays in the size class of the block it was cut from takes its place in the
 *   list;
 * - the first block of the list below the one searched is tried too, and before a request fails,
 *   a bounded number of those behind it (see {@linkcode Tlsf.allocateTight});
 * - the number of first levels follows the size of the slice.
 *
 * The class trusts its caller: `Allocator` checks addresses before it comes here. Only the thread
 * that owns the slice may use it, so every access is plain.
 *
 * @module
 */
import { distanceToAligned } from "./align.ts";
import * as layout from "./block_layout.ts";
import * as control from "./control_layout.ts";
import { HeapCheckError } from "./errors.ts";
import {
  roundedGranules,
  searchClassOf,
  sizeClassOf,
  SMALLEST_BLOCK_GRANULES,
} from "./size_class.ts";

// V8 loads an imported binding from a cell at every use, and folds a constant of the module itself,
// which the paths below feel. Hence the copies, and the size-class mapping written out in them.
const FREE = layout.FREE;
const PREVIOUS_FREE = layout.PREVIOUS_FREE;
const FLAGS = layout.FREE | layout.PREVIOUS_FREE | layout.CACHED;
const PREVIOUS = layout.PREVIOUS_LINK_WORD;
const NEXT = layout.NEXT_LINK_WORD;
const SMALLEST = SMALLEST_BLOCK_GRANULES;
const FIRST_LEVEL = control.FIRST_LEVEL_WORD;
const SECOND_LEVEL = control.SECOND_LEVEL_WORD;
const HEADS = control.LIST_HEADS_WORD;
const USED = control.USED_GRANULES_WORD;
const PEAK = control.PEAK_GRANULES_WORD;
/** `class + HEAD_AS_BLOCK` is the block whose next-link would be the head of the class's list. */
const HEAD_AS_BLOCK = HEADS - NEXT;
/** Blocks that a request looks at before it fails for want of a larger one. */
const TIGHT_FIT_LOOKS = 64;

/** The allocator of one slice, in granules and block indices. */
export class Tlsf {
  /** The words of the slice. */
  readonly words: Int32Array;
  /** The header of the first block. */
  readonly firstBlock: number;
  /** The header that ends the heap. */
  readonly sentinel: number;

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
    const shift = 26 - Math.clz32(granules | 32);
    const inClass = (granules + (1 << shift) - 1) >>> shift;
    const wanted = inClass << shift;
    let sizeClass = (shift << 5) + inClass;
    const below = (shift << 5) + (granules >>> shift);
    if (below !== sizeClass) {
      const fitting = this.#takeHead(below, granules);
      if (fitting !== 0) return fitting;
    }
    let block = words[HEADS + sizeClass]!;
    if (block === 0) {
      sizeClass = occupiedClass(words, sizeClass);
      if (sizeClass === 0) return 0;
      block = words[HEADS + sizeClass]!;
    }
    const available = words[block]! >>> 3;
    const next = words[block + NEXT]!;
    const end = block + available * 2;
    const rest = available - wanted;
    let taken = available;
    if (rest >= SMALLEST) {
      taken = wanted;
      const tail = block + wanted * 2;
      words[tail] = (rest << 3) | FREE;
      words[end - 1] = tail;
      const restShift = 26 - Math.clz32(rest | 32);
      const restClass = (restShift << 5) + (rest >>> restShift);
      if (restClass === sizeClass) {
        words[tail + PREVIOUS] = sizeClass + HEAD_AS_BLOCK;
        words[tail + NEXT] = next;
        words[HEADS + sizeClass] = tail;
        if (next !== 0) words[next + PREVIOUS] = tail;
      } else {
        words[HEADS + sizeClass] = next;
        if (next !== 0) words[next + PREVIOUS] = sizeClass + HEAD_AS_BLOCK;
        else clearClass(words, sizeClass);
        link(words, tail, restClass);
      }
    } else if (rest >= 0) {
      words[HEADS + sizeClass] = next;
      if (next !== 0) words[next + PREVIOUS] = sizeClass + HEAD_AS_BLOCK;
      else clearClass(words, sizeClass);
      words[end] = words[end]! & ~PREVIOUS_FREE;
    } else {
      throw overwritten(words, block, available, wanted);
    }
    // Invariant: no two free blocks are neighbours, so the one to the left is in use.
    words[block] = taken << 3;
    const used = words[USED]! + taken;
    words[USED] = used;
    if (used > words[PEAK]!) words[PEAK] = used;
    return block;
  }

  /**
   * A block of at least `granules` from the list that `allocate()` passes over as not all of its
   * blocks fit, 0 if none of the first 64 does. The size is not rounded: the slice is all but full.
   */
  allocateTight(granules: number): number {
    const words = this.words;
    let block = words[HEADS + sizeClassOf(granules)]!;
    for (let looks = 0; block !== 0 && looks < TIGHT_FIT_LOOKS; looks++) {
      const available = words[block]! >>> 3;
      if (available >= granules) {
        this.#unlink(block);
        this.#use(block, available, granules, 0);
        return block;
      }
      block = words[block + NEXT]!;
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
    // A gap of one granule is no block, and then the next aligned position is taken.
    const enough = granules + alignment + 1;
    if (enough > this.heapGranules) return 0;
    const sizeClass = occupiedClass(words, searchClassOf(enough));
    if (sizeClass === 0) return 0;
    let block = words[HEADS + sizeClass]!;
    let available = words[block]! >>> 3;
    if (available < enough) throw overwritten(words, block, available, enough);
    this.#unlink(block);
    let flags = 0;
    let gap = distanceToAligned(phase + (block + 1) / 2, alignment);
    if (gap !== 0) {
      if (gap < SMALLEST) gap += alignment;
      const leading = block;
      block += gap * 2;
      available -= gap;
      flags = PREVIOUS_FREE;
      words[leading] = (gap << 3) | FREE;
      words[block - 1] = leading;
      insert(words, leading, gap);
    }
    this.#use(block, available, roundedGranules(granules), flags);
    return block;
  }

  /** Frees a block in use, of which `header` is the header, and merges it with free neighbours. */
  release(block: number, header: number): void {
    const words = this.words;
    let granules = header >>> 3;
    words[USED] = words[USED]! - granules;
    let end = block + granules * 2;
    const following = words[end]!;
    if ((following & FREE) !== 0) {
      this.#unlink(end);
      granules += following >>> 3;
      end = block + granules * 2;
    } else {
      words[end] = following | PREVIOUS_FREE;
    }
    if ((header & PREVIOUS_FREE) !== 0) {
      // Invariant: the header of a block merged into its left neighbour still says free, so that
      // a second free of its address is noticed.
      words[block] = header | FREE;
      block = words[block - 1]!;
      granules += words[block]! >>> 3;
      this.#unlink(block);
    }
    words[block] = (granules << 3) | FREE;
    words[end - 1] = block;
    insert(words, block, granules);
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
      if (rest >= SMALLEST) {
        words[block] = (wanted << 3) | (header & FLAGS);
        const tail = block + wanted * 2;
        words[tail] = rest << 3;
        this.release(tail, rest << 3);
      }
      return true;
    }
    const end = block + size * 2;
    const following = words[end]!;
    if ((following & FREE) === 0) return false;
    const available = size + (following >>> 3);
    if (available < granules) return false;
    this.#unlink(end);
    words[USED] = words[USED]! - size;
    this.#use(block, available, wanted, header & FLAGS);
    return true;
  }

  /**
   * Takes the first block of a list whole into use if it holds `granules`, else returns 0. Blocks of
   * the list below the one that a request searches are larger than it by less than 1/32, or smaller.
   */
  #takeHead(sizeClass: number, granules: number): number {
    const words = this.words;
    const block = words[HEADS + sizeClass]!;
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
    if (rest >= SMALLEST) {
      taken = wanted;
      const tail = block + wanted * 2;
      words[tail] = (rest << 3) | FREE;
      words[end - 1] = tail;
      insert(words, tail, rest);
    } else {
      words[end] = words[end]! & ~PREVIOUS_FREE;
    }
    words[block] = (taken << 3) | flags;
    const used = words[USED]! + taken;
    words[USED] = used;
    if (used > words[PEAK]!) words[PEAK] = used;
  }

  /** Takes a block off its list. */
  #unlink(block: number): void {
    const words = this.words;
    const previous = words[block + PREVIOUS]!;
    const next = words[block + NEXT]!;
    words[previous + NEXT] = next;
    if (next !== 0) words[next + PREVIOUS] = previous;
    else if (previous < this.firstBlock) clearClass(words, previous - HEAD_AS_BLOCK);
  }
}

/** Makes a slice one free block, whatever it held before. */
export function formatHeap(words: Int32Array): void {
  const block = control.firstBlockOf(words.length);
  const sentinel = control.sentinelOf(words.length);
  const granules = control.heapGranulesOf(words.length);
  words.fill(0, 0, block);
  words[block] = (granules << 3) | FREE;
  words[sentinel - 1] = block;
  words[sentinel] = PREVIOUS_FREE;
  insert(words, block, granules);
  words[control.MAGIC_WORD] = control.MAGIC;
}

/** Puts a free block on the list of its size. */
function insert(words: Int32Array, block: number, granules: number): void {
  const shift = 26 - Math.clz32(granules | 32);
  link(words, block, (shift << 5) + (granules >>> shift));
}

/** Puts a free block at the head of a list: what was freed last is likely still in the cache. */
function link(words: Int32Array, block: number, sizeClass: number): void {
  const head = words[HEADS + sizeClass]!;
  words[block + PREVIOUS] = sizeClass + HEAD_AS_BLOCK;
  words[block + NEXT] = head;
  words[HEADS + sizeClass] = block;
  if (head !== 0) {
    words[head + PREVIOUS] = block;
  } else {
    const level = sizeClass >>> 5;
    words[SECOND_LEVEL + level] = words[SECOND_LEVEL + level]! | (1 << sizeClass);
    words[FIRST_LEVEL] = words[FIRST_LEVEL]! | (1 << level);
  }
}

/** Notes in the bitmaps that a list became empty. Shift counts are taken modulo 32. */
function clearClass(words: Int32Array, sizeClass: number): void {
  const level = sizeClass >>> 5;
  const lists = words[SECOND_LEVEL + level]! & ~(1 << sizeClass);
  words[SECOND_LEVEL + level] = lists;
  if (lists === 0) words[FIRST_LEVEL] = words[FIRST_LEVEL]! & ~(1 << level);
}

/** The first class from `sizeClass` up that has a free block, 0 if none has. */
function occupiedClass(words: Int32Array, sizeClass: number): number {
  let level = sizeClass >>> 5;
  let lists = words[SECOND_LEVEL + level]! & (-1 << sizeClass);
  if (lists === 0) {
    const levels = words[FIRST_LEVEL]! & (-2 << level);
    if (levels === 0) return 0;
    level = 31 - Math.clz32(levels & -levels);
    lists = words[SECOND_LEVEL + level]!;
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
