/** Blocks freed by an allocator that does not own them. Both allocators are on one thread here. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Allocator, DoubleFreeError, InvalidAddressError } from "../../../allocator/mod.ts";
import { REMOTE_FREE_HEAD_WORD } from "../../../allocator/layout/control_layout.ts";
import { REMOTE_BATCH_BLOCKS } from "../../../allocator/malloc/remote_free_list.ts";

const SLICES = [
  { byteOffset: 0, byteLength: 65536 },
  { byteOffset: 65536, byteLength: 65536 },
  { byteOffset: 131072, byteLength: 65536 },
];

function make(): [Allocator, Allocator, Allocator] {
  const segment = new SharedArrayBuffer(3 * 65536);
  return [0, 1, 2].map((index) => Allocator.create(segment, SLICES, index)) as [
    Allocator,
    Allocator,
    Allocator,
  ];
}

function words(allocator: Allocator, index: number): Int32Array {
  return new Int32Array(allocator.buffer, SLICES[index]!.byteOffset, 65536 / 4);
}

Deno.test("Allocator.owner() names the slice of an address, -1 outside all", () => {
  const [first, second] = make();
  assertEquals(first.owner(second.malloc(1)), 1);
  assertEquals([0, 65535, 65536, 131071, 196607].map((a) => first.owner(a)), [0, 0, 1, 1, 2]);
  assertEquals([196608, -1, NaN, Infinity].map((a) => first.owner(a)), [-1, -1, -1, -1]);
  const apart = [{ byteOffset: 8192, byteLength: 1024 }, { byteOffset: 1024, byteLength: 1024 }];
  const allocator = Allocator.create(new SharedArrayBuffer(16384), apart, 0);
  const at = [0, 1023, 1024, 2047, 2048, 8191, 8192, 9215, 9216];
  assertEquals(at.map((a) => allocator.owner(a)), [-1, -1, 1, 1, -1, -1, 0, 0, -1]);
});

Deno.test("Allocator.free() of another slice's block comes home by flush and drain", () => {
  const [first, second] = make();
  const address = first.malloc(100);
  second.free(address);
  assert(!first.hasRemoteFrees());
  assertEquals(first.drainRemoteFrees(), 0);
  second.flushRemoteFrees();
  second.flushRemoteFrees();
  assert(first.hasRemoteFrees());
  assertEquals(first.statistics().liveBlocks, 1);
  first.checkHeap();
  assertEquals(first.drainRemoteFrees(), 1);
  assertEquals(first.drainRemoteFrees(), 0);
  assertEquals(second.statistics().remoteFreesSent, 1);
  const { liveBlocks, remoteFreesReceived, frees, usedBytes } = first.statistics();
  assertEquals([liveBlocks, remoteFreesReceived, frees, usedBytes], [0, 1, 1, 0]);
  first.checkHeap();
});

Deno.test("Allocator.free() publishes by itself when a batch is full", () => {
  const [first, second, third] = make();
  const addresses = Array.from({ length: REMOTE_BATCH_BLOCKS * 2 + 1 }, () => first.malloc(20));
  const other = third.malloc(20);
  addresses.forEach((address, i) => {
    second.free(address);
    if (i === 5) second.free(other);
  });
  assertEquals(first.drainRemoteFrees(), REMOTE_BATCH_BLOCKS * 2);
  assert(!third.hasRemoteFrees());
  second.flushRemoteFrees();
  assertEquals([first.drainRemoteFrees(), third.drainRemoteFrees()], [1, 1]);
  assertEquals(second.statistics().remoteFreesSent, addresses.length + 1);
});

Deno.test("Allocator.flushRemoteFrees() has nothing to do behind a full batch", () => {
  const [first, second] = make();
  for (let i = 0; i < REMOTE_BATCH_BLOCKS; i++) second.free(first.malloc(20));
  second.flushRemoteFrees();
  first.checkHeap();
  assertEquals(first.drainRemoteFrees(), REMOTE_BATCH_BLOCKS);
  first.checkHeap();
});

Deno.test("Allocator.malloc(), calloc() and memalign() drain before they fail", () => {
  const requests: ((allocator: Allocator) => number)[] = [
    (allocator) => allocator.malloc(40_000),
    (allocator) => allocator.calloc(4, 10_000),
    (allocator) => allocator.memalign(64, 40_000),
    (allocator) => allocator.realloc(0, 40_000),
  ];
  for (const request of requests) {
    const [first, second] = make();
    const address = first.malloc(50_000);
    assertEquals(request(first), 0);
    second.free(address);
    assertEquals(request(first), 0); // gathered, not published
    second.flushRemoteFrees();
    assertNotEquals(request(first), 0);
    assertEquals(first.statistics().failedMallocs, 2);
    first.checkHeap();
  }
});

Deno.test("a request that drains before it fails throws what it finds, and the next one is served", () => {
  const [first, second, third] = make();
  const [a, b] = [first.malloc(20_000), first.malloc(20_000)] as [number, number];
  second.free(b);
  third.free(b);
  for (const other of [second, third]) other.flushRemoteFrees();
  const text = `Cannot drain address ${b} of slice 0 as it is free already`;
  assertThrows(() => first.malloc(30_000), DoubleFreeError, text);
  const { failedMallocs, mallocs } = first.statistics();
  assertEquals([failedMallocs, mallocs], [0, 2]);
  assertNotEquals(first.malloc(30_000), 0);
  first.free(a);
  first.checkHeap();
});

Deno.test("Allocator.realloc() of another slice's block moves it to the caller's", () => {
  for (const [from, to] of [[100, 50], [100, 100], [100, 5000], [5000, 5], [1, 2], [13, 12]]) {
    const [first, second] = make();
    const address = first.malloc(from!);
    first.bytes(address, from!).forEach((_, i, bytes) => bytes[i] = i * 7);
    const moved = second.realloc(address, to!);
    assertEquals(second.owner(moved), 1);
    const kept = Math.min(from!, to!);
    assert(second.bytes(moved, kept).every((byte, i) => byte === (i * 7) % 256));
    second.flushRemoteFrees();
    assertEquals(first.drainRemoteFrees(), 1);
    first.checkHeap();
    second.checkHeap();
  }
});

Deno.test("Allocator.realloc() of another slice's block to 0 frees it, too large leaves it", () => {
  const [first, second] = make();
  const address = first.malloc(100);
  assertEquals(second.realloc(address, 65536), 0);
  assertEquals(second.realloc(address, 2 ** 40), 0);
  assertEquals(second.statistics().failedMallocs, 2);
  assertEquals(second.statistics().remoteFreesSent, 0);
  assertEquals(second.realloc(address, 0), 0);
  second.flushRemoteFrees();
  assertEquals(first.drainRemoteFrees(), 1);
});

Deno.test("Allocator.mallocUsableSize() measures another slice's block", () => {
  const [first, second] = make();
  const address = first.malloc(100);
  assertEquals(second.mallocUsableSize(address), first.mallocUsableSize(address));
});

Deno.test("Allocator.drainRemoteFrees() ends and reports when a block was freed twice by others", () => {
  const [first, second, third] = make();
  const [a, b, c] = [first.malloc(20), first.malloc(20), first.malloc(20)] as [
    number,
    number,
    number,
  ];
  const barrier = first.malloc(1);
  for (const address of [a, b, c]) second.free(address);
  second.flushRemoteFrees();
  third.free(b); // its link now leads to nothing, so a is out of reach
  third.flushRemoteFrees(); // and leads to c, which leads to b
  assertThrows(
    () => first.drainRemoteFrees(),
    DoubleFreeError,
    `Cannot drain address ${b} of slice 0 as it is free already`,
  );
  first.checkHeap();
  assert(!first.hasRemoteFrees());
  const { remoteFreesReceived, remoteFreesRejected, liveBlocks } = first.statistics();
  assertEquals([remoteFreesReceived, remoteFreesRejected], [2, 1]);
  assertEquals(liveBlocks, 2, "the lost block still counts as live");
  const sent = second.statistics().remoteFreesSent + third.statistics().remoteFreesSent;
  assertEquals(
    sent - remoteFreesReceived - remoteFreesRejected,
    1,
    "and it can be told from the sums",
  );
  first.free(barrier);
  first.checkHeap();
});

Deno.test("Allocator.free() notices a block queued twice in a row, or as first and last of a batch", () => {
  const [first, second] = make();
  const [a, b, c] = [first.malloc(20), first.malloc(20), first.malloc(20)] as [
    number,
    number,
    number,
  ];
  second.free(a);
  const text = `Cannot free address ${a} of slice 0 as it is free already`;
  assertThrows(() => second.free(a), DoubleFreeError, text);
  second.free(b);
  assertThrows(() => second.free(a), DoubleFreeError, text);
  assertThrows(() => second.free(b), DoubleFreeError);
  second.free(c);
  second.flushRemoteFrees();
  assertEquals(first.drainRemoteFrees(), 3);
  assertEquals(second.statistics().remoteFreesSent, 3);
  first.checkHeap();
});

Deno.test("Allocator.drainRemoteFrees() reports a block queued twice in the midst of a batch", () => {
  const [first, second] = make();
  const [a, b, c] = [first.malloc(20), first.malloc(20), first.malloc(20)] as [
    number,
    number,
    number,
  ];
  for (const address of [a, b, c, b]) second.free(address);
  second.flushRemoteFrees();
  assertThrows(() => first.drainRemoteFrees(), DoubleFreeError, `Cannot drain address ${b}`);
  assertEquals(first.drainRemoteFrees(), 0);
  first.checkHeap();
});

Deno.test("Allocator.drainRemoteFrees() reports a block that the owner freed as well", () => {
  const [first, second] = make();
  const address = first.malloc(20);
  first.malloc(1);
  second.free(address);
  second.flushRemoteFrees();
  first.free(address);
  assertThrows(() => first.drainRemoteFrees(), DoubleFreeError);
});

Deno.test("Allocator.drainRemoteFrees() goes on behind a block whose header was overwritten", () => {
  const [first, second] = make();
  const [a, b, c] = [first.malloc(20), first.malloc(20), first.malloc(20)] as [
    number,
    number,
    number,
  ];
  for (const address of [a, b, c]) second.free(address);
  second.flushRemoteFrees();
  const heap = words(first, 0);
  const good = heap[b / 4 - 1]!;
  heap[b / 4 - 1] = 8;
  assertThrows(
    () => first.drainRemoteFrees(),
    InvalidAddressError,
    `Cannot drain address ${b} of slice 0 as its header gives 8 bytes`,
  );
  assert(first.hasRemoteFrees());
  heap[b / 4 - 1] = good;
  assertEquals(first.drainRemoteFrees(), 1);
  const { remoteFreesReceived, remoteFreesRejected } = first.statistics();
  assertEquals([remoteFreesReceived, remoteFreesRejected], [2, 1]);
  first.free(b);
  first.checkHeap();
});

Deno.test("Allocator.drainRemoteFrees() reports a link that was overwritten while it waited", () => {
  for (const garbage of [2, 3, 2000, 1 << 20, -1, 65536 / 4 - 1]) {
    const [first, second] = make();
    const [a, b] = [first.malloc(20), first.malloc(20)] as [number, number];
    second.free(a);
    second.free(b);
    second.flushRemoteFrees();
    words(first, 0)[b / 4] = garbage; // b is freed; the program writes to it all the same
    assertThrows(
      () => first.drainRemoteFrees(),
      InvalidAddressError,
      "as it is not a block: something wrote to a block that waited to be freed",
    );
    assertEquals(first.drainRemoteFrees(), 0);
    first.checkHeap();
    assertEquals(first.statistics().remoteFreesReceived, 1);
  }
});

Deno.test("Allocator.drainRemoteFrees() leaves the head empty and takes what comes later", () => {
  const [first, second] = make();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 40; i++) second.free(first.malloc(20));
    second.flushRemoteFrees();
    assertEquals(first.drainRemoteFrees(), 40);
    assertEquals(words(first, 0)[REMOTE_FREE_HEAD_WORD], 0);
  }
  assertEquals(first.statistics().liveBlocks, 0);
});
