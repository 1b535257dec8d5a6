/**
 * Gives free memory back to the system: the whole pages inside free blocks of 256 KiB and more. The
 * header of a block, its links and its back reference stay. What was given back reads 0, and costs
 * nothing until it is written again; no other thread can fault on it.
 *
 * The kernel alone knows which pages it holds: memory that was never touched is free too, and so is
 * what is left of a block that was given back and then cut. So what counts is what the kernel says
 * it had, page by page, and nothing is noted in the slice.
 *
 * `trim()` is `malloc_trim(3)`. `look()` is the decay of jemalloc, but that it reads no clock when
 * memory is freed: it looks at the free memory now and then, and what was free at every look for so
 * long is given back. A span that was taken and freed again between two looks passes for free all
 * along; the price is that its pages are taken anew once in that time.
 *
 * @module
 */
import {
  blockAfter,
  FREE_BLOCK_WORDS,
  FREES_WORD,
  GRANULE_BYTES,
  granulesOf,
  MALLOCS_WORD,
} from "../layout/mod.ts";
import { largeFreeBlocks } from "../placement/mod.ts";
import type { SliceHeap } from "./slice_heap.ts";

/**
 * How an allocator tells the system of memory that it does not need. Another thread may read the memory
 * meanwhile.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export interface SystemPages {
  /** Where the first whole page of the segment begins, in bytes from the start of the segment. */
  readonly firstPage: number;
  /** Bytes of a page: what is given back are whole ones. */
  readonly pageBytes: number;
  /**
   * Gives memory back, which reads 0 from then on.
   *
   * @param byteOffset where it begins, from the start of the segment
   * @param byteLength how much
   * @returns how many bytes of it the system had held memory for; undefined if it refuses: then the
   * memory is as it was
   */
  giveBack(byteOffset: number, byteLength: number): number | undefined;
}

/** Smaller blocks stay: they are soon used again, and touching a page anew costs 3 µs. */
const SMALLEST_TRIMMED_BYTES = 256 * 1024;
/** How often to look in the time for which memory must be free, as long as some is. */
const LOOKS_IN_A_TIME = 4;
/** Since when memory is free that was given back, and not handed out after that. */
const GIVEN_BACK = Infinity;

/** Whole pages, in bytes from the start of the segment. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Pages that were free at every look since a time. */
interface AgedSpan extends Span {
  readonly since: number;
}

/** Gives back memory of one slice, for its owner. */
export class Trimmer {
  readonly #heap: SliceHeap;
  readonly #pages: SystemPages | undefined;
  /** What was free at the last look, in order. */
  #aged: AgedSpan[] = [];
  /** Counters at the last look: they tell whether anything was handed out or freed since. A first one is due. */
  #mallocs = -1;
  #frees = 0;
  #resizes = 0;

  /** Without `pages` nothing can be given back. */
  constructor(heap: SliceHeap, pages: SystemPages | undefined) {
    this.#heap = heap;
    this.#pages = pages;
  }

  /** Gives all back that can be, and returns how many bytes that was. O(blocks of 256 KiB and more). */
  trim(): number {
    let byteLength = 0;
    for (const { from, to } of this.#freeSpans()) byteLength += this.#giveBack(from, to);
    return byteLength;
  }

  /** Whether memory was handed out or freed since the last look. Two plain reads. */
  get hasChanged(): boolean {
    return this.#heap.words[FREES_WORD] !== this.#frees || this.#wasHandedOut;
  }

  get #wasHandedOut(): boolean {
    return this.#heap.words[MALLOCS_WORD] !== this.#mallocs || this.#heap.resizes !== this.#resizes;
  }

