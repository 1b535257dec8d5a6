/** Small classes: what they keep, when they give it back, and that nothing else can tell. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Allocator,
  type AllocatorOptions,
  DoubleFreeError,
  HeapCheckError,
} from "../../../allocator/mod.ts";
import { walkHeap } from "../../../allocator/diagnosis/mod.ts";
import { CACHED, FREE, granulesOf } from "../../../allocator/layout/block_layout.ts";
import { firstBlockOf, sentinelOf } from "../../../allocator/layout/control_layout.ts";
import { roundedGranules } from "../../../allocator/layout/size_class.ts";
import { CLASS_BLOCKS, SMALL_GRANULES } from "../../../allocator/placement/small_cache.ts";

const MIB = 2 ** 20;

function make(byteLength = 4 * MIB, options: AllocatorOptions = {}): Allocator {
  const segment = new SharedArrayBuffer(byteLength);
  return Allocator.create(segment, [{ byteOffset: 0, byteLength }], 0, options);
}

/** Bytes of the blocks that classes keep, by the headers' account. */
function keptBytes(allocator: Allocator): number {
  const words = new Int32Array(allocator.buffer, allocator.slice.byteOffset);
  const length = allocator.slice.byteLength / 4;
  let bytes = 0;
  for (let block = firstBlockOf(length); block < sentinelOf(length);) {
    const granules = granulesOf(words[block]!);
    if ((words[block]! & CACHED) !== 0) bytes += granules * 8;
    block += granules * 2;
  }
  return bytes;
}

/** Frees that no class sees. */
function passFrees(allocator: Allocator, count: number): void {
  for (let turn = 0; turn < count; turn++) allocator.free(allocator.malloc(2000));
}

function mallocs(allocator: Allocator, count: number, byteLength: number): number[] {
  return Array.from({ length: count }, () => allocator.malloc(byteLength));
}

Deno.test("malloc() hands out what was freed last of a size, whatever lies around it", () => {
  const allocator = make();
  const blocks = mallocs(allocator, 8, 100);
  for (const address of blocks) allocator.free(address);
  assertEquals(keptBytes(allocator), 8 * 104);
  allocator.checkHeap();
  assertEquals(mallocs(allocator, 8, 97), blocks.toReversed());
  assertEquals(keptBytes(allocator), 0);
  allocator.checkHeap();
});

Deno.test("blocks of up to 1,004 bytes are kept, larger ones merged at once", () => {
  const cases = [[0, 16], [12, 16], [13, 24], [500, 504], [508, 512], [516, 528], [1004, 1008]];
  for (const [byteLength, kept] of [...cases, [1005, 0]] as [number, number][]) {
    const allocator = make(256 * MIB);
    const address = allocator.malloc(byteLength);
    allocator.malloc(2000);
    allocator.free(address);
    assertEquals(keptBytes(allocator), kept, `${byteLength} bytes`);
  }
});

Deno.test("a kept block is free: for statistics, for a walk, and for a second free", () => {
  const allocator = make();
  const [first, second] = mallocs(allocator, 2, 100);
  allocator.free(first!);
  const { usedBytes, freeBytes, totalBytes, peakUsedBytes, liveBlocks } = allocator.statistics();
  assertEquals([usedBytes, freeBytes, peakUsedBytes, liveBlocks], [104, totalBytes - 104, 208, 1]);
  const walked = [...walkHeap(allocator.buffer, allocator.slice)];
  assertEquals(walked.map(({ address, free }) => [address, free]).slice(0, 2), [
    [first!, true],
    [second!, false],
  ]);
  assertThrows(() => allocator.free(first!), DoubleFreeError, "it is free already");
  assertThrows(() => allocator.realloc(first!, 200), DoubleFreeError, "it is free already");
  assertThrows(() => allocator.mallocUsableSize(first!), DoubleFreeError, "it is free already");
  assertEquals(allocator.statistics().frees, 1);
  assertEquals(allocator.malloc(100), first);
  assertEquals(allocator.statistics().peakUsedBytes, 208);
  allocator.malloc(100);
  assertEquals(allocator.statistics().peakUsedBytes, 312);
});

