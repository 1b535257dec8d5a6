import { assert, assertEquals } from "@std/assert";
import { Allocator, readMemoryStatistics } from "../../../allocator/mod.ts";
import * as control from "../../../allocator/layout/control_layout.ts";

const SLICE = { byteOffset: 64, byteLength: 65536 };

function make(): Allocator {
  return Allocator.create(new SharedArrayBuffer(64 + 65536), [SLICE], 0);
}

Deno.test("Allocator.statistics() of a new slice is one free block", () => {
  const statistics = make().statistics();
  assert(statistics.totalBytes > 62_000 && statistics.totalBytes < 65_536);
  assertEquals(statistics, {
    mallocs: 0,
    frees: 0,
    remoteFreesSent: 0,
    remoteFreesDropped: 0,
    remoteFreesReceived: 0,
    remoteFreesRejected: 0,
    failedMallocs: 0,
    oversizedMallocs: 0,
    largeMallocs: 0,
    requestedBytes: 0,
    reclaims: 0,
    liveBlocks: 0,
    usedBytes: 0,
    peakUsedBytes: 0,
    freeBytes: statistics.totalBytes,
    totalBytes: statistics.totalBytes,
    largestFreeBytes: statistics.totalBytes,
    fragmentation: 0,
  });
});

Deno.test("Allocator.statistics() counts blocks, bytes, the peak and failures", () => {
  const allocator = make();
  const first = allocator.malloc(100);
  const second = allocator.calloc(10, 10);
  const third = allocator.memalign(64, 100);
  assertEquals(allocator.malloc(100_000), 0);
  allocator.free(second);
  const {
    mallocs,
    frees,
    failedMallocs,
    liveBlocks,
    usedBytes,
    peakUsedBytes,
    freeBytes,
    totalBytes,
  } = allocator.statistics();
  assertEquals([mallocs, frees, failedMallocs, liveBlocks], [3, 1, 1, 2]);
  assertEquals([usedBytes, peakUsedBytes], [208, 312]);
  assertEquals(freeBytes + usedBytes, totalBytes);
  allocator.free(first);
  allocator.free(third);
  assertEquals(allocator.statistics().usedBytes, 0);
  assertEquals(allocator.statistics().peakUsedBytes, 312);
});

Deno.test("Allocator.statistics() counts a realloc in place as none, one that moves as both", () => {
  const allocator = make();
  const address = allocator.malloc(100);
  allocator.realloc(address, 200);
  allocator.realloc(address, 50);
  assertEquals([allocator.statistics().mallocs, allocator.statistics().frees], [1, 0]);
  assertEquals(allocator.statistics().usedBytes, 56);
  assertEquals(allocator.statistics().peakUsedBytes, 208);
  allocator.malloc(100);
  allocator.realloc(address, 1000);
  assertEquals([allocator.statistics().mallocs, allocator.statistics().frees], [3, 1]);
});

Deno.test("Allocator.statistics() gives the largest free block and the fragmentation", () => {
  const allocator = make();
  const small = allocator.malloc(4000);
  allocator.malloc(16);
  const large = allocator.malloc(12_000);
  allocator.malloc(16);
  allocator.malloc(allocator.statistics().largestFreeBytes - 4);
  assertEquals(allocator.statistics().freeBytes, 0);
  assertEquals([allocator.statistics().largestFreeBytes, allocator.statistics().fragmentation], [
    0,
    0,
  ]);
  const smallBytes = allocator.mallocUsableSize(small) + 4;
  const largeBytes = allocator.mallocUsableSize(large) + 4;
  allocator.free(small);
  allocator.free(large);
  const { freeBytes, largestFreeBytes, fragmentation } = allocator.statistics();
  assertEquals([freeBytes, largestFreeBytes], [smallBytes + largeBytes, largeBytes]);
  assertEquals(fragmentation, 1 - largeBytes / (smallBytes + largeBytes));
});

Deno.test("test_two_allocations_increase_total_bytes_allocated: requestedBytes counts what was asked for", () => {
  const allocator = make();
  const address = allocator.malloc(128);
  assertEquals(allocator.statistics().requestedBytes, 128);
  allocator.malloc(256);
  assertEquals(allocator.statistics().requestedBytes, 384);
  allocator.free(address);
  allocator.malloc(100_000); // fails
  assertEquals(allocator.statistics().requestedBytes, 384);
  allocator.memalign(64, 100);
  allocator.calloc(3, 7);
  assertEquals(allocator.statistics().requestedBytes, 384 + 100 + 21);
});

Deno.test("readMemoryStatistics() reads what the owner wrote", () => {
  const allocator = make();
  allocator.malloc(500);
  assertEquals(readMemoryStatistics(allocator.buffer, SLICE), allocator.statistics());
});

Deno.test("readMemoryStatistics() falls back to the class when the owner has just taken the block", () => {
  const allocator = make();
  const { largestFreeBytes } = allocator.statistics();
  const words = new Int32Array(allocator.buffer, SLICE.byteOffset);
  const head = control.firstBlockOf(words.length);
  words[head] = 24; // the header of a small block in use, where a list still leads
  const lower = allocator.statistics().largestFreeBytes;
  assert(lower <= largestFreeBytes && lower > largestFreeBytes * 31 / 32);
});

Deno.test("Allocator.liveBlocks and usedBytes are those of the statistics, also past 2^31 operations", () => {
  const segment = new SharedArrayBuffer(65536);
  const slice = { byteOffset: 0, byteLength: 65536 };
  const allocator = Allocator.create(segment, [slice], 0);
  const words = new Int32Array(segment);
  const check = () => {
    const { liveBlocks, usedBytes } = allocator.statistics();
    assertEquals([allocator.liveBlocks, allocator.usedBytes], [liveBlocks, usedBytes]);
  };
  check();
  // The counters of one that has been at it for long: 2^31 - 2 each.
  words[control.MALLOCS_WORD] = words[control.FREES_WORD] = 0x7ffffffe;
  const addresses = Array.from({ length: 5 }, () => {
    const address = allocator.malloc(100);
    check();
    return address;
  });
  assertEquals(allocator.liveBlocks, 5);
  for (const address of addresses) {
    allocator.free(address);
    check();
  }
});
