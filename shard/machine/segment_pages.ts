/**
 * The pages of a segment, which its endpoints give back to the system: `madvise(MADV_DONTNEED)`, which
 * takes them off the process, and off its container, at once. `MADV_FREE` costs as much, and shows no
 * effect until the system is short of memory.
 *
 * The C library is opened when pages are first to be given back, so that a program that never asks pays
 * nothing; a program without the permission is not asked for it.
 *
 * @module
 */

import type { SystemPages } from "../../allocator/mod.ts";
import { refusal } from "./errno.ts";
import { type Libc, MADV_DONTNEED } from "./libc.ts";
import { type OpenedLibc, openLibc } from "./open_libc.ts";

/** Pages are at least as large on any Linux; allocators round to these where none can be given back. */
const SMALLEST_PAGE_BYTES = 4096;
/** A part of a huge page is not given back: the kernel would split it. */
const HUGE_PAGE_BYTES = 2 ** 21;

/** Gives pages of one segment back, for one thread. */
export class SegmentPages implements SystemPages {
  readonly #buffer: SharedArrayBuffer;
  readonly #isHuge: boolean;
  readonly #open: () => OpenedLibc;
  #libc: Libc | undefined;
  /** Where the segment lies. */
  #address = 0;
  #isOpen = false;
  #problem: string | undefined;

  /**
   * @param isHuge Whether the segment may be in huge pages.
   * @param open How to get the C library: a test has another.
   */
  constructor(
    buffer: SharedArrayBuffer,
    isHuge: boolean,
    open: () => OpenedLibc = openLibc,
  ) {
    this.#buffer = buffer;
    this.#isHuge = isHuge;
    this.#open = open;
  }

  get pageBytes(): number {
    const pageBytes = this.#opened()?.pageBytes ?? SMALLEST_PAGE_BYTES;
    return this.#isHuge ? Math.max(pageBytes, HUGE_PAGE_BYTES) : pageBytes;
  }

  get firstPage(): number {
    const { pageBytes } = this;
    return (pageBytes - this.#address % pageBytes) % pageBytes;
  }

  /** Why no memory can be given back, or was not the last time. Opens the C library. */
  get problem(): string | undefined {
    this.#opened();
    return this.#problem;
  }

  /**
   * Gives pages back, and returns how many bytes of them were in memory. A page that another thread reads
   * after it was given back counts as one that is in memory the next time.
   */
  giveBack(byteOffset: number, byteLength: number): number | undefined {
    const libc = this.#opened();
    if (libc === undefined) return undefined;
    const address = this.#address + byteOffset;
    const { errno, value: present = [] } = libc.presentPages(address, byteLength);
    // What was swapped out is not present, and is to go too: hence all of it.
    const fault = errno || libc.madvise(address, byteLength, MADV_DONTNEED);
    this.#problem = fault === 0 ? undefined : refusal("trim", fault);
    if (fault !== 0) return undefined;
    return present.reduce((bytes, { begin, end }) => bytes + end - begin, 0);
  }

  #opened(): Libc | undefined {
    if (this.#isOpen) return this.#libc;
    this.#isOpen = true;
    const { libc, whyNot } = this.#open();
    if (libc === undefined) this.#problem = `no memory goes back to the system: ${whyNot}`;
    else this.#address = libc.addressOf(this.#buffer);
    return this.#libc = libc;
  }
}