  /**
   * Gives back what was free at every look for `afterMs`, but no more than `mostBytes` at a time, in
   * whole pages. Looks are as often as it says, or at longer intervals while nothing changes.
   *
   * @param now in milliseconds, by any clock that goes forward
   * @returns milliseconds until the next look; undefined if nothing is left to wait for
   */
  look(now: number, afterMs: number, mostBytes: number): number | undefined {
    this.#ageUntil(now);
    const kept: AgedSpan[] = [];
    const pageBytes = this.#pages?.pageBytes ?? 1;
    let left = Math.ceil(mostBytes / pageBytes) * pageBytes;
    let nextAt = Infinity;
    for (const { from, to, since } of this.#aged) {
      const isDue = since + afterMs <= now;
      const middle = isDue ? Math.min(to, from + left) : from;
      if (middle > from) {
        this.#giveBack(from, middle);
        left -= middle - from;
        append(kept, from, middle, GIVEN_BACK);
      }
      if (middle === to) continue;
      append(kept, middle, to, since);
      if (since !== GIVEN_BACK) nextAt = Math.min(nextAt, since + afterMs);
    }
    this.#aged = kept;
    if (nextAt === Infinity) return undefined;
    return Math.min(Math.max(0, nextAt - now), afterMs / LOOKS_IN_A_TIME);
  }

  /** Notes what is free now, and since when. */
  #ageUntil(now: number): void {
    // What was given back may hold memory again: it has to be asked for once more, in its time.
    const givenBack = this.#wasHandedOut ? now : GIVEN_BACK;
    const { words, resizes } = this.#heap;
    this.#mallocs = words[MALLOCS_WORD]!;
    this.#frees = words[FREES_WORD]!;
    this.#resizes = resizes;
    const before = this.#aged;
    const aged: AgedSpan[] = [];
    let at = 0;
    for (const { from, to } of this.#freeSpans()) {
      let start = from;
      while (at < before.length && before[at]!.to <= from) at++;
      for (; start < to && at < before.length && before[at]!.from < to; at++) {
        const older = before[at]!;
        append(aged, start, Math.max(start, older.from), now);
        start = Math.min(to, older.to);
        const since = older.since === GIVEN_BACK ? givenBack : older.since;
        append(aged, Math.max(from, older.from), start, since);
        if (older.to > to) break; // it may reach into the next
      }
      append(aged, start, to, now);
    }
    this.#aged = aged;
  }

  /** The whole pages inside large free blocks, in order. */
  #freeSpans(): Span[] {
    const pages = this.#pages;
    if (pages === undefined) return [];
    const { tlsf, words } = this.#heap;
    const { firstPage, pageBytes } = pages;
    const blocks = largeFreeBlocks(tlsf, SMALLEST_TRIMMED_BYTES / GRANULE_BYTES);
    // Nobody has the fallow yet, but a former life had.
    if (tlsf.fallow !== 0) blocks.push(tlsf.fallow);
    const spans: Span[] = [];
    for (const block of blocks.sort((a, b) => a - b)) {
      const backReference = blockAfter(block, granulesOf(words[block]!)) - 1;
      const begin = words.byteOffset + (block + FREE_BLOCK_WORDS) * 4;
      const end = words.byteOffset + backReference * 4;
      const from = Math.ceil((begin - firstPage) / pageBytes) * pageBytes + firstPage;
      const to = Math.floor((end - firstPage) / pageBytes) * pageBytes + firstPage;
      if (from < to) spans.push({ from, to });
    }
    return spans;
  }

  #giveBack(from: number, to: number): number {
    const byteLength = this.#pages!.giveBack(from, to - from);
    if (byteLength === undefined) return 0;
    const { byteOffset } = this.#heap.words;
    this.#heap.debugHeap?.["gaveBack"]((from - byteOffset) / 4, (to - byteOffset) / 4);
    return byteLength;
  }
}

/** Adds a span behind the others: to the last one where that goes on, in space and age. */
function append(spans: AgedSpan[], from: number, to: number, since: number): void {
  if (from >= to) return;
  const last = spans.at(-1);
  if (last !== undefined && last.to === from && last.since === since) {
    spans[spans.length - 1] = { from: last.from, to, since };
  } else spans.push({ from, to, since });
}
