/**
 * Segments and slices as large as they get. A SharedArrayBuffer takes memory page by page as it is
 * touched, so that these need address space and little else.
 */
import { assert, assertEquals } from "@std/assert";
import { Allocator, MAX_SLICE_BYTES } from "../../../allocator/mod.ts";
import { walkHeap } from "../../../allocator/diagnosis/mod.ts";

const GIB = 2 ** 30;

Deno.test("Allocator works in slices above 4 GiB, and frees across that line", () => {
  const segment = new SharedArrayBuffer(6 * GIB);
  const slices = [
    { byteOffset: GIB, byteLength: 1 << 20 },
    { byteOffset: 4 * GIB - 65536, byteLength: 131072 }, // lies across the line
    { byteOffset: 5 * GIB + 64, byteLength: GIB - 64 },
  ];
  const allocators = slices.map((_, index) => Allocator.create(segment, slices, index));
  for (const [index, allocator] of allocators.entries()) {
    const addresses = [8, 100, 5000, 16, 20_000].map((size) => allocator.malloc(size));
    for (const address of addresses) {
      assertEquals(allocator.owner(address), index);
      allocator.bytes(address, 8).fill(index + 1);
    }
    const aligned = allocator.memalign(4096, 100);
    assertEquals(aligned % 4096, 0);
    allocator.checkHeap();
    const other = allocators[(index + 1) % 3]!;
    const moved = other.realloc(addresses[1]!, 200);
    assertEquals(other.owner(moved), (index + 1) % 3);
    assertEquals([...other.bytes(moved, 8)], new Array(8).fill(index + 1));
    other.free(moved);
    other.free(addresses[2]!);
    for (const address of [aligned, addresses[0]!, addresses[3]!, addresses[4]!]) {
      allocator.free(address);
    }
    other.flushRemoteFrees();
    assertEquals(allocator.drainRemoteFrees(), 2);
    allocator.checkHeap();
    assertEquals(allocator.statistics().usedBytes, 0);
  }
});

Deno.test("Allocator fills the largest slice there is, 4 GiB", () => {
  const segment = new SharedArrayBuffer(MAX_SLICE_BYTES + GIB);
  const slice = { byteOffset: GIB, byteLength: MAX_SLICE_BYTES };
  const allocator = Allocator.create(segment, [slice], 0);
  const { totalBytes, largestFreeBytes } = allocator.statistics();
  assertEquals(largestFreeBytes, totalBytes);
  assert(totalBytes > MAX_SLICE_BYTES - 8192);

  const whole = allocator.malloc(totalBytes - 4);
  assert(whole !== 0);
  assertEquals(allocator.mallocUsableSize(whole), totalBytes - 4);
  assertEquals(allocator.malloc(0), 0);
  allocator.checkHeap();
  assertEquals(allocator.realloc(whole, 3 * GIB), whole);
  const rest = allocator.malloc(GIB - 2 ** 27); // sizes of this class are multiples of 64 MiB
  assert(rest > whole + 3 * GIB);
  allocator.bytes(rest + GIB - 2 ** 27 - 1, 1)[0] = 7;
  allocator.checkHeap();
  assertEquals([...walkHeap(segment, slice)].length, 3);
  allocator.free(whole);
  const blocks = [2.9 * GIB, 2 ** 16, 12].map((size) => allocator.malloc(Math.floor(size)));
  assert(blocks.every((address) => address !== 0));
  allocator.checkHeap();
  for (const address of [...blocks, rest]) allocator.free(address);
  allocator.checkHeap();
  assertEquals(allocator.statistics().usedBytes, 0);
});

Deno.test("Allocator.malloc() of half the largest slice and more finds room in every class", () => {
  const segment = new SharedArrayBuffer(MAX_SLICE_BYTES);
  const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: MAX_SLICE_BYTES }], 0);
  for (let size = 2 * GIB - 1; size < 4 * GIB - 2 ** 17; size += 2 ** 25 - 12_345) {
    const address = allocator.malloc(size);
    assert(address !== 0, `${size} bytes`);
    allocator.free(address);
  }
  assertEquals(allocator.malloc(4 * GIB - 2048), 0);
  allocator.checkHeap();
});