Deno.test("another thread's free is kept once it is drained, and is refused before if kept already", () => {
  const segment = new SharedArrayBuffer(8 * MIB);
  const slices = [0, 1].map((index) => ({ byteOffset: index * 4 * MIB, byteLength: 4 * MIB }));
  // The other slice begins at 0, where no block lies: addresses of both are real.
  const [owner, other] = [0, 1].map((index) => Allocator.create(segment, slices, index));
  const blocks = mallocs(owner!, 3, 60);
  owner!.free(blocks[0]!);
  assertThrows(() => other!.free(blocks[0]!), DoubleFreeError, "it is free already");
  other!.free(blocks[1]!);
  other!.flushRemoteFrees();
  assertEquals(owner!.drainRemoteFrees(), 1);
  assertEquals(keptBytes(owner!), 2 * 64);
  owner!.checkHeap();
  assertEquals(mallocs(owner!, 2, 60), [blocks[1]!, blocks[0]!]);
});

Deno.test("a class that is full at once closes and gives all back", () => {
  const allocator = make();
  const blocks = mallocs(allocator, CLASS_BLOCKS + 1, 100);
  allocator.malloc(1000);
  for (const address of blocks.slice(0, -1)) allocator.free(address);
  assertEquals(keptBytes(allocator), CLASS_BLOCKS * 104);
  allocator.free(blocks.at(-1)!);
  assertEquals(keptBytes(allocator), 0);
  allocator.checkHeap();
  // All of them are one block again.
  assertEquals(allocator.malloc((CLASS_BLOCKS + 1) * 104 - 4), blocks[0]);
  const address = allocator.malloc(100);
  allocator.free(address);
  assertEquals(keptBytes(allocator), 0, "it stays closed");
});

Deno.test("a class that pays gives back its older half when it is full", () => {
  const allocator = make();
  const blocks = mallocs(allocator, CLASS_BLOCKS + 1, 100);
  for (let turn = 0; turn < 10_000; turn++) allocator.free(allocator.malloc(40));
  for (const address of blocks) allocator.free(address);
  const newer = blocks.slice(CLASS_BLOCKS / 2);
  assertEquals(keptBytes(allocator), newer.length * 104 + 48);
  allocator.checkHeap();
  assertEquals(mallocs(allocator, newer.length, 100), newer.toReversed());
});

Deno.test("closed classes open again after 8,192 frees", () => {
  const allocator = make();
  for (const address of mallocs(allocator, CLASS_BLOCKS + 1, 100)) allocator.free(address);
  assertEquals(keptBytes(allocator), 0);
  passFrees(allocator, 8_192 - CLASS_BLOCKS - 2);
  allocator.free(allocator.malloc(100));
  assertEquals(keptBytes(allocator), 0);
  passFrees(allocator, 64);
  allocator.free(allocator.malloc(100));
  assertEquals(keptBytes(allocator), 104);
  allocator.checkHeap();
});

Deno.test("a class that never pays stays closed for longer each time, for 16 rounds at most", () => {
  const allocator = make();
  const rounds: number[] = [];
  for (let turn = 0; turn < 7; turn++) {
    for (const address of mallocs(allocator, CLASS_BLOCKS + 1, 100)) allocator.free(address);
    assertEquals(keptBytes(allocator), 0);
    let passed = 0;
    do {
      passFrees(allocator, 8_192);
      passed++;
      allocator.free(allocator.malloc(100));
    } while (keptBytes(allocator) === 0);
    rounds.push(passed);
    allocator.mallocTrim();
  }
  assertEquals(rounds, [1, 2, 4, 8, 16, 16, 16]);
});

