/**
 * What a replay has to say, as text for a reader or as one JSON object for a program. Text fits in
 * 80 columns and uses more where there are more; colours only where the caller asks for them.
 *
 * @module
 */
import type { MemoryStatistics } from "@tidepool/core";
import { drawHeap, HEAP_SHADES, mapHeap } from "./heap_map.ts";
import type { LatencySummary } from "./latency.ts";
import type { ReplayResult, ShardResult } from "./run.ts";
import type { HandOverMode } from "./shard_replay.ts";
import { sum } from "./sum.ts";
import { BOLD, CYAN, DIM, paint } from "./terminal_style.ts";
import type { Trace } from "./trace.ts";
import {
  formatBytes,
  formatCount,
  formatCountOf,
  formatShare,
  formatShortBytes,
  formatTime,
} from "./units.ts";

/** How to print. */
export interface ReportStyle {
  /** Width of the terminal in columns; less than 80 is taken as 80. */
  readonly columns: number;
  /** Whether to colour. */
  readonly color: boolean;
}

/** One object with every figure of a replay, for `--json`. */
export interface JsonReport {
  readonly trace: string;
  readonly handOver: HandOverMode;
  readonly operations: number;
  readonly milliseconds: number;
  readonly operationsPerSecond: number;
  readonly wrongBytes: number;
  readonly checkedBytes: number;
  readonly remoteFrees: number;
  readonly handOvers: number;
  readonly memoryBytes: number;
  readonly liveBlocksAtEnd: number;
  readonly leakedBlocks: number;
  readonly host: JsonCalls;
  readonly shards: readonly JsonShard[];
}

/** Calls made, and how long their round trips took; null where there were none. */
export interface JsonCalls {
  readonly calls: number;
  readonly latencyMicroseconds: {
    readonly p50: number | null;
    readonly p99: number | null;
    readonly max: number | null;
  };
}

/** One shard in the JSON report: what it did, and what its allocator counted at two moments. */
export interface JsonShard extends JsonCalls {
  readonly shard: number;
  readonly mallocs: number;
  readonly frees: number;
  readonly remoteFreesSent: number;
  readonly remoteFreesReceived: number;
  readonly pointersDestroyed: number;
  readonly handOvers: number;
  readonly checkedBytes: number;
  readonly leakedBlocks: number;
  /** When the most bytes of the trace were live; the runtime's messages are counted as well. */
  readonly atPeak: MemoryStatistics;
  /** When the program had ended. */
  readonly atEnd: MemoryStatistics;
}

/** The JSON report. Wrong bytes are 0 in every report: the first one ends the replay. */
export function jsonReport(trace: Trace, handOver: HandOverMode, result: ReplayResult): JsonReport {
  return {
    trace: trace.program,
    handOver,
    operations: result.operations,
    milliseconds: round(result.milliseconds, 3),
    operationsPerSecond: operationsPerSecond(result),
    wrongBytes: 0,
    checkedBytes: sum(result.shards, ({ checkedBytes }) => checkedBytes),
    remoteFrees: sum(result.shards, ({ remoteFreesSent }) => remoteFreesSent),
    handOvers: result.handOvers,
    memoryBytes: result.memory,
    liveBlocksAtEnd: trace.liveBlocks + result.unexpectedBlocks,
    leakedBlocks: result.leakedBlocks,
    host: jsonCalls(result.host),
    shards: result.shards.map(({ destroyedAtHome, latency, atPeak, atEnd, ...counts }) => ({
      ...counts,
      pointersDestroyed: destroyedAtHome,
      ...jsonCalls(latency),
      atPeak: atPeak.memory,
      atEnd: atEnd.memory,
    })),
  };
}

/** The report for a reader: title, table, verdict, heap maps. */
export function textReport(
  trace: Trace,
  handOver: HandOverMode,
  result: ReplayResult,
  style: ReportStyle,
): string {
  return [
    title(trace, handOver, result, style),
    table(result, style),
    verdict(trace, result),
    heapMaps(result, style),
  ].join("\n\n");
}

function title(
  trace: Trace,
  handOver: HandOverMode,
  { shards, memory }: ReplayResult,
  { color }: ReportStyle,
): string {
  const by = handOver === "foreign" ? "foreign pointer" : "address";
  return `${paint(trace.program, BOLD, color)}: ${formatCountOf(trace.operations, "operation")} ` +
    `of ${formatCountOf(trace.threads, "thread")}, replayed over ` +
    `${formatCountOf(shards.length, "shard")} of ${formatBytes(memory / shards.length)},\n` +
    `blocks handed over by ${by}`;
}

/** Columns of the table: heading, the group it belongs to, width at 80 columns. */
const COLUMNS = [
  { heading: "shard", group: "", width: 5 },
  { heading: "mallocs", group: "", width: 7 },
  { heading: "frees", group: "", width: 7 },
  { heading: "sent", group: "remote frees", width: 6 },
  { heading: "recvd", group: "remote frees", width: 6 },
  { heading: "peak", group: "heap bytes", width: 5 },
  { heading: "used", group: "heap bytes", width: 5 },
  { heading: "frag", group: "", width: 5 },
  { heading: "calls", group: "", width: 5 },
  { heading: "p50", group: "round trip", width: 5 },
  { heading: "p99", group: "round trip", width: 5 },
  { heading: "max", group: "round trip", width: 5 },
] as const;

