/**
 * Puts memory and threads where they are planned: memory from the host, before anything touches it; a
 * thread by itself, as late as it can, since threads that it makes inherit its cpus.
 *
 * Nothing here throws for what the kernel refuses. It comes back as a text that says what was refused,
 * with which error, and what to do.
 *
 * @module
 */

import { formatCpuList } from "./cpu_list.ts";
import {
  EINVAL,
  type Libc,
  MADV_HUGEPAGE,
  MADV_POPULATE_WRITE,
  type OpenedLibc,
  openLibc,
  refusal,
} from "../machine/mod.ts";
import { immediate } from "../ring/mod.ts";
import type { NodeMemory } from "./placement_plan.ts";

/** What is asked for some memory. */
export interface MemoryWishes {
  /** Which nodes its parts are to come from. */
  readonly parts: readonly NodeMemory[];
  readonly hugePages: boolean;
  readonly lock: boolean;
}

/** What a shard's thread is to do about its place; travels to it by postMessage. */
export interface ThreadPlan {
  /** The cpus that it is to run on; none if it is left free. */
  readonly cpus: readonly number[];
  /** Bytes of the segment that it is to touch, from and to; none if it need not. */
  readonly prefault?: readonly [begin: number, end: number];
}

/** What came of it; travels to the host. */
export interface ThreadPlace {
  /** Its number, as in `/proc/self/task`; undefined if it could not ask. */
  readonly threadId: number | undefined;
  readonly problems: readonly string[];
}

/** Touched at a time, between turns of the event loop: some 1 ms. A huge page, where there are any. */
const BATCH_BYTES = 2 ** 21;

/**
 * Places the memory from `address` on, which nothing may have touched yet.
 *
 * @returns What was refused.
 */
export function placeMemory(
  libc: Libc,
  address: number,
  byteLength: number,
  { parts, hugePages, lock }: MemoryWishes,
): string[] {
  const problems: string[] = [];
  for (const { node, byteOffset, byteLength } of parts) {
    const [begin, end] = wholePages(libc, address + byteOffset, address + byteOffset + byteLength);
    const errno = libc.preferNode(begin, end - begin, node);
    if (errno !== 0) problems.push(refusal("bind", errno, `${node}`));
  }
  const [begin, end] = wholePages(libc, address, address + byteLength);
  if (hugePages) {
    const errno = libc.madvise(begin, end - begin, MADV_HUGEPAGE);
    if (errno !== 0) problems.push(refusal("huge", errno));
  }
  if (lock) {
    const errno = libc.lockOnFault(begin, end - begin);
    if (errno !== 0) problems.push(refusal("lock", errno));
  }
  return problems;
}

/**
 * Has this thread take its place: pins it, then touches the memory, which is then near it.
 *
 * @param opened This thread's own C library.
 * @returns Resolves when all is touched; the event loop turns meanwhile.
 */
export async function takePlace(
  { cpus, prefault }: ThreadPlan,
  buffer: SharedArrayBuffer,
  opened: OpenedLibc = openLibc(),
): Promise<ThreadPlace> {
  const { libc, whyNot } = opened;
  if (libc === undefined) return { threadId: undefined, problems: [whyNot] };
  const problems = cpus.length > 0 ? pinThread(libc, cpus) : [];
  if (prefault !== undefined) {
    const errno = await touchAll(libc, buffer, ...prefault);
    if (errno !== 0) problems.push(refusal("prefault", errno));
  }
  return { threadId: libc.threadId(), problems };
}

/** Keeps this thread on these cpus. @returns What was refused. */
export function pinThread(libc: Libc, cpus: readonly number[]): string[] {
  const errno = libc.pin(cpus);
  return errno === 0 ? [] : [refusal("pin", errno, formatCpuList(cpus))];
}

/** Touches the bytes from `begin` to `end` of `buffer`; resolves to 0, or to why it has given up. */
async function touchAll(
  libc: Libc,
  buffer: SharedArrayBuffer,
  begin: number,
  end: number,
): Promise<number> {
  const origin = libc.addressOf(buffer);
  const [first, last] = wholePages(libc, origin + begin, origin + end);
  for (let from = first; from < last;) {
    const to = Math.min(last, (Math.floor(from / BATCH_BYTES) + 1) * BATCH_BYTES);
    const errno = libc.madvise(from, to - from, MADV_POPULATE_WRITE);
    if (errno === EINVAL) touchByHand(buffer, from - origin, to - origin, libc.pageBytes);
    else if (errno !== 0) return errno;
    from = to;
    await immediate();
  }
  return 0;
}

/** As kernels before 5.14 need it. */
function touchByHand(
  buffer: SharedArrayBuffer,
  begin: number,
  end: number,
  pageBytes: number,
): void {
  const words = new Int32Array(buffer, begin, (end - begin) >> 2);
  // A write that changes nothing: in a shard's next life, others may still free blocks of its last one.
  for (let word = 0; word < words.length; word += pageBytes >> 2) Atomics.or(words, word, 0);
}

/** The whole pages between two addresses: a page that is shared with a neighbour is left to the kernel. */
export function wholePages({ pageBytes }: Libc, begin: number, end: number): [number, number] {
  const first = Math.ceil(begin / pageBytes) * pageBytes;
  return [first, Math.max(first, Math.floor(end / pageBytes) * pageBytes)];
}
