/** `operator new` and `operator delete`: every variant of the table in allocator/malloc/new_delete.ts. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  Allocator,
  BadAllocError,
  DoubleFreeError,
  InvalidAddressError,
  NewDelete,
} from "../../../allocator/mod.ts";

const SLICES = [0, 1].map((index) => ({ byteOffset: index * 65536, byteLength: 65536 }));

function make(debugHeap = false): { heap: NewDelete; other: NewDelete } {
  const segment = new SharedArrayBuffer(131072);
  const [heap, other] = SLICES.map((_, index) =>
    new NewDelete(Allocator.create(segment, SLICES, index, { debugHeap }))
  );
  return { heap: heap!, other: other! };
}

Deno.test("NewDelete.new() gives what NewDelete.delete() takes back, in every combination", () => {
  for (const debugHeap of [false, true]) {
    for (const alignment of [undefined, 1, 8, 16, 64, 4096]) {
      for (const nothrow of [undefined, false, true]) {
        for (const sized of [false, true]) {
          const { heap } = make(debugHeap);
          const aligned = alignment === undefined ? {} : { alignment };
          const options = nothrow === undefined ? aligned : { ...aligned, nothrow };
          const address = heap.new(100, options);
          assertEquals(address % Math.max(8, alignment ?? 8), 0);
          heap.allocator.bytes(address, 100).fill(1);
          heap.delete(address, sized ? { ...aligned, byteLength: 100 } : aligned);
          const array = heap.newArray(25, 4, options);
          assertEquals(array % Math.max(8, alignment ?? 8), 0);
          heap.deleteArray(array, sized ? { ...aligned, count: 25, elementBytes: 4 } : aligned);
          assertEquals(heap.allocator.statistics().liveBlocks, 0);
          heap.allocator.checkHeap();
        }
      }
    }
  }
});

Deno.test("NewDelete.new(0) and newArray(0, n) give addresses of their own", () => {
  const { heap } = make();
  const addresses = [heap.new(0), heap.new(0), heap.newArray(0, 8), heap.newArray(8, 0)];
  assertEquals(new Set(addresses).size, 4);
  assert(!addresses.includes(0));
});

Deno.test("NewDelete.new() throws BadAllocError with what was asked for and what is free", () => {
  const { heap } = make();
  const held = heap.new(20_000);
  const { freeBytes, largestFreeBytes } = heap.allocator.statistics();
  for (
    const [ask, byteLength, alignment] of [
      [() => heap.new(60_000), 60_000, 8],
      [() => heap.new(60_000, { alignment: 64 }), 60_000, 64],
      [() => heap.newArray(60, 1000), 60_000, 8],
      [() => heap.newArray(60, 1000, { alignment: 64 }), 60_000, 64],
    ] as const
  ) {
    const error = assertThrows(
      ask,
      BadAllocError,
      `Cannot allocate ${byteLength} bytes aligned to ${alignment}: ${freeBytes} bytes are free, ` +
        `the largest block has ${largestFreeBytes}`,
    );
    assertEquals([error.name, error.byteLength, error.alignment, error.freeBytes], [
      "BadAllocError",
      byteLength,
      alignment,
      freeBytes,
    ]);
    assertEquals(error.largestFreeBytes, largestFreeBytes);
    assert(error instanceof RangeError);
  }
  assertEquals(heap.allocator.statistics().failedMallocs, 4);
  assertEquals(heap.allocator.statistics().oversizedMallocs, 0);
  heap.delete(held, { byteLength: 20_000 });
});

Deno.test("BadAllocError says so when no freed memory could have helped", () => {
  const { heap } = make();
  const { totalBytes } = heap.allocator.statistics();
  const most = totalBytes - 4;
  const cases: [byteLength: number, alignment: number][] = [
    [most + 1, 8],
    [2 ** 53 - 1, 8],
    [most - 64, 64],
    [most - 200, 64], // what alignment costs is added, and the sum rounded up
    [8, 2 ** 20],
    [8, 2 ** 52],
  ];
  for (const [byteLength, alignment] of cases) {
    const error = assertThrows(
      () => heap.new(byteLength, { alignment }),
      BadAllocError,
      `Cannot allocate ${byteLength} bytes aligned to ${alignment}: the whole slice has ` +
        `${totalBytes}`,
    );
    assertEquals([error.oversized, error.totalBytes], [true, totalBytes]);
    assert(!heap.allocator.canHold(byteLength, alignment));
  }
  assert(heap.allocator.canHold(most) && heap.allocator.canHold(most - 2048, 64));
  const { failedMallocs, oversizedMallocs } = heap.allocator.statistics();
  assertEquals([failedMallocs, oversizedMallocs], [6, 6]);
  heap.delete(heap.new(most)); // and what it could hold, it does
  heap.delete(heap.new(most - 2048, { alignment: 64 }));
});

Deno.test("NewDelete.new() with nothrow returns 0 where there is no room", () => {
  const { heap } = make();
  assertEquals(heap.new(65_536, { nothrow: true }), 0);
  assertEquals(heap.new(65_000, { nothrow: true, alignment: 4096 }), 0);
  assertEquals(heap.newArray(1000, 1000, { nothrow: true }), 0);
  assertEquals(heap.newArray(2, 65_000, { nothrow: true, alignment: 64 }), 0);
  assertEquals(heap.allocator.statistics().failedMallocs, 4);
});

Deno.test("NewDelete.newArray() whose product overflows fails like one without room", () => {
  const { heap } = make();
  for (const [count, elementBytes] of [[2 ** 32, 2 ** 32], [2 ** 53 - 1, 2], [2 ** 16, 2 ** 16]]) {
    assertThrows(() => heap.newArray(count!, elementBytes!), BadAllocError);
    assertEquals(heap.newArray(count!, elementBytes!, { nothrow: true }), 0);
  }
});

Deno.test("NewDelete refuses lengths and alignments that are not valid, with nothrow too", () => {
  const { heap } = make();
  for (const nothrow of [false, true]) {
    assertThrows(() => heap.new(-1, { nothrow }), RangeError, "Cannot allocate -1 bytes");
    assertThrows(
      () => heap.new(8, { nothrow, alignment: 3 }),
      RangeError,
      "Cannot align to 3 bytes",
    );
    assertThrows(() => heap.newArray(-1, 8, { nothrow }), RangeError, "-1 elements");
    assertThrows(() => heap.newArray(8, 0.5, { nothrow }), RangeError, "0.5 bytes");
  }
  const address = heap.new(8);
  assertThrows(() => heap.delete(address, { byteLength: -8 }), RangeError, "-8 bytes");
  assertThrows(() => heap.delete(address, { alignment: 12 }), RangeError, "align to 12");
  assertThrows(() => heap.deleteArray(address, { count: -1, elementBytes: 8 }), RangeError, "-1");
  heap.delete(address);
});

Deno.test("NewDelete.delete(0) does nothing, whatever is said of it", () => {
  const { heap } = make();
  heap.delete(0);
  heap.delete(0, { byteLength: 100, alignment: 64 });
  heap.deleteArray(0);
  heap.deleteArray(0, { count: 2, elementBytes: 3 });
  assertEquals(heap.allocator.statistics().frees, 0);
});

Deno.test("test_sized_delete: NewDelete.delete() accepts the size that was asked for, up to 65,536", () => {
  const segment = new SharedArrayBuffer(1 << 18);
  const slices = [{ byteOffset: 0, byteLength: 1 << 18 }];
  const heap = new NewDelete(Allocator.create(segment, slices, 0));
  const { allocator } = heap;
  for (let byteLength = 0; byteLength <= 65_536; byteLength += byteLength < 2000 ? 1 : 509) {
    // Whatever lies around it, a block may be larger than its class by what is not a block.
    const barrier = heap.new(byteLength % 7 * 8);
    const address = heap.new(byteLength);
    const aligned = heap.new(byteLength, { alignment: 64 });
    heap.delete(barrier);
    heap.delete(address, { byteLength });
    heap.delete(aligned, { byteLength, alignment: 64 });
  }
  assertEquals(allocator.statistics().liveBlocks, 0);
});

Deno.test("NewDelete.delete() accepts the size of a block that was taken whole, or looked for at last", () => {
  const { heap } = make();
  const { allocator } = heap;
  // Holes of every size from 63 to 200 granules, with barriers between; each is taken by a request
  // that is smaller by up to 1/16.
  for (let granules = 63; granules < 200; granules += 7) {
    for (let less = 0; less <= granules / 16; less++) {
      const hole = heap.new(granules * 8 - 4);
      const barrier = heap.new(8);
      heap.delete(hole);
      const byteLength = (granules - less) * 8 - 4;
      const address = heap.new(byteLength);
      heap.delete(address, { byteLength });
      heap.delete(barrier);
    }
  }
  assertEquals(allocator.statistics().liveBlocks, 0);
});

Deno.test("NewDelete.delete() reports a wrong size, in either direction", () => {
  for (
    const [asked, wrong] of [[100, 200], [100, 50], [1000, 1100], [1000, 900], [8, 64], [64, 8]]
  ) {
    const { heap, other } = make();
    const address = heap.new(asked!);
    const usable = heap.allocator.mallocUsableSize(address);
    for (const caller of [heap, other]) {
      const error = assertThrows(
        () => caller.delete(address, { byteLength: wrong! }),
        InvalidAddressError,
        `Cannot delete address ${address} of slice 0 as it was not allocated with ${wrong} bytes: ` +
          `its block holds ${usable}`,
      );
      assertEquals([error.address, error.sliceIndex], [address, 0]);
    }
    heap.delete(address, { byteLength: asked! });
  }
});

Deno.test("NewDelete.delete() tells a wrong size to the byte in a debug heap", () => {
  const { heap } = make(true);
  const address = heap.new(100);
  for (const wrong of [99, 101]) {
    assertThrows(
      () => heap.delete(address, { byteLength: wrong }),
      InvalidAddressError,
      `as it was allocated with 100 bytes, not with ${wrong}`,
    );
  }
  heap.delete(address, { byteLength: 100 });
});

Deno.test("NewDelete.delete() reports an alignment that the address cannot have had", () => {
  const { heap } = make();
  const address = heap.new(8, { alignment: 64 }) === 0 ? 0 : heap.new(8);
  const wrong = address % 4096 === 0 ? 8192 : 4096;
  for (const options of [{ alignment: wrong }, { alignment: wrong, byteLength: 8 }]) {
    assertThrows(
      () => heap.delete(address, options),
      InvalidAddressError,
      `Cannot delete address ${address} of slice 0 as it was not allocated with an alignment of ` +
        `${wrong} bytes`,
    );
  }
  heap.delete(address);
});

Deno.test("NewDelete.deleteArray() wants both halves of a size, or none", () => {
  const { heap } = make();
  const address = heap.newArray(4, 8);
  assertThrows(() => heap.deleteArray(address, { count: 4 }), TypeError, "elementBytes is missing");
  assertThrows(() => heap.deleteArray(address, { elementBytes: 8 }), TypeError, "count is missing");
  assertThrows(
    () => heap.deleteArray(address, { count: 40, elementBytes: 8 }),
    InvalidAddressError,
    "it was not allocated with 320 bytes",
  );
  heap.deleteArray(address, { count: 4, elementBytes: 8 });
});

Deno.test("NewDelete.delete() frees another slice's memory, and reports a second delete", () => {
  const { heap, other } = make();
  const address = heap.new(100, { alignment: 32 });
  other.delete(address, { byteLength: 100, alignment: 32 });
  other.allocator.flushRemoteFrees();
  assertEquals(heap.allocator.drainRemoteFrees(), 1);
  assertThrows(() => heap.delete(address), DoubleFreeError);
  assertThrows(() => heap.delete(address, { byteLength: 100 }), DoubleFreeError);
  assertNotEquals(heap.new(100), 0);
});
