/** The debug heap, beyond the table of misuse: its messages, the quarantine, leaks, and the map. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  Allocator,
  DoubleFreeError,
  HeapCheckError,
  InvalidAddressError,
  MIN_SLICE_BYTES,
} from "../../../allocator/mod.ts";
import type { DebugHeap, DebugHeapOptions } from "../../../allocator/diagnosis/mod.ts";

const SLICES = [0, 65536].map((byteOffset) => ({ byteOffset, byteLength: 65536 }));

function make(debugHeap: boolean | DebugHeapOptions = true) {
  const segment = new SharedArrayBuffer(131072);
  const allocator = Allocator.create(segment, SLICES, 0, { debugHeap });
  const second = Allocator.create(segment, SLICES, 1, { debugHeap });
  const heap = allocator.debugHeap as DebugHeap;
  return {
    allocator,
    second,
    heap,
    bytes: new Uint8Array(segment),
    words: new Int32Array(segment),
  };
}

Deno.test("every address in the heap but the starts of live blocks is refused, on either shard", () => {
  const { allocator, second, bytes } = make();
  const live = new Set<number>();
  for (let i = 0; i < 40; i++) {
    const address = allocator.malloc(i * 7);
    // Bytes that look like headers of small blocks, everywhere.
    allocator.bytes(address, i * 7).forEach((_, at) => bytes[address + at] = at % 4 === 0 ? 16 : 0);
    if (i % 3 === 0) allocator.free(address);
    else live.add(address);
  }
  let refused = 0;
  for (let address = 0; address < 65536; address += 4) {
    if (live.has(address)) continue;
    for (const each of [allocator, second]) {
      if (address !== 0) assertThrows(() => each.free(address), InvalidAddressError);
      if (address !== 0) assertThrows(() => each.realloc(address, 8), InvalidAddressError);
      refused++;
    }
  }
  assertEquals(refused, (65536 / 4 - live.size) * 2);
  allocator.checkHeap();
  for (const address of live) allocator.free(address);
  assertEquals(allocator.statistics().liveBlocks, 0);
  allocator.checkHeap();
});

Deno.test("an overrun of every byte up to the next block is found, for every size", () => {
  for (let byteLength = 0; byteLength <= 40; byteLength++) {
    const { allocator, second, bytes } = make();
    const address = allocator.malloc(byteLength);
    const next = allocator.malloc(8);
    for (let at = address + byteLength; at < next - 4; at++) {
      const before = bytes[at]!;
      bytes[at] = before ^ 1;
      assertThrows(() => allocator.free(address), HeapCheckError, "behind a block");
      assertThrows(() => allocator.realloc(address, 100), HeapCheckError, "behind a block");
      assertThrows(() => allocator.checkHeap(), HeapCheckError, "behind a block");
      assertThrows(() => second.free(address), HeapCheckError, "a block");
      assertThrows(() => allocator.free(next), HeapCheckError, "in front of a block");
      bytes[at] = before;
    }
    allocator.checkHeap();
    second.free(address);
    allocator.free(next);
  }
});

Deno.test("a write to every byte of a freed block is found when the quarantine ends", () => {
  for (const byteLength of [0, 1, 13, 40]) {
    const { allocator, heap, bytes } = make();
    const address = allocator.malloc(byteLength);
    const next = allocator.malloc(8);
    for (let at = address; at < next - 4; at++) {
      const block = allocator.malloc(byteLength);
      allocator.free(block);
      bytes[block + at - address] = 1;
      assertThrows(() => heap.flushQuarantine(), HeapCheckError, "a freed block keeps");
      assertEquals(heap.quarantinedBytes, 0);
      allocator.checkHeap();
    }
  }
});

Deno.test("a write in front of a block is found where the block to its left is free or in quarantine", () => {
  for (const quarantineBytes of [0, 10_000]) {
    const { allocator, words } = make({ quarantineBytes });
    const left = allocator.malloc(100);
    const address = allocator.malloc(100);
    allocator.malloc(8);
    allocator.free(left);
    const before = words[address / 4 - 2]!;
    words[address / 4 - 2] = 12345;
    assertThrows(() => allocator.free(address), HeapCheckError, "the bytes in front of a block");
    words[address / 4 - 2] = before;
    allocator.free(address);
    allocator.checkHeap();
  }
});

Deno.test("an error of the debug heap names the byte, the block, and where it was asked for and freed", () => {
  const { allocator, heap, bytes } = make();
  function askFor(byteLength: number): number {
    return allocator.malloc(byteLength);
  }
  function giveBack(address: number): void {
    allocator.free(address);
  }
  const overrun = askFor(10);
  bytes[overrun + 12] = 7;
  const behind = assertThrows(() => giveBack(overrun), HeapCheckError);
  assertEquals(behind.address, overrun + 12);
  assertEquals(behind.invariant, "the bytes behind a block are its guard");
  assertStringIncludes(
    behind.message,
    `Heap check failed at address ${
      overrun + 12
    }: the bytes behind a block are its guard, but the ` +
      `byte there is 7, not 253 (of the 10 bytes of the block, byte 2 past the end)\n` +
      `  the block of 10 bytes at ${overrun}\n  was asked for\n    at askFor (${import.meta.url}:`,
  );
  bytes[overrun + 12] = 253;
  giveBack(overrun);
  bytes[overrun + 3] = 7;
  const after = assertThrows(() => heap.flushQuarantine(), HeapCheckError);
  assertEquals(after.address, overrun + 3);
  assertStringIncludes(after.message, "the byte there is 7, not 221\n");
  assertStringIncludes(after.message, `\n  was freed\n    at giveBack (${import.meta.url}:`);
});

Deno.test("a debug heap without stacks works the same, and names no places", () => {
  const { allocator, heap, bytes } = make({ stacks: false });
  const address = allocator.malloc(10);
  assertEquals(heap.leaks()[0]?.text, "");
  assertStringIncludes(heap.leakReport(), "    at a place that is not known");
  bytes[address + 10] = 7;
  const error = assertThrows(() => allocator.free(address), HeapCheckError);
  assert(!error.message.includes("asked for"));
});

Deno.test("an overrun block stays live, and can be freed once it is mended", () => {
  const { allocator, bytes } = make();
  const address = allocator.malloc(10);
  bytes[address + 10] = 7;
  assertThrows(() => allocator.free(address), HeapCheckError);
  assertEquals(allocator.statistics().liveBlocks, 1);
  bytes[address + 10] = 253;
  allocator.free(address);
  assertEquals(allocator.statistics().liveBlocks, 0);
});

Deno.test("mallocUsableSize() of a debug heap is what was asked for, on every shard", () => {
  const { allocator, second } = make();
  for (const byteLength of [0, 1, 7, 100, 5000]) {
    const address = allocator.malloc(byteLength);
    assertEquals(allocator.mallocUsableSize(address), byteLength);
    assertEquals(second.mallocUsableSize(address), byteLength);
  }
});

Deno.test("a thread without a debug heap frees and measures blocks of one as well", () => {
  const segment = new SharedArrayBuffer(131072);
  const owner = Allocator.create(segment, SLICES, 0, { debugHeap: true });
  const other = Allocator.create(segment, SLICES, 1);
  const address = owner.malloc(100);
  assertEquals(other.mallocUsableSize(address), 100);
  assertThrows(() => other.free(address + 8), InvalidAddressError, "8 bytes inside the block");
  other.free(address);
  other.flushRemoteFrees();
  assertEquals(owner.drainRemoteFrees(), 1);
  const back = other.malloc(50);
  owner.free(back);
  owner.flushRemoteFrees();
  assertEquals(other.drainRemoteFrees(), 1);
  owner.checkHeap();
  other.checkHeap();
});

Deno.test("realloc() of a debug heap moves every block, and keeps its bytes", () => {
  const { allocator, second } = make();
  let address = allocator.malloc(100);
  allocator.bytes(address, 100).fill(9);
  for (
    const [each, byteLength] of [[allocator, 200], [second, 50], [second, 60], [
      allocator,
      10,
    ]] as const
  ) {
    const moved = each.realloc(address, byteLength);
    assert(moved !== address && moved !== 0);
    assertEquals(each.owner(moved), each === allocator ? 0 : 1);
    const kept = Math.min(100, byteLength, 50);
    assert(each.bytes(moved, Math.min(kept, 10)).every((byte) => byte === 9));
    address = moved;
  }
  assertEquals(allocator.mallocUsableSize(address), 10);
});

Deno.test("realloc() of a debug heap shrinks a block in place when there is no room to move it", () => {
  const { allocator, bytes } = make();
  const { freeBytes } = allocator.statistics();
  const address = allocator.malloc(Math.floor(freeBytes * 0.6));
  assertEquals(allocator.realloc(address, Math.floor(freeBytes * 0.5)), address);
  const byteLength = allocator.mallocUsableSize(address);
  assertEquals(byteLength, Math.floor(freeBytes * 0.5));
  assertEquals(allocator.realloc(address, Math.floor(freeBytes * 0.55)), 0);
  bytes[address + byteLength] = 1;
  assertThrows(() => allocator.free(address), HeapCheckError, "behind a block");
});

Deno.test("the quarantine holds freed blocks back up to its bytes, the oldest leave first", () => {
  const { allocator, heap } = make({ quarantineBytes: 1000 });
  const blocks = Array.from({ length: 20 }, () => allocator.malloc(84)); // 104 bytes each
  for (const address of blocks.slice(0, 9)) allocator.free(address);
  assertEquals(heap.quarantinedBytes, 936);
  const { freeBytes } = allocator.statistics();
  allocator.free(blocks[9]!);
  assertEquals(heap.quarantinedBytes, 936);
  assertEquals(allocator.statistics().freeBytes, freeBytes + 104);
  // The memory of the first block is free, and the only such block.
  assertEquals(allocator.malloc(84), blocks[0]);
  assertEquals(allocator.statistics().liveBlocks, 11);
  allocator.checkHeap();
});

Deno.test("the quarantine holds back no block that is larger than all of it, and may be none", () => {
  const { allocator, heap } = make({ quarantineBytes: 1000 });
  allocator.free(allocator.malloc(2000));
  assertEquals(heap.quarantinedBytes, 0);
  const none = make({ quarantineBytes: 0 });
  none.allocator.free(none.allocator.malloc(8));
  assertEquals(none.heap.quarantinedBytes, 0);
  assertThrows(() => make({ quarantineBytes: -1 }), RangeError, "-1 bytes of quarantine");
});

Deno.test("the quarantine is given back before a request fails, aligned ones too", () => {
  for (const alignment of [8, 64]) {
    const { allocator, heap } = make({ quarantineBytes: 1 << 20 });
    const { freeBytes } = allocator.statistics();
    const half = Math.floor(freeBytes * 0.6);
    allocator.free(allocator.malloc(half));
    assert(heap.quarantinedBytes > half);
    assert(allocator.memalign(alignment, half) !== 0);
    assertEquals(heap.quarantinedBytes, 0);
    assertEquals(allocator.statistics().failedMallocs, 0);
  }
});

Deno.test("DebugHeap.leaks() gathers live blocks by place, the most bytes first", () => {
  const { allocator, second, heap } = make();
  assertEquals([heap.leaks(), heap.leakReport()], [[], ""]);
  function some(): number {
    return allocator.malloc(10);
  }
  function more(): number {
    return allocator.malloc(1000);
  }
  const few: number[] = [];
  for (let i = 0; i < 10; i++) few.push(some());
  const large = more();
  second.free(allocator.malloc(5)); // freed, though not drained: no leak
  allocator.free(allocator.malloc(5)); // in quarantine: none either
  const leaks = heap.leaks();
  assertEquals(leaks.map(({ blocks, bytes }) => [blocks, bytes]), [[1, 1000], [10, 100]]);
  assertEquals(leaks.map(({ stack }) => stack[0]?.functionName), ["more", "some"]);
  assertEquals(leaks[0]?.addresses, [large]);
  assertEquals(leaks[1]?.addresses, few.slice(0, 8));
  const lines = heap.leakReport().split("\n");
  assertEquals(lines[0], "Slice 0 leaks 1100 bytes in 11 blocks");
  assertEquals(lines[1], `  1000 bytes in 1 block at ${large}, asked for`);
  assertStringIncludes(lines[2]!, `    at more (${import.meta.url}:`);
  assertStringIncludes(heap.leakReport(), `${few.slice(0, 8).join(", ")}, …, asked for\n`);
  for (const address of [...few, large]) allocator.free(address);
  assertEquals(heap.leaks(), []);
});

Deno.test("calloc() of a debug heap clears what was asked for, and no byte of the guard", () => {
  const { allocator } = make();
  for (let byteLength = 0; byteLength < 20; byteLength++) {
    const address = allocator.calloc(1, byteLength);
    assert(allocator.bytes(address, byteLength).every((byte) => byte === 0));
    allocator.free(address);
  }
  allocator.checkHeap();
});

Deno.test("a debug heap in the smallest slice works", () => {
  const segment = new SharedArrayBuffer(MIN_SLICE_BYTES);
  const slice = { byteOffset: 0, byteLength: MIN_SLICE_BYTES };
  const allocator = Allocator.create(segment, [slice], 0, { debugHeap: true });
  const address = allocator.malloc(8);
  assert(address !== 0);
  allocator.free(address);
  assertEquals(allocator.malloc(1000), 0);
  allocator.checkHeap();
});

Deno.test("drainRemoteFrees() of a debug heap refuses a link that leads to a live block", () => {
  const { allocator, second, words } = make();
  const live = allocator.malloc(100);
  const queued = allocator.malloc(100);
  second.free(queued);
  second.flushRemoteFrees();
  words[queued / 4] = live / 4 - 1; // written to after it was freed: the link of the list
  assertThrows(
    () => allocator.drainRemoteFrees(),
    InvalidAddressError,
    `Cannot drain address ${live} of slice 0 as it is live: a link of the list was overwritten`,
  );
  assertEquals(allocator.statistics().remoteFreesRejected, 1);
  allocator.free(live);
  allocator.checkHeap();
});

Deno.test("drainRemoteFrees() of a debug heap refuses a link that leads to a freed block", () => {
  for (const quarantineBytes of [0, 10_000]) {
    const { allocator, second, words } = make({ quarantineBytes });
    const freed = allocator.malloc(100);
    const queued = allocator.malloc(100);
    allocator.malloc(8);
    allocator.free(freed);
    second.free(queued);
    second.flushRemoteFrees();
    words[queued / 4] = freed / 4 - 1;
    assertThrows(
      () => allocator.drainRemoteFrees(),
      DoubleFreeError,
      `Cannot drain address ${freed} of slice 0 as it is free already`,
    );
    assertEquals(allocator.drainRemoteFrees(), 0);
    allocator.checkHeap();
  }
});