Deno.test("a class that has paid opens in the next round, however long it was closed before", () => {
  const allocator = make();
  const close = () => {
    for (const address of mallocs(allocator, CLASS_BLOCKS + 1, 100)) allocator.free(address);
    assertEquals(keptBytes(allocator), 0);
  };
  close();
  passFrees(allocator, 8_192);
  close();
  passFrees(allocator, 2 * 8_192 + 2_048);
  // Full for the first time since it opened, 2,048 frees ago, and then once more at once.
  const blocks = mallocs(allocator, 2 * CLASS_BLOCKS, 100);
  for (const address of blocks) allocator.free(address);
  assertEquals(keptBytes(allocator), 0);
  passFrees(allocator, 8_192);
  allocator.free(allocator.malloc(100));
  assertEquals(keptBytes(allocator), 104);
});

Deno.test("classes beyond 248 bytes hold 1/256 of the heap at most, with all others", () => {
  for (const [mebibytes, largest] of [[2, 31], [64, 63], [128, 108], [256, 126]] as const) {
    const allocator = make(mebibytes * MIB);
    let kept = 0;
    let last = 0;
    for (let granules = 2; granules < 140; granules++) {
      for (const address of mallocs(allocator, CLASS_BLOCKS, granules * 8 - 4)) {
        allocator.free(address);
      }
      if (keptBytes(allocator) > kept) last = roundedGranules(granules);
      kept = keptBytes(allocator);
    }
    const most = Math.max(allocator.statistics().totalBytes / 256, 31 * 32 * 64);
    assert(kept <= most, `${mebibytes} MiB: ${kept} bytes`);
    assertEquals(last, largest, `${mebibytes} MiB`);
  }
});

Deno.test("classes close one by one, and stay closed, while more than half of the heap is in use", () => {
  const allocator = make(2 * MIB);
  const sizes = [20, 40, 60, 80, 100, 120, 140, 160, 180, 200];
  const blocks = sizes.flatMap((size) => mallocs(allocator, 3, size));
  for (const address of blocks) allocator.free(address);
  assert(keptBytes(allocator) > 0);
  const large = allocator.malloc(1_200_000);
  let turns = 0;
  while (keptBytes(allocator) > 0) {
    passFrees(allocator, 1);
    assert(++turns <= SMALL_GRANULES * 64, "every class has its turn");
  }
  allocator.free(allocator.malloc(100));
  assertEquals(keptBytes(allocator), 0);
  allocator.checkHeap();
  allocator.free(large);
  passFrees(allocator, 8_192 + 64);
  allocator.free(allocator.malloc(100));
  assertEquals(keptBytes(allocator), 104);
});

Deno.test("a class that is full while memory is short closes, though it pays", () => {
  const allocator = make(2 * MIB);
  const blocks = mallocs(allocator, CLASS_BLOCKS + 1, 100);
  for (let turn = 0; turn < 10_000; turn++) allocator.free(allocator.malloc(40));
  const large = allocator.malloc(1_200_000);
  for (const address of blocks) allocator.free(address);
  assertEquals(keptBytes(allocator), 48);
  allocator.free(large);
  allocator.checkHeap();
});

Deno.test("before a request fails, classes give back what they keep", () => {
  const allocator = make(2 * MIB);
  const { totalBytes } = allocator.statistics();
  for (const address of mallocs(allocator, CLASS_BLOCKS, 100)) allocator.free(address);
  assertEquals(keptBytes(allocator), CLASS_BLOCKS * 104);
  const all = allocator.malloc(totalBytes - 4);
  assert(all !== 0);
  assertEquals(allocator.statistics().failedMallocs, 0);
  assertEquals(keptBytes(allocator), 0);
  allocator.checkHeap();
});

Deno.test("memory that a reclaimer frees in small blocks serves the request", () => {
  const allocator = make(2 * MIB);
  const { totalBytes } = allocator.statistics();
  const held = mallocs(allocator, CLASS_BLOCKS, 100);
  allocator.reclaimers.add(() => {
    for (const address of held.splice(0)) allocator.free(address);
  }, { scope: "sync" });
  assert(allocator.malloc(totalBytes - 4) !== 0);
  allocator.checkHeap();
});

