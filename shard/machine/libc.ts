/**
 * The C library's calls for memory and threads, which Deno has none for: what they take and give, without
 * a pointer. Real ones are in open_libc.ts.
 *
 * A call that only does something gives 0, or what `errno` says. One that asks gives an {@linkcode Answer}.
 * Nothing here throws for what the kernel refuses: whoever asked decides what a refusal means.
 *
 * @module
 */

/** What the kernel answered, or why it did not. */
export interface Answer<T> {
  /** 0, or the number of the error: then there is no value. */
  readonly errno: number;
  /** The answer. */
  readonly value?: T;
}

/** Addresses of pages that memory stands behind. */
export interface PresentPages {
  readonly begin: number;
  readonly end: number;
  /** Whether they are a part of a huge page. */
  readonly isHuge: boolean;
}

/** Pages of the range go back to the system at once, and read 0 when they are touched again. */
export const MADV_DONTNEED = 4;
/** The range may be in huge pages. */
export const MADV_HUGEPAGE = 14;
/** Every page of the range is written to, as it were: from Linux 5.14 on. */
export const MADV_POPULATE_WRITE = 23;

/**
 * The calls. Addresses are those of the process; ranges are in whole pages of `pageBytes`. Each thread opens
 * its own.
 */
export interface Libc {
  /** Bytes of a page: 4,096, or 16 or 64 KiB on some ARM machines. */
  readonly pageBytes: number;
  /** Where `buffer` lies. */
  addressOf(buffer: SharedArrayBuffer): number;
  /** `madvise(2)`: one of the MADV_… constants, said of a range. */
  madvise(address: number, byteLength: number, advice: number): number;
  /** `mlock2(2)` with MLOCK_ONFAULT: pages of the range stay in memory from their first touch on. */
  lockOnFault(address: number, byteLength: number): number;
  /** `mbind(2)` with MPOL_PREFERRED and MPOL_MF_MOVE: pages of the range come from `node`, if it has any. */
  preferNode(address: number, byteLength: number, node: number): number;
  /** `get_mempolicy(2)`: the node that the page at `address` is to come from; -1 if no policy names one. */
  preferredNode(address: number): Answer<number>;
  /** `get_mempolicy(2)`: the nodes that this thread may have memory of. */
  allowedNodes(): Answer<number[]>;
  /** `move_pages(2)` as a question: by page, its node, or minus an errno; -ENOENT is a page not there yet. */
  nodesOfPages(addresses: readonly number[]): Answer<number[]>;
  /** `ioctl(PAGEMAP_SCAN)`: which pages of a range are there, from Linux 6.7 on. */
  scanPages(address: number, byteLength: number): Answer<PresentPages[]>;
  /** `mincore(2)`: the same, but that none says it is huge. */
  presentPages(address: number, byteLength: number): Answer<PresentPages[]>;
  /** `gettid(2)`: the number of this thread, as in `/proc/self/task`. */
  threadId(): number;
  /** `sched_setaffinity(2)`: the cpus that this thread may run on. Threads that it makes inherit them. */
  pin(cpus: readonly number[]): number;
  /** `sched_getaffinity(2)`: the cpus that the thread of this number may run on, in order. */
  affinity(threadId: number): Answer<number[]>;
  /** A file of `/proc` or `/sys`, which Deno opens for `--allow-all` alone. */
  readText(path: string): Answer<string>;
}