function table(result: ReplayResult, { columns, color }: ReportStyle): string {
  const fixed = COLUMNS.reduce((width, column) => width + column.width, 0);
  const gap = Math.min(3, Math.max(1, Math.floor((columns - fixed) / COLUMNS.length)));
  const row = (cells: readonly string[]) =>
    COLUMNS.map(({ width }, column) => (cells[column] ?? "").padStart(width))
      .join(" ".repeat(gap)).trimEnd();
  const total = [
    "all",
    formatCount(sum(result.shards, ({ mallocs }) => mallocs)),
    formatCount(sum(result.shards, ({ frees }) => frees)),
    formatCount(sum(result.shards, ({ remoteFreesSent }) => remoteFreesSent)),
    formatCount(sum(result.shards, ({ remoteFreesReceived }) => remoteFreesReceived)),
    "",
    formatShortBytes(sum(result.shards, ({ atPeak }) => atPeak.memory.usedBytes)),
    "",
    formatCount(sum(result.shards, ({ latency }) => latency.count)),
  ];
  return [
    paint(groups(gap), DIM, color),
    paint(row(COLUMNS.map(({ heading }) => heading)), DIM, color),
    ...result.shards.map((shard) => row(shardCells(shard))),
    row(total),
    row(["host", "", "", "", "", "", "", "", ...callCells(result.host)]),
    paint(
      "Round trips are those of submitTo(): a block handed over or, for the host, a\n" +
        "part of a program run. used and frag: when the most was live. K = 1,024 bytes.",
      DIM,
      color,
    ),
  ].join("\n");
}

/** The line above the headings: each group's name over its columns, between rules. */
function groups(gap: number): string {
  let line = "";
  for (let at = 0; at < COLUMNS.length;) {
    const { group } = COLUMNS[at]!;
    let width = COLUMNS[at]!.width;
    for (at++; group !== "" && COLUMNS[at]?.group === group; at++) {
      width += gap + COLUMNS[at]!.width;
    }
    if (line !== "") line += " ".repeat(gap);
    line += group === "" ? " ".repeat(width) : centre(group, width);
  }
  return line;
}

function centre(text: string, width: number): string {
  const left = Math.floor((width - text.length - 2) / 2);
  return `${"─".repeat(Math.max(left, 0))} ${text} `.padEnd(width, "─");
}

function shardCells(result: ShardResult): string[] {
  return [
    String(result.shard),
    formatCount(result.mallocs),
    formatCount(result.frees),
    formatCount(result.remoteFreesSent),
    formatCount(result.remoteFreesReceived),
    formatShortBytes(result.atEnd.memory.peakUsedBytes),
    formatShortBytes(result.atPeak.memory.usedBytes),
    formatShare(result.atPeak.memory.fragmentation),
    ...callCells(result.latency),
  ];
}

function callCells({ count, p50, p99, max }: LatencySummary): string[] {
  return [formatCount(count), formatTime(p50), formatTime(p99), formatTime(max)];
}

function verdict(trace: Trace, result: ReplayResult): string {
  const { milliseconds, shards, leakedBlocks } = result;
  const checked = formatBytes(sum(shards, ({ checkedBytes }) => checkedBytes));
  const remote = sum(shards, ({ remoteFreesSent }) => remoteFreesSent);
  const destroyed = sum(shards, ({ destroyedAtHome }) => destroyedAtHome);
  const freed = destroyed > 0
    ? `${formatCountOf(destroyed, "foreign pointer")} destroyed at home`
    : formatCountOf(remote, "remote free");
  const sound = shards.length === 1 ? "the heap is sound" : `all ${shards.length} heaps are sound`;
  return [
    `${formatCountOf(result.operations, "operation")} in ${(milliseconds / 1000).toFixed(2)} s: ` +
    `${formatCount(operationsPerSecond(result))} operations a second`,
    `${checked} of block contents checked: 0 wrong bytes`,
    `${formatCountOf(result.handOvers, "block")} handed from shard to shard, ${freed}`,
    `${formatCountOf(trace.liveBlocks, "block")} that the program itself never freed, ` +
    `${formatCount(leakedBlocks)} leaked; ${sound}`,
  ].join("\n");
}

/** Rows of a heap map, at most. */
const MAP_ROWS = 2;

function heapMaps({ shards }: ReplayResult, { columns, color }: ReportStyle): string {
  const label = Math.max(...shards.map(({ shard }) => `shard ${shard} `.length));
  const width = Math.max(80, columns) - label - 1;
  const maps = shards.map(({ atPeak }) => mapHeap(atPeak.blocks, width * MAP_ROWS));
  const lines = shards.flatMap(({ shard, atPeak: { memory } }, index) => {
    const [first = "", second = ""] = drawHeap(maps[index]!, width);
    const share = memory.totalBytes === 0 ? 0 : memory.usedBytes / memory.totalBytes;
    return [
      `shard ${shard}`.padEnd(label) + paint(first, CYAN, color),
      formatShare(share).padStart(label - 1).padEnd(label) + paint(second, CYAN, color),
    ];
  });
  const [none, quarter, half, most, full] = HEAP_SHADES;
  return [
    `Heaps when the most bytes were live; a cell is ${formatBytes(maps[0]?.cellBytes ?? 0)}:`,
    `in use ${none} nothing  ${quarter} up to 25%  ${half} 50%  ${most} 75%  ${full} 100%`,
    ...lines,
  ].join("\n");
}

function jsonCalls({ count, p50, p99, max }: LatencySummary): JsonCalls {
  const microseconds = (milliseconds: number | undefined) =>
    milliseconds === undefined ? null : round(milliseconds * 1000, 1);
  return {
    calls: count,
    latencyMicroseconds: {
      p50: microseconds(p50),
      p99: microseconds(p99),
      max: microseconds(max),
    },
  };
}

function operationsPerSecond({ operations, milliseconds }: ReplayResult): number {
  return Math.round(operations / (milliseconds / 1000));
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
