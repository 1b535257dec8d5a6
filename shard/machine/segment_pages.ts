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
import { type Libc, MADV_DONTNEED } from "./libc.ts";
import { type OpenedLibc, openLibc } from "./open_libc.ts";

/** Pages are at least as large on any Linux; allocators round to these where none can be given back. */
const SMALLEST_PAGE_BYTES = 4096;

/** Gives pages of one segment back, for one thread. */
export class SegmentPages implements SystemPages {
  readonly #buffer: SharedArrayBuffer;
  readonly #open: () => OpenedLibc;
  #libc: Libc | undefined;
  /** Where the segment lies. */
  #address = 0;
  #isOpen = false;
  #problem: string | undefined;

  /** @param open How to get the C library: a test has another. */
  constructor(buffer: SharedArrayBuffer, open: () => OpenedLibc = openLibc) {
    this.#buffer = buffer;
    this.#open = open;
  }

  get pageBytes(): number {
    return this.#opened()?.pageBytes ?? SMALLEST_PAGE_BYTES;
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
    const present = libc.presentBytes(address, byteLength);
    // What was swapped out is not present, and is to go too: hence all of it.
    const errno = present.errno || libc.madvise(address, byteLength, MADV_DONTNEED);
    if (errno === 0) {
      this.#problem = undefined;
      return present.value;
    }
    this.#problem = `the system does not take memory back: madvise() failed with errno ${errno}`;
    return undefined;
  }

  #opened(): Libc | undefined {
    if (this.#isOpen) return this.#libc;
    this.#isOpen = true;
    const { libc, whyNot } = this.#open();
    if (libc === undefined) {
      this.#problem = `no memory can be given back to the system: ${whyNot}`;
      return undefined;
    }
    this.#address = libc.addressOf(this.#buffer);
    if (this.#address % libc.pageBytes === 0) return this.#libc = libc;
    this.#problem =
      `no memory can be given back to the system: the segment does not begin on a page`;
    return undefined;
  }
}
