/**
 * The malloc family at its edges. Each row is a row of the table in ../README.md, under the same
 * name: what C17, POSIX and glibc say there, and what is done here.
 */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Allocator, DoubleFreeError, InvalidAddressError } from "../../../allocator/mod.ts";

const SLICES = [0, 1].map((index) => ({ byteOffset: index * 65536, byteLength: 65536 }));

interface Row {
  /** The call, as the table has it. */
  readonly call: string;
  /** `heap` owns the first slice; `other` owns the second, on the same thread. */
  readonly run: (heap: Allocator, other: Allocator) => void;
}

/** A full slice: what remains cannot hold 8 bytes. */
function fill(heap: Allocator): number {
  let last = 0;
  for (let size = 32768; size >= 8; size = Math.floor(size / 2)) {
    for (let address = heap.malloc(size); address !== 0; address = heap.malloc(size)) {
      last = address;
    }
  }
  return last;
}

const ROWS: readonly Row[] = [
  {
    call: "malloc(0)",
    run: (heap) => {
      const [first, second] = [heap.malloc(0), heap.malloc(0)];
      assert(first !== 0 && second !== 0 && first !== second);
      heap.free(first);
      heap.free(second);
    },
  },
  {
    call: "malloc(n), n larger than the slice",
    run: (heap) => {
      for (const byteLength of [65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32 + 8, 2 ** 53 - 1]) {
        assertEquals(heap.malloc(byteLength), 0);
      }
      const { failedMallocs, oversizedMallocs } = heap.statistics();
      assertEquals([failedMallocs, oversizedMallocs], [5, 5]);
    },
  },
  {
    call: "malloc(-1), malloc(1.5), malloc(NaN)",
    run: (heap) => {
      for (const byteLength of [-1, 1.5, NaN]) {
        assertThrows(
          () => heap.malloc(byteLength),
          RangeError,
          "expected a whole number, 0 or more",
        );
      }
      assertEquals(heap.statistics().failedMallocs, 0);
    },
  },
  {
    call: "malloc(n), no room",
    run: (heap) => {
      fill(heap);
      assertEquals(heap.malloc(8), 0);
      heap.checkHeap();
    },
  },
  {
    call: "calloc(0, n), calloc(n, 0)",
    run: (heap) => {
      const [first, second] = [heap.calloc(0, 8), heap.calloc(8, 0)];
      assert(first !== 0 && second !== 0 && first !== second);
    },
  },
  {
    call: "calloc(n, size), the product overflows",
    run: (heap) => {
      assertEquals(heap.calloc(2 ** 32, 2 ** 32), 0);
      assertEquals(heap.calloc(2 ** 16, 2 ** 16), 0); // 0 if taken modulo 2^32
      assertEquals(heap.calloc(2 ** 53 - 1, 2 ** 53 - 1), 0);
      assertEquals(heap.statistics().failedMallocs, 3);
    },
  },
  {
    call: "calloc(n, size) on used memory",
    run: (heap) => {
      const dirty = heap.malloc(1000);
      heap.bytes(dirty, 1000).fill(0xff);
      heap.free(dirty);
      const address = heap.calloc(10, 100);
      assertEquals(address, dirty);
      assert(heap.bytes(address, 1000).every((byte) => byte === 0));
    },
  },
  {
    call: "realloc(0, n)",
    run: (heap) => {
      const address = heap.realloc(0, 100);
      assert(heap.mallocUsableSize(address) >= 100);
      assertNotEquals(heap.realloc(0, 0), 0);
    },
  },
  {
    call: "realloc(p, 0)",
    run: (heap) => {
      const address = heap.malloc(100);
      assertEquals(heap.realloc(address, 0), 0);
      assertThrows(() => heap.free(address), DoubleFreeError);
    },
  },
  {
    call: "realloc(p, n), n smaller",
    run: (heap) => {
      const address = heap.malloc(1000);
      heap.bytes(address, 100).fill(7);
      const { freeBytes } = heap.statistics();
      assertEquals(heap.realloc(address, 100), address);
      assert(heap.bytes(address, 100).every((byte) => byte === 7));
      assert(heap.statistics().freeBytes > freeBytes + 850);
    },
  },
  {
    call: "realloc(p, n), n larger, the next block free",
    run: (heap) => {
      const address = heap.malloc(100);
      heap.bytes(address, 100).fill(7);
      assertEquals(heap.realloc(address, 5000), address);
      assert(heap.bytes(address, 100).every((byte) => byte === 7));
      heap.checkHeap();
    },
  },
  {
    call: "realloc(p, n), n larger, the next block in use",
    run: (heap) => {
      const address = heap.malloc(100);
      heap.malloc(8);
      heap.bytes(address, 100).fill(7);
      const moved = heap.realloc(address, 5000);
      assertNotEquals(moved, address);
      assert(heap.bytes(moved, 100).every((byte) => byte === 7));
      assertThrows(() => heap.free(address), DoubleFreeError);
    },
  },
  {
    call: "realloc(p, n), no room",
    run: (heap) => {
      const address = heap.malloc(100);
      heap.bytes(address, 100).fill(7);
      for (const byteLength of [65500, 65536, 2 ** 32, 2 ** 32 + 100, 2 ** 53 - 1]) {
        assertEquals(heap.realloc(address, byteLength), 0);
      }
      assert(heap.bytes(address, 100).every((byte) => byte === 7));
      heap.free(address);
    },
  },
  {
    call: "realloc(p, n), p of another shard",
    run: (heap, other) => {
      const address = other.malloc(100);
      other.bytes(address, 100).fill(7);
      const moved = heap.realloc(address, 50);
      assertEquals(heap.owner(moved), 0);
      assert(heap.bytes(moved, 50).every((byte) => byte === 7));
      heap.flushRemoteFrees();
      assertEquals(other.drainRemoteFrees(), 1);
    },
  },
  {
    call: "realloc(p, n), p from memalign",
    run: (heap) => {
      const address = heap.memalign(128, 100);
      heap.bytes(address, 100).fill(7);
      heap.malloc(30_000); // too large for the gap in front, so it lies behind
      const moved = heap.realloc(address, 5000);
      assertNotEquals(moved, address);
      assertEquals(moved % 8, 0);
      assert(heap.bytes(moved, 100).every((byte) => byte === 7));
    },
  },
  {
    call: "free(0)",
    run: (heap) => {
      heap.free(0);
      assertEquals(heap.statistics().frees, 0);
    },
  },
  {
    call: "free(p) twice",
    run: (heap) => {
      const address = heap.malloc(100);
      heap.free(address);
      assertThrows(() => heap.free(address), DoubleFreeError, `address ${address} of slice 0`);
    },
  },
  {
    call: "free(p), p not a block's",
    run: (heap) => {
      const address = heap.malloc(100);
      for (const wrong of [address + 1, 8, 2 ** 40, -8, 1.5]) {
        assertThrows(() => heap.free(wrong), InvalidAddressError, `Cannot free address ${wrong}`);
      }
      assertEquals(heap.statistics().liveBlocks, 1);
    },
  },
  {
    call: "free(p), p of another shard",
    run: (heap, other) => {
      const address = other.malloc(100);
      heap.free(address);
      heap.flushRemoteFrees();
      assertEquals(other.drainRemoteFrees(), 1);
      assertEquals(other.statistics().liveBlocks, 0);
    },
  },
  {
    call: "memalign(a, n)",
    run: (heap) => {
      for (let alignment = 1; alignment <= 8192; alignment *= 2) {
        const address = heap.memalign(alignment, 24);
        assertEquals(address % Math.max(8, alignment), 0);
        assertNotEquals(address, 0);
        heap.free(address);
      }
      heap.checkHeap();
    },
  },
  {
    call: "memalign(a, n), a not a power of two",
    run: (heap) => {
      for (const alignment of [0, 3, 24, -8, 1.5, NaN]) {
        const text = `Cannot align to ${alignment} bytes: an alignment is a power of two`;
        assertThrows(() => heap.memalign(alignment, 8), RangeError, text);
        assertThrows(() => heap.alignedAlloc(alignment, 8), RangeError, text);
        assertThrows(() => heap.posixMemalign(alignment, 8), RangeError, text);
      }
      assertThrows(
        () => heap.memalign("16" as unknown as number, 8),
        TypeError,
        "Cannot align to 16 bytes: expected a number",
      );
    },
  },
  {
    call: "memalign(a, n), a larger than the slice",
    run: (heap) => {
      for (const alignment of [65536, 2 ** 32, 2 ** 52]) {
        assertEquals(heap.memalign(alignment, 8), 0);
      }
      const { failedMallocs, oversizedMallocs } = heap.statistics();
      assertEquals([failedMallocs, oversizedMallocs], [3, 3]);
    },
  },
  {
    call: "alignedAlloc(a, n), n not a multiple of a",
    run: (heap) => {
      const address = heap.alignedAlloc(64, 100);
      assertEquals(address % 64, 0);
      assert(heap.mallocUsableSize(address) >= 100);
      assertEquals(heap.alignedAlloc(64, 65536), 0);
    },
  },
  {
    call: "posixMemalign(a, n)",
    run: (heap) => {
      const address = heap.posixMemalign(32, 16); // aligned by its alignment, not by its size
      assertEquals(address % 32, 0);
      assertNotEquals(address, 0);
      assertNotEquals(heap.posixMemalign(8, 0), 0);
      assertEquals(heap.posixMemalign(32, 65536), 0);
    },
  },
  {
    call: "posixMemalign(a, n), a below 8",
    run: (heap) => {
      for (const alignment of [1, 2, 4]) {
        assertThrows(
          () => heap.posixMemalign(alignment, 16),
          RangeError,
          `Cannot align to ${alignment} bytes: POSIX asks for 8 or more`,
        );
      }
    },
  },
  {
    call: "mallocUsableSize(0)",
    run: (heap) => assertEquals(heap.mallocUsableSize(0), 0),
  },
  {
    call: "mallocUsableSize(p)",
    run: (heap, other) => {
      for (const asked of [0, 1, 12, 13, 100, 5000]) {
        const address = heap.malloc(asked);
        const usable = heap.mallocUsableSize(address);
        assert(usable >= asked && usable <= Math.max(12, asked * 33 / 32 + 12));
        assertEquals(other.mallocUsableSize(address), usable);
        heap.bytes(address, usable).fill(0xff); // all of it may be used
      }
      heap.checkHeap();
    },
  },
  {
    call: "mallocTrim()",
    run: (heap, other) => {
      assertEquals(heap.mallocTrim(), 0);
      other.free(heap.malloc(100));
      other.flushRemoteFrees();
      assertEquals(heap.mallocTrim(), 0); // merged; but nobody can tell the system
      assertEquals(heap.statistics().liveBlocks, 0);
      const byteLength = 2 ** 21; // small classes need a MiB
      const slices = [{ byteOffset: 0, byteLength }];
      const given: number[] = [];
      const pages = {
        firstPage: 0,
        pageBytes: 4096,
        giveBack(byteOffset: number, byteLength: number): number {
          given.push(byteOffset + byteLength);
          return byteLength / 2; // as if half of it had never been touched
        },
      };
      const large = Allocator.create(new SharedArrayBuffer(byteLength), slices, 0, { pages });
      large.free(large.malloc(100));
      const { totalBytes, largestFreeBytes } = large.statistics();
      assert(largestFreeBytes < totalBytes);
      const released = large.mallocTrim();
      assertEquals(large.statistics().largestFreeBytes, totalBytes);
      assert(released > byteLength * 0.49 && released < byteLength / 2, String(released));
      assertEquals(given, [byteLength - 4096]); // the last page has the end of the block
    },
  },
];

for (const { call, run } of ROWS) {
  Deno.test(`C family: ${call} does what the README says`, () => {
    const segment = new SharedArrayBuffer(131072);
    const [heap, other] = SLICES.map((_, index) => Allocator.create(segment, SLICES, index));
    run(heap!, other!);
    heap!.checkHeap();
    other!.checkHeap();
  });
}

Deno.test("the table of the C family in tests/allocator/README.md has each row of this one, and no other", async () => {
  const text = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  const from = text.indexOf("## The C family");
  const section = text.slice(from, text.indexOf("\n## ", from + 1));
  const lines = section.split("\n").filter((line) => line.startsWith("| ")).slice(2);
  const documented = lines.map((line) => line.split("|")[1]!.trim().replaceAll("`", ""));
  assertEquals(documented, ROWS.map(({ call }) => call));
});