Deno.test("mallocTrim() gives TLSF what classes keep", () => {
  const allocator = make();
  const address = allocator.malloc(100);
  allocator.mallocTrim();
  allocator.free(address);
  assertEquals(keptBytes(allocator), 104);
  allocator.mallocTrim();
  assertEquals(keptBytes(allocator), 0);
  const { largestFreeBytes, totalBytes, fragmentation } = allocator.statistics();
  assertEquals([largestFreeBytes, fragmentation], [totalBytes, 0]);
});

Deno.test("realloc() grows into a kept neighbour, and into no other block of its class", () => {
  const allocator = make();
  const [first, second, third, fourth] = mallocs(allocator, 4, 100);
  for (const address of [second!, fourth!]) allocator.free(address);
  assertEquals(allocator.realloc(first!, 200), first);
  assertEquals(keptBytes(allocator), 104);
  allocator.checkHeap();
  assertEquals(allocator.malloc(100), fourth);
  // The neighbour is kept and too small: it is given back, and the block moves.
  const [fifth, sixth] = mallocs(allocator, 2, 100);
  allocator.malloc(100);
  allocator.free(sixth!);
  assert(allocator.realloc(fifth!, 240) !== fifth);
  allocator.free(third!);
  allocator.checkHeap();
});

Deno.test("a header that was overwritten while its block was kept is noticed, and the block dropped", () => {
  const allocator = make();
  const words = new Int32Array(allocator.buffer);
  const [first, second] = mallocs(allocator, 2, 100);
  for (const address of [first!, second!]) allocator.free(address);
  words[second! / 4 - 1] = 7777 << 3;
  const error = assertThrows(() => allocator.malloc(100), HeapCheckError);
  assertEquals(
    error.message,
    `Heap check failed at address ${second}: the header of a kept block is as it was, but it is ` +
      `${7777 << 3}: something wrote to memory that was freed, or past its end`,
  );
  assertEquals(allocator.malloc(100), first);
  allocator.free(first!);
  words[first! / 4 - 1] = 0;
  assertThrows(() => allocator.mallocTrim(), HeapCheckError, "the header of a kept block");
  assertEquals(allocator.mallocTrim(), 0);
});

Deno.test("checkHeap() holds the classes against the headers", () => {
  const allocator = make();
  const words = new Int32Array(allocator.buffer);
  const [first, second] = mallocs(allocator, 2, 100);
  allocator.free(first!);
  // A live block that says it is kept: USED and FREES are made to agree.
  const block = second! / 4 - 1;
  words[block]! |= CACHED;
  words[2]! -= 104 / 8;
  words[6]! += 1;
  const marked = assertThrows(() => allocator.checkHeap(), HeapCheckError);
  assertEquals([marked.invariant, marked.address], [
    "a kept block is in the class of its size",
    second,
  ]);
  // And a kept one that says it is live.
  words[block]! &= ~CACHED;
  words[first! / 4 - 1]! &= ~CACHED;
  words[2]! += 2 * 104 / 8;
  words[6]! -= 2;
  const unmarked = assertThrows(() => allocator.checkHeap(), HeapCheckError);
  assertEquals([unmarked.invariant, unmarked.address], [
    "a small class has kept blocks of its size, each once",
    first,
  ]);
});

Deno.test("slices below a MiB, and debug heaps, have no small classes", () => {
  for (const allocator of [make(MIB / 2), make(4 * MIB, { debugHeap: { quarantineBytes: 0 } })]) {
    const address = allocator.malloc(100);
    allocator.malloc(100);
    allocator.free(address);
    assertEquals(keptBytes(allocator), 0);
    const block = address / 4 - 1;
    if (allocator.debugHeap === undefined) {
      assertEquals(new Int32Array(allocator.buffer)[block]! & FREE, FREE);
    }
    allocator.checkHeap();
  }
});
