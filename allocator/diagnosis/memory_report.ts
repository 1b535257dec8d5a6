/**
 * The state of a slice as text, after the dump that Seastar writes when an allocation fails
 * (`src/core/memory.cc`, `do_dump_memory_diagnostics`): totals, failures, and a row for each range of
 * block sizes, where Seastar has one for each pool and each length of span. It is made from the words
 * of the slice alone, so any thread can write it, of any slice, whatever its owner is doing; and it
 * takes no memory of the slice, so it can be written when there is none.
 *
 * @module
 */
import {
  addressOf,
  blockAfter,
  CACHED,
  firstBlockOf,
  FREE,
  GRANULE_BYTES,
  granulesOf,
  hasStartMap,
  type MemoryStatistics,
  readMemoryStatistics,
  sentinelOf,
  type SliceSpan,
  SMALLEST_BLOCK_GRANULES,
  wordsOf,
} from "../layout/mod.ts";
import { hasRemoteFrees } from "../malloc/mod.ts";

/** A place of the program, and the memory it holds: a site of a heap profile, or a leak. */
export interface MemorySite {
  /** The calls that led there, a line for each, innermost first. */
  readonly text: string;
  /** How many blocks. */
  readonly blocks: number;
  /** How many bytes. */
  readonly bytes: number;
}

/** Blocks of 2^row to 2^(row+1) - 1 granules. */
interface Row {
  used: number;
  usedGranules: number;
  free: number;
  freeGranules: number;
}

/** What walking the blocks found. */
interface Census {
  readonly rows: Row[];
  /** Free for the program, and not for TLSF: in quarantine. */
  kept: number;
  keptGranules: number;
  /** Where the walk ended before the heap did, 0 if it did not. */
  lostAt: number;
}

/** Sites that a report names. */
const REPORTED_SITES = 10;
/** Calls of a site that a report names. */
const REPORTED_CALLS = 4;

/**
 * Says in some lines of text what a slice holds, and how much of it is free. Takes time in proportion
 * to the blocks; while the owner allocates and frees, the figures need not all be of the same moment.
 *
 * @param buffer the segment
 * @param slice where the slice lies in it
 * @param sites the places that hold most memory, if they are known: `sites()` of a heap profile, or
 * `leaks()` of a debug heap; the first ten are named
 * @returns some lines of text
 * @throws {RangeError} if the span is no slice of the buffer, or is not formatted
 *
 * @example
 * ```ts
 * import { Allocator } from "@tidepool/core/allocator";
 * import { memoryReport } from "@tidepool/core/diagnosis";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(65536);
 * const slice = { byteOffset: 0, byteLength: 65536 };
 * const allocator = Allocator.create(segment, [slice], 0);
 * allocator.malloc(100);
 * assertStringIncludes(memoryReport(segment, slice), "1 block live");
 * ```
 */
export function memoryReport(
  buffer: SharedArrayBuffer,
  slice: SliceSpan,
  sites: readonly MemorySite[] = [],
): string {
  const statistics = readMemoryStatistics(buffer, slice);
  const words = wordsOf(buffer, slice);
  const census = takeCensus(words);
  const lines = [
    `Slice at ${slice.byteOffset}, ${grouped(slice.byteLength)} bytes`,
    ...totals(statistics, hasRemoteFrees(words)),
  ];
  if (census.kept > 0) {
    const bytes = grouped(census.keptGranules * GRANULE_BYTES);
    lines.push(
      `  kept    ${
        counted(census.kept, "freed block")
      } of ${bytes} bytes in quarantine, part of used`,
    );
  }
  lines.push(...table(census));
  if (census.lostAt !== 0) {
    lines.push(
      `  The walk ended at address ${census.lostAt}: its owner was at work there, or the heap is ` +
        `damaged, which checkHeap() tells`,
    );
  }
  if (sites.length > 0) lines.push(...offenders(sites));
  return lines.join("\n");
}

