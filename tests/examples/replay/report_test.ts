import { stripVTControlCharacters } from "node:util";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { jsonReport, textReport } from "../../../examples/replay/report.ts";
import type { ReplayResult, ShardResult } from "../../../examples/replay/run.ts";
import { traceOf } from "../../harness/trace.ts";

const MIB = 2 ** 20;

const MEMORY = {
  mallocs: 119700,
  frees: 114900,
  remoteFreesSent: 4000,
  remoteFreesReceived: 3500,
  remoteFreesRejected: 0,
  failedMallocs: 0,
  largeMallocs: 0,
  oversizedMallocs: 0,
  remoteFreesDropped: 0,
  reclaims: 0,
  requestedBytes: 0,
  liveBlocks: 4800,
  usedBytes: 3 * MIB,
  peakUsedBytes: 3.5 * MIB,
  freeBytes: MIB,
  totalBytes: 4 * MIB,
  largestFreeBytes: MIB / 2,
  fragmentation: 0.5,
};
const AT_PEAK = {
  memory: MEMORY,
  blocks: [
    { address: 4096, byteLength: 3 * MIB, free: false },
    { address: 4096 + 3 * MIB, byteLength: MIB, free: true },
  ],
};
const AT_END = {
  memory: { ...MEMORY, usedBytes: 0 },
  blocks: [{ address: 4096, byteLength: 4 * MIB, free: true }],
};

function shardResult(shard: number, change: Partial<ShardResult> = {}): ShardResult {
  return {
    shard,
    mallocs: 119590,
    frees: 114845,
    remoteFreesSent: shard * 1000,
    remoteFreesReceived: 3493,
    destroyedAtHome: 0,
    handOvers: 7,
    latency: { count: 0 },
    checkedBytes: 2 ** 29,
    atPeak: AT_PEAK,
    atEnd: AT_END,
    leakedBlocks: 0,
    ...change,
  };
}

const RESULT: ReplayResult = {
  shards: [
    shardResult(0),
    shardResult(1, { latency: { count: 1234, p50: 0.0341, p99: 1.26, max: 12.5 } }),
  ],
  operations: 240292,
  milliseconds: 1250,
  memory: 8 * MIB,
  handOvers: 3493,
  host: { count: 128, p50: 11, p99: 55, max: 1200 },
  unexpectedBlocks: 0,
  leakedBlocks: 0,
};

const TRACE = { ...await traceOf("# program: git-pack\na 4 0 8\n"), operations: 240292 };

Deno.test("textReport() prints title, table, verdict and heap maps in 80 columns", () => {
  const text = textReport(TRACE, "address", RESULT, { columns: 80, color: false });
  assertEquals(
    text,
    `\
git-pack: 240,292 operations of 5 threads, replayed over 2 shards of 4.0 MiB,
blocks handed over by address

                       remote frees   heap bytes              ── round trip ───
shard mallocs   frees   sent  recvd  peak  used  frag calls   p50   p99   max
    0 119,590 114,845      0  3,493  3.5M  3.0M 50.0%     0     –     –     –
    1 119,590 114,845  1,000  3,493  3.5M  3.0M 50.0% 1,234  34µs 1.3ms  13ms
  all 239,180 229,690  1,000  6,986        6.0M       1,234
 host                                                   128  11ms  55ms  1.2s
Round trips are those of submitTo(): a block handed over or, for the host, a
part of a program run. used and frag: when the most was live. K = 1,024 bytes.

240,292 operations in 1.25 s: 192,234 operations a second
1.0 GiB of block contents checked: 0 wrong bytes
3,493 blocks handed from shard to shard, 1,000 remote frees
1 block that the program itself never freed, 0 leaked; all 2 heaps are sound

Heaps when the most bytes were live; a cell is 28.8 KiB:
in use · nothing  ░ up to 25%  ▒ 50%  ▓ 75%  █ 100%
shard 0 ${"█".repeat(71)}
  75.0% ${"█".repeat(35)}▒${"·".repeat(35)}
shard 1 ${"█".repeat(71)}
  75.0% ${"█".repeat(35)}▒${"·".repeat(35)}`,
  );
});

Deno.test("textReport() keeps to the width of the terminal, and to 80 columns in a pipe", () => {
  for (const columns of [40, 80, 100, 120, 200]) {
    const text = textReport(TRACE, "address", RESULT, { columns, color: false });
    const widest = Math.max(...text.split("\n").map((line) => line.length));
    assert(widest <= Math.max(80, columns), `${widest} columns of ${columns}`);
  }
});

Deno.test("textReport() colours where it is asked to, and changes nothing else", () => {
  const plain = textReport(TRACE, "address", RESULT, { columns: 90, color: false });
  const coloured = textReport(TRACE, "address", RESULT, { columns: 90, color: true });
  assertEquals(stripVTControlCharacters(coloured), plain);
  assert(coloured.length > plain.length);
});

Deno.test("textReport() counts destroyed pointers where blocks are handed over by pointer", () => {
  const shards = [
    shardResult(0, { destroyedAtHome: 3400 }),
    shardResult(1, { destroyedAtHome: 93 }),
  ];
  const text = textReport(TRACE, "foreign", { ...RESULT, shards }, { columns: 80, color: false });
  assertStringIncludes(text, "blocks handed over by foreign pointer");
  assertStringIncludes(text, "3,493 foreign pointers destroyed at home");
});

Deno.test("jsonReport() has every figure under its name, for the whole and for each shard", () => {
  const report = jsonReport(TRACE, "address", { ...RESULT, leakedBlocks: 2 });
  const { shards, host, ...whole } = report;
  assertEquals(whole, {
    trace: "git-pack",
    handOver: "address",
    operations: 240292,
    milliseconds: 1250,
    operationsPerSecond: 192234,
    wrongBytes: 0,
    checkedBytes: 2 ** 30,
    remoteFrees: 1000,
    handOvers: 3493,
    memoryBytes: 8 * MIB,
    liveBlocksAtEnd: 1,
    leakedBlocks: 2,
  });
  assertEquals(host, {
    calls: 128,
    latencyMicroseconds: { p50: 11000, p99: 55000, max: 1200000 },
  });
  assertEquals(shards.length, 2);
  assertEquals(shards[0]?.latencyMicroseconds, { p50: null, p99: null, max: null });
  assertEquals(shards[1], {
    shard: 1,
    mallocs: 119590,
    frees: 114845,
    remoteFreesSent: 1000,
    remoteFreesReceived: 3493,
    pointersDestroyed: 0,
    handOvers: 7,
    calls: 1234,
    latencyMicroseconds: { p50: 34.1, p99: 1260, max: 12500 },
    checkedBytes: 2 ** 29,
    atPeak: AT_PEAK.memory,
    atEnd: AT_END.memory,
    leakedBlocks: 0,
  });
  assertEquals(JSON.parse(JSON.stringify(report)), report, "nothing is lost in JSON");
});
