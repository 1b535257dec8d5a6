/**
 * What the kernel says of a thread and of some memory now.
 *
 * @module
 */

import type { Libc, PresentPages } from "../machine/mod.ts";
import { wholePages } from "./placing.ts";

/** Where a thread runs. */
export interface ThreadFacts {
  /** The cpus that it may run on, in order; none if it has ended, or the kernel does not say. */
  readonly cpus: readonly number[];
  /** The cpu that it ran on last. */
  readonly cpu: number | undefined;
}

/** Where memory is. */
export interface MemoryFacts {
  /** The node that most of the pages looked at are on; undefined if none is there. */
  readonly node: number | undefined;
  /** Whether all of them are, and the kernel was told to take them from it. */
  readonly nodeVerified: boolean;
  /** Bytes that memory stands behind. */
  readonly presentBytes: number | undefined;
  /** Bytes of these in huge pages. */
  readonly hugePageBytes: number | undefined;
  /** Bytes that stay in memory once they are there. */
  readonly lockedBytes: number | undefined;
}

/** Pages whose node is asked. */
const SAMPLED_PAGES = 512;
/** Where `/proc/self/task/N/stat` has the last cpu, counted from behind the name, which may hold anything. */
const CPU_FIELD = 36;

/** Reads where the thread of this number runs. O(1). */
export function readThread(libc: Libc, threadId: number): ThreadFacts {
  const stat = libc.readText(`/proc/self/task/${threadId}/stat`).value;
  const cpu = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[CPU_FIELD];
  return {
    cpus: libc.affinity(threadId).value ?? [],
    cpu: cpu === undefined ? undefined : Number(cpu),
  };
}

/** Reads where the memory of a range is. O(its pages), and the mappings of the process. */
export function readMemory(libc: Libc, address: number, byteLength: number): MemoryFacts {
  const [begin, end] = wholePages(libc, address, address + byteLength);
  const { value: smaps } = libc.readText("/proc/self/smaps");
  const mappings = smaps === undefined ? undefined : parseMappings(smaps, begin, end);
  const scanned = libc.scanPages(begin, end - begin).value;
  const pages = scanned ?? libc.presentPages(begin, end - begin).value;
  return {
    ...readNode(libc, begin, pages ?? []),
    presentBytes: pages && bytesIn(pages),
    // Before Linux 6.7 only a whole mapping says, and it may go on over neighbours.
    hugePageBytes: scanned === undefined
      ? mappings?.hugeBytesAtMost
      : bytesIn(scanned.filter(({ isHuge }) => isHuge)),
    lockedBytes: mappings?.lockedBytes,
  };
}

function bytesIn(pages: readonly PresentPages[]): number {
  return pages.reduce((sum, { begin, end }) => sum + end - begin, 0);
}

function readNode(libc: Libc, begin: number, pages: readonly PresentPages[]) {
  const addresses = [...sample(pages, libc.pageBytes)];
  const onNode = (libc.nodesOfPages(addresses).value ?? []).filter((node) => node >= 0);
  const counts = [...Map.groupBy(onNode, (node) => node)].sort(([, a], [, b]) =>
    b.length - a.length
  );
  const node = counts[0]?.[0];
  const nodeVerified = counts.length === 1 && libc.preferredNode(begin).value === node;
  return { node, nodeVerified };
}

/** Addresses of pages, at most SAMPLED_PAGES, spread evenly over those that are there. */
function* sample(pages: readonly PresentPages[], pageBytes: number): Generator<number> {
  const step = Math.max(1, bytesIn(pages) / pageBytes / SAMPLED_PAGES);
  let next = 0; // in pages, counted over all that are there
  let before = 0;
  for (const { begin, end } of pages) {
    const count = (end - begin) / pageBytes;
    for (; next < before + count; next += step) {
      yield begin + Math.floor(next - before) * pageBytes;
    }
    before += count;
  }
}

/** What `/proc/self/smaps` says of the addresses from `begin` to `end`. */
export function parseMappings(smaps: string, begin: number, end: number) {
  let lockedBytes = 0;
  let hugeBytesAtMost = 0;
  let shared = 0; // bytes of the current mapping that are in the range
  for (const line of smaps.split("\n")) {
    const [, low, high] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    if (low !== undefined && high !== undefined) {
      shared = Math.min(end, parseInt(high, 16)) - Math.max(begin, parseInt(low, 16));
    } else if (shared > 0) {
      const [, huge] = /^AnonHugePages: *(\d+) kB/.exec(line) ?? [];
      if (huge !== undefined) hugeBytesAtMost += Math.min(shared, Number(huge) * 1024);
      if (/^VmFlags:.* lo\b/.test(line)) lockedBytes += shared;
    }
  }
  return { lockedBytes, hugeBytesAtMost };
}