function totals(statistics: MemoryStatistics, waiting: boolean): string[] {
  const { usedBytes, peakUsedBytes, freeBytes, totalBytes, largestFreeBytes } = statistics;
  const { mallocs, frees, liveBlocks, requestedBytes, largeMallocs } = statistics;
  const { remoteFreesSent, remoteFreesReceived, remoteFreesRejected, fragmentation } = statistics;
  const { reclaims, remoteFreesDropped, failedMallocs, oversizedMallocs } = statistics;
  return [
    `  heap    ${grouped(totalBytes)} bytes`,
    `  used    ${grouped(usedBytes)} bytes (${percent(usedBytes, totalBytes)}), at most ` +
    `${grouped(peakUsedBytes)} so far; ${counted(liveBlocks, "block")} live`,
    `  free    ${grouped(freeBytes)} bytes (${
      percent(freeBytes, totalBytes)
    }), the largest block ` +
    `${grouped(largestFreeBytes)}; fragmentation ${percent(fragmentation, 1)}`,
    `  served  ${counted(mallocs, "request")} for ${grouped(requestedBytes)} bytes, of them ` +
    `${grouped(largeMallocs)} large; ${grouped(frees)} freed`,
    `  failed  ${counted(failedMallocs, "request")}, ${
      grouped(oversizedMallocs)
    } of them for more ` +
    `than the slice holds; reclaimed ${counted(reclaims, "time")}`,
    `  remote  ${counted(remoteFreesReceived, "block")} freed by others, ` +
    `${grouped(remoteFreesRejected)} refused, ${waiting ? "more" : "none"} waiting; ` +
    `${grouped(remoteFreesSent)} of others freed here, ${grouped(remoteFreesDropped)} dropped`,
  ];
}

/** Walks the blocks as far as headers can be trusted: another thread may be changing them. */
function takeCensus(words: Int32Array): Census {
  const census: Census = { rows: [], kept: 0, keptGranules: 0, lostAt: 0 };
  const quarantine = hasStartMap(words);
  const sentinel = sentinelOf(words.length);
  let block = firstBlockOf(words.length);
  while (block < sentinel) {
    const header = words[block]!;
    const granules = granulesOf(header);
    const next = blockAfter(block, granules);
    if (granules < SMALLEST_BLOCK_GRANULES || next > sentinel) {
      census.lostAt = addressOf(words, block);
      break;
    }
    const isKept = (header & (FREE | CACHED)) === CACHED;
    if (isKept) {
      census.kept++;
      census.keptGranules += granules;
    }
    // Statistics count what is in quarantine as used, and nobody can use it: it is in no row.
    if (!isKept || !quarantine) {
      const index = 31 - Math.clz32(granules);
      const row = census.rows[index] ??= { used: 0, usedGranules: 0, free: 0, freeGranules: 0 };
      if ((header & (FREE | CACHED)) !== 0) {
        row.free++;
        row.freeGranules += granules;
      } else {
        row.used++;
        row.usedGranules += granules;
      }
    }
    block = next;
  }
  return census;
}

/**
 * A row for each range of sizes that has blocks. Waste is the share of the row's bytes that is free,
 * as in Seastar's table of pools. The last column is the share of all free bytes that lies in blocks
 * of the row or larger: how much of what is free can serve such a request at all.
 */
function table({ rows }: Census): string[] {
  const freeGranules = rows.reduce((sum, row) => sum + row.freeGranules, 0);
  const lines = ["block bytes", "used", "bytes", "free", "bytes", "waste", "available"];
  const cells = [lines];
  let smaller = 0;
  // `forEach` passes over the ranges that have no blocks.
  rows.forEach((row, index) => {
    const from = GRANULE_BYTES * 2 ** index;
    cells.push([
      `${grouped(from)} to ${grouped(from * 2 - GRANULE_BYTES)}`,
      grouped(row.used),
      grouped(row.usedGranules * GRANULE_BYTES),
      grouped(row.free),
      grouped(row.freeGranules * GRANULE_BYTES),
      percent(row.freeGranules, row.freeGranules + row.usedGranules),
      percent(freeGranules - smaller, freeGranules),
    ]);
    smaller += row.freeGranules;
  });
  const widths = lines.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) => `  ${row.map((cell, i) => cell.padStart(widths[i]!)).join("  ")}`);
}

function offenders(sites: readonly MemorySite[]): string[] {
  const lines = ["  places that hold most"];
  for (const { text, blocks, bytes } of sites.slice(0, REPORTED_SITES)) {
    lines.push(`    ${grouped(bytes)} bytes in ${counted(blocks, "block")}`);
    const calls = text === "" ? ["at a place that is not known"] : text.split("\n");
    for (const call of calls.slice(0, REPORTED_CALLS)) lines.push(`      ${call}`);
    if (calls.length > REPORTED_CALLS) {
      lines.push(`      and ${counted(calls.length - REPORTED_CALLS, "more call")}`);
    }
  }
  if (sites.length > REPORTED_SITES) {
    lines.push(`    and ${counted(sites.length - REPORTED_SITES, "other place")}`);
  }
  return lines;
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : (part / whole) * 100).toFixed(1)} %`;
}
