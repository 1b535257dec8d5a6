/** The report of a slice, after Seastar's tests of its memory diagnostics. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import { HeapProfile, memoryReport } from "../../../allocator/diagnosis/mod.ts";

const SLICE = { byteOffset: 64, byteLength: 65536 };

function make(debugHeap = false): Allocator {
  return Allocator.create(new SharedArrayBuffer(64 + 65536), [SLICE], 0, { debugHeap });
}

/** The cells of the table's row that begins with `range`. */
function row(report: string, range: string): string[] | undefined {
  const line = report.split("\n").find((line) => line.trimStart().startsWith(`${range}  `));
  return line?.trim().split(/ {2,}/).slice(1);
}

Deno.test("memoryReport() has the totals of the statistics", () => {
  const allocator = make();
  const address = allocator.malloc(1000);
  allocator.malloc(2000);
  allocator.free(address);
  const { totalBytes, usedBytes, freeBytes, peakUsedBytes } = allocator.statistics();
  const report = memoryReport(allocator.buffer, SLICE);
  const lines = report.split("\n");
  const grouped = (value: number) => value.toLocaleString("en-US");
  assertEquals(lines[0], "Slice at 64, 65,536 bytes");
  assertEquals(lines[1], `  heap    ${grouped(totalBytes)} bytes`);
  assertStringIncludes(lines[2]!, `  used    ${grouped(usedBytes)} bytes (3.2 %), at most `);
  assertStringIncludes(lines[2]!, `${grouped(peakUsedBytes)} so far; 1 block live`);
  assertStringIncludes(lines[3]!, `  free    ${grouped(freeBytes)} bytes (96.8 %), the largest `);
  assertStringIncludes(lines[3]!, "; fragmentation 1.6 %");
  assertEquals(lines[4], "  served  2 requests for 3,000 bytes, of them 0 large; 1 freed");
});

Deno.test("test_diagnostics_failures: memoryReport() counts the requests that failed", () => {
  const allocator = make();
  for (let failures = 1; failures <= 3; failures++) {
    assertEquals(allocator.malloc(1 << 30), 0);
    const noun = failures === 1 ? "request" : "requests";
    const line =
      `  failed  ${failures} ${noun}, ${failures} of them for more than the slice holds; `;
    assertStringIncludes(memoryReport(allocator.buffer, SLICE), line);
  }
  allocator.malloc(40_000);
  assertEquals(allocator.malloc(40_000), 0);
  assertStringIncludes(memoryReport(allocator.buffer, SLICE), "4 requests, 3 of them for more");
});

Deno.test("memoryReport() has a row for each range of sizes, with what is used and free in it", () => {
  const allocator = make();
  for (let i = 0; i < 3; i++) allocator.malloc(12); // blocks of 16 bytes
  const small = allocator.malloc(20); // 24 bytes, of the same range
  allocator.malloc(100); // 104
  const large = allocator.malloc(1000); // 1,008
  allocator.malloc(100);
  allocator.free(small);
  allocator.free(large);
  const report = memoryReport(allocator.buffer, SLICE);
  const { freeBytes } = allocator.statistics();
  const available = (smaller: number) => `${(100 - smaller / freeBytes * 100).toFixed(1)} %`;
  assertEquals(row(report, "16 to 24"), ["3", "48", "1", "24", "33.3 %", "100.0 %"]);
  assertEquals(row(report, "64 to 120"), ["2", "208", "0", "0", "0.0 %", available(24)]);
  assertEquals(row(report, "512 to 1,016"), ["0", "0", "1", "1,008", "100.0 %", available(24)]);
  assertEquals(row(report, "32 to 56"), undefined);
  const rest = (freeBytes - 24 - 1008).toLocaleString("en-US");
  const last = row(report, "32,768 to 65,528");
  assertEquals(last, ["0", "0", "1", rest, "100.0 %", available(24 + 1008)]);
});

Deno.test("the rows of memoryReport() add up to the heap", () => {
  const allocator = make();
  const blocks = Array.from({ length: 200 }, (_, i) => allocator.malloc((i * 37) % 300));
  for (let i = 0; i < blocks.length; i += 3) allocator.free(blocks[i]!);
  const { usedBytes, freeBytes, liveBlocks } = allocator.statistics();
  const sums = [0, 0, 0, 0];
  for (const line of memoryReport(allocator.buffer, SLICE).split("\n")) {
    const cells = / to [\d,]+ {2,}(.*)/.exec(line)?.[1]?.split(/ {2,}/) ?? [];
    for (const [i, cell] of cells.slice(0, 4).entries()) sums[i]! += Number(cell.replace(",", ""));
  }
  assertEquals([sums[0], sums[1], sums[3]], [liveBlocks, usedBytes, freeBytes]);
});

Deno.test("memoryReport() tells of remote frees, and whether some wait", () => {
  const segment = new SharedArrayBuffer(131072);
  const slices = [0, 65536].map((byteOffset) => ({ byteOffset, byteLength: 65536 }));
  const first = Allocator.create(segment, slices, 0);
  const second = Allocator.create(segment, slices, 1);
  second.free(first.malloc(100));
  second.flushRemoteFrees();
  assertStringIncludes(
    memoryReport(segment, slices[0]!),
    "  remote  0 blocks freed by others, 0 refused, more waiting; 0 of others freed here",
  );
  first.drainRemoteFrees();
  assertStringIncludes(
    memoryReport(segment, slices[0]!),
    "  remote  1 block freed by others, 0 refused, none waiting; 0 of others freed here",
  );
  assertStringIncludes(memoryReport(segment, slices[1]!), "; 1 of others freed here, 0 dropped");
});

Deno.test("test_diagnostics_allocation: 1,000 reports take no memory of the slice, and change none", () => {
  const allocator = make();
  const blocks = Array.from({ length: 50 }, (_, i) => allocator.malloc(i * 20));
  for (let i = 0; i < blocks.length; i += 2) allocator.free(blocks[i]!);
  while (allocator.malloc(100) !== 0); // there may be no memory left at all
  const before = [...new Uint8Array(allocator.buffer)];
  for (let i = 0; i < 1000; i++) memoryReport(allocator.buffer, SLICE);
  assertEquals([...new Uint8Array(allocator.buffer)], before);
});

Deno.test("memoryReport() names the places that hold most, from a profile or a debug heap", () => {
  const allocator = make(true);
  const profile = new HeapProfile(allocator, { sampleBytes: 1 });
  function hoard(): number {
    return allocator.malloc(5000);
  }
  hoard();
  allocator.malloc(100);
  for (const sites of [profile.sites(), allocator.debugHeap!.leaks()]) {
    const report = memoryReport(allocator.buffer, SLICE, sites);
    const lines = report.slice(report.indexOf("  places that hold most")).split("\n");
    assertEquals(lines[1], "    5,000 bytes in 1 block");
    assertStringIncludes(lines[2]!, `      at hoard (${import.meta.url}:`);
    assertStringIncludes(report, "    100 bytes in 1 block\n");
  }
});

Deno.test("memoryReport() names ten places and four calls of each, and says that there are more", () => {
  const allocator = make();
  const text = Array.from({ length: 6 }, (_, i) => `at f${i}`).join("\n");
  const sites = Array.from({ length: 12 }, () => ({ text, blocks: 2, bytes: 1234 }));
  const report = memoryReport(allocator.buffer, SLICE, sites);
  assertEquals(report.split("    1,234 bytes in 2 blocks\n").length, 11);
  assertStringIncludes(report, "      at f3\n      and 2 more calls\n");
  assert(!report.includes("at f4"));
  assert(report.endsWith("    and 2 other places"));
  const unknown = memoryReport(allocator.buffer, SLICE, [{ text: "", blocks: 1, bytes: 1 }]);
  assert(unknown.endsWith("    1 bytes in 1 block\n      at a place that is not known"));
});

Deno.test("memoryReport() tells what a debug heap keeps in quarantine", () => {
  const allocator = make(true);
  allocator.free(allocator.malloc(100));
  const report = memoryReport(allocator.buffer, SLICE);
  const bytes = allocator.debugHeap!.quarantinedBytes;
  assertStringIncludes(
    report,
    `  kept    1 freed block of ${bytes} bytes in quarantine, part of used`,
  );
});

Deno.test("memoryReport() of a damaged heap says where the walk ended", () => {
  const allocator = make();
  const address = allocator.malloc(100);
  new Int32Array(allocator.buffer)[address / 4 - 1] = 0;
  assertStringIncludes(
    memoryReport(allocator.buffer, SLICE),
    `  The walk ended at address ${address}: its owner was at work there, or the heap is damaged`,
  );
});

Deno.test("memoryReport() of what is no slice is an error", () => {
  const segment = new SharedArrayBuffer(65536);
  const slice = { byteOffset: 0, byteLength: 65536 };
  assertThrows(() => memoryReport(segment, slice), RangeError, "as it is not formatted");
  assertThrows(
    () => memoryReport(segment, { byteOffset: 0, byteLength: 131072 }),
    RangeError,
    "the segment ends at 65536",
  );
});
