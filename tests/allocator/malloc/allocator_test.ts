import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Allocator, MIN_SLICE_BYTES } from "../../../allocator/mod.ts";
import { soilFreeMemory } from "../../harness/soiled_memory.ts";

function make(byteLength = 65536, byteOffset = 0): Allocator {
  const segment = new SharedArrayBuffer(byteOffset + byteLength);
  new Uint8Array(segment).fill(0xff); // a format that relies on zeroed memory shows
  const slice = { byteOffset, byteLength };
  const allocator = Allocator.create(segment, [slice], 0);
  soilFreeMemory(segment, slice);
  return allocator;
}

function isWhole(allocator: Allocator): void {
  allocator.checkHeap();
  allocator.mallocTrim(); // what small classes keep is free, and not merged yet
  allocator.checkHeap();
  const { usedBytes, freeBytes, largestFreeBytes } = allocator.statistics();
  assertEquals([usedBytes, largestFreeBytes], [0, freeBytes]);
}

Deno.test("Allocator.malloc() returns 8-byte aligned addresses that do not overlap, for sizes 0 to 64", () => {
  const allocator = make();
  const blocks: [address: number, byteLength: number][] = [];
  for (let byteLength = 0; byteLength <= 64; byteLength++) {
    const address = allocator.malloc(byteLength);
    assertEquals(address % 8, 0);
    assert(allocator.mallocUsableSize(address) >= byteLength);
    allocator.bytes(address, byteLength).fill(byteLength);
    blocks.push([address, byteLength]);
  }
  allocator.checkHeap();
  for (const [address, byteLength] of blocks) {
    assert(allocator.bytes(address, byteLength).every((byte) => byte === byteLength));
    allocator.free(address);
  }
  isWhole(allocator);
});

Deno.test("Allocator.malloc(0) returns a new address each time", () => {
  const allocator = make();
  const addresses = [allocator.malloc(0), allocator.malloc(0), allocator.malloc(0)];
  assertEquals(new Set(addresses).size, 3);
  assert(!addresses.includes(0));
  for (const address of addresses) allocator.free(address);
  isWhole(allocator);
});

Deno.test("Allocator.malloc() takes 16 bytes at least, and 4 bytes more than asked for", () => {
  const allocator = make();
  for (const [asked, usable] of [[0, 12], [1, 12], [12, 12], [13, 20], [20, 20], [21, 28]]) {
    assertEquals(allocator.mallocUsableSize(allocator.malloc(asked!)), usable);
  }
});

Deno.test("Allocator.malloc() returns 0 for what no slice can hold, and counts it", () => {
  const allocator = make();
  const tooLarge = [65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 8, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 1e300];
  for (const byteLength of tooLarge) assertEquals(allocator.malloc(byteLength), 0);
  assertEquals(allocator.statistics().failedMallocs, tooLarge.length);
  isWhole(allocator);
});

Deno.test("Allocator.malloc() throws for what C cannot express", () => {
  const allocator = make();
  for (const byteLength of [-1, -(2 ** 32), 1.5, 2 ** 33 + 0.5, NaN, Infinity, -Infinity]) {
    assertThrows(
      () => allocator.malloc(byteLength),
      RangeError,
      `Cannot allocate ${byteLength} bytes: expected a whole number, 0 or more`,
    );
  }
  assertThrows(
    () => allocator.malloc("16" as unknown as number),
    TypeError,
    "Cannot allocate 16 bytes: expected a number",
  );
  assertThrows(() => allocator.malloc(undefined as unknown as number), TypeError, "undefined");
  isWhole(allocator);
});

Deno.test("Allocator.malloc() and free() stand every size within 64 bytes of the whole heap", () => {
  for (const byteLength of [MIN_SLICE_BYTES, 4096, 65536, 1 << 20, (1 << 20) + 64]) {
    const allocator = make(byteLength);
    const { totalBytes } = allocator.statistics();
    for (let below = -64; below <= 64; below++) {
      const asked = totalBytes - below;
      const address = asked < 0 ? 0 : allocator.malloc(asked);
      assertEquals(
        address !== 0,
        asked <= totalBytes - 4 && asked >= 0,
        `${asked} of ${totalBytes}`,
      );
      allocator.checkHeap();
      allocator.free(address);
      isWhole(allocator);
    }
  }
});

Deno.test("Allocator.malloc() stands every power of two and sizes just below", () => {
  const allocator = make(1 << 21);
  for (let size = 1 << 20; size >= 16; size >>>= 1) {
    for (let below = 0; below < Math.min(size, 100); below++) {
      const first = allocator.malloc(size - below);
      const second = allocator.malloc(Math.min(size - below, 1 << 19));
      assert(first !== 0 && second !== 0);
      if (below % 16 === 0) allocator.checkHeap();
      allocator.free(first);
      allocator.free(second);
    }
  }
  isWhole(allocator);
});

Deno.test("Allocator.malloc() finds the block that the same request freed", () => {
  const allocator = make(1 << 21);
  for (const size of [100, 300, 1000, 4072, 4080, 4084, 4096, 8192, 65536, 100_001, 700_001]) {
    const address = allocator.malloc(size);
    const barrier = allocator.malloc(1);
    allocator.free(address);
    assertEquals(allocator.malloc(size), address, `${size} bytes`);
    allocator.free(address);
    allocator.free(barrier);
  }
});

Deno.test("Allocator.malloc() takes no more than 1/32 beyond what is asked for", () => {
  const allocator = make(1 << 20);
  for (const size of [1, 100, 1024, 5000, 40_000, 400_000]) {
    const before = allocator.statistics().usedBytes;
    const address = allocator.malloc(size);
    const taken = allocator.statistics().usedBytes - before;
    assert(taken <= Math.max(16, (size + 12) * 33 / 32), `${size} bytes take ${taken}`);
    allocator.free(address);
  }
});

Deno.test("Allocator.malloc() uses the last granule of a slice", () => {
  const allocator = make(4096);
  const addresses: number[] = [];
  for (let address = allocator.malloc(12); address !== 0; address = allocator.malloc(12)) {
    addresses.push(address);
  }
  const { freeBytes, totalBytes } = allocator.statistics();
  assert(freeBytes < 16, `${freeBytes} of ${totalBytes} bytes are left`);
  allocator.checkHeap();
  // The order of frees that leaves the most holes first.
  addresses.filter((_, i) => i % 2 === 0).forEach((address) => allocator.free(address));
  allocator.checkHeap();
  addresses.filter((_, i) => i % 2 === 1).forEach((address) => allocator.free(address));
  isWhole(allocator);
});

/** Bytes to ask for a block of that many granules. */
function bytesOf(granules: number): number {
  return granules * 8 - 4;
}

/** Frees a block of 1,008 granules merged with one of `more`, which has a barrier behind it. */
function hole(allocator: Allocator, more: number): () => number {
  const address = allocator.malloc(bytesOf(1008));
  const tail = more === 0 ? 0 : allocator.malloc(bytesOf(more));
  allocator.malloc(0);
  return () => {
    allocator.free(tail);
    allocator.free(address);
    return address;
  };
}

Deno.test("Allocator.malloc() keeps the size of the class it was searched in", () => {
  const allocator = make();
  for (const [granules, kept] of [[63, 63], [65, 66], [127, 128], [129, 132], [1001, 1008]]) {
    const address = allocator.malloc(bytesOf(granules!));
    assertEquals(allocator.mallocUsableSize(address), bytesOf(kept!));
    allocator.free(address);
  }
});

Deno.test("Allocator.malloc() takes the first block of the list below, whole, when it fits", () => {
  for (
    const [granules, fits] of [[1009, true], [1010, true], [1012, true], [1013, false]] as const
  ) {
    const allocator = make(1 << 18);
    const address = hole(allocator, 4)();
    const found = allocator.malloc(bytesOf(granules));
    assertEquals(found === address, fits, `${granules} granules`);
    assertEquals(allocator.mallocUsableSize(found), bytesOf(fits ? 1012 : 1024));
    allocator.checkHeap();
  }
});

Deno.test("Allocator.malloc() looks further into the list below before it fails", () => {
  for (const [granules, fits] of [[1009, true], [1012, true], [1013, false]] as const) {
    const allocator = make(1 << 18);
    const holes = [hole(allocator, 4), hole(allocator, 0), hole(allocator, 2)];
    allocator.malloc(allocator.statistics().largestFreeBytes - 4);
    const addresses = holes.map((free) => free());
    allocator.malloc(bytesOf(1010)); // takes the list's first, so that one too small comes first
    assertEquals(allocator.malloc(bytesOf(granules)), fits ? addresses[0] : 0);
    allocator.checkHeap();
  }
});

Deno.test("Allocator.malloc() replays the sequence that read past a list in another TLSF", () => {
  const allocator = make(48 << 20);
  const live: number[] = [];
  for (const size of [576, 648, -1, 720, 792, -1, 864, 48 << 20, -1, (48 << 20) - 65536]) {
    if (size < 0) allocator.free(live.shift()!);
    else {
      const address = allocator.malloc(size);
      if (address !== 0) live.push(address);
    }
    allocator.checkHeap();
  }
  for (const address of live) allocator.free(address);
  isWhole(allocator);
});

Deno.test("Allocator.malloc() gives back nine tenths of the slice at its first address", () => {
  const allocator = make(1 << 18);
  const first = allocator.malloc(1);
  const addresses = [first];
  for (let size = 1; size < 2000; size += 7) addresses.push(allocator.malloc(size));
  addresses.sort((a, b) => (a * 2654435761 % 1009) - (b * 2654435761 % 1009));
  for (const address of addresses) allocator.free(address);
  assertEquals(allocator.malloc(Math.floor((1 << 18) * 0.9)), first);
});

Deno.test("Allocator stays inside its slice", () => {
  const segment = new SharedArrayBuffer(3 * 4096);
  const all = new Uint8Array(segment).fill(0xaa);
  const allocator = Allocator.create(segment, [{ byteOffset: 4096, byteLength: 4096 }], 0);
  const addresses: number[] = [];
  for (let address = 1; address !== 0;) {
    address = allocator.malloc(40);
    if (address === 0) break;
    allocator.bytes(address, allocator.mallocUsableSize(address)).fill(0);
    addresses.push(address);
  }
  for (const address of addresses) allocator.free(address);
  assert(all.subarray(0, 4096).every((byte) => byte === 0xaa));
  assert(all.subarray(8192).every((byte) => byte === 0xaa));
});

Deno.test("Allocator.free(0) does nothing", () => {
  const allocator = make();
  allocator.free(0);
  assertEquals(allocator.statistics().frees, 0);
});

Deno.test("Allocator.free() merges with the left, the right, both and no neighbours", () => {
  for (const order of [[0, 2, 4], [0, 1], [1, 0], [1, 0, 2], [0, 2, 1], [2, 0, 1], [3, 1, 2]]) {
    const allocator = make();
    const blocks = [0, 1, 2, 3, 4, 5].map(() => allocator.malloc(100));
    for (const i of order) {
      allocator.free(blocks[i]!);
      allocator.checkHeap();
    }
    for (const i of [0, 1, 2, 3, 4, 5]) if (!order.includes(i)) allocator.free(blocks[i]!);
    isWhole(allocator);
  }
});

Deno.test("Allocator.malloc() leaves a remainder of the same class in its list, among others", () => {
  const allocator = make(1 << 20);
  const blocks = Array.from(
    { length: 9 },
    (_, i) => allocator.malloc(i % 3 === 0 ? 120_000 : 1000),
  );
  allocator.malloc(allocator.statistics().largestFreeBytes - 4);
  // Each hole is merged of two, so that it lies well inside its class.
  for (const i of [0, 1, 3, 4, 6, 7]) allocator.free(blocks[i]!);
  // One list of three blocks is all there is: each request cuts a little off its first.
  const cut = [100, 200, 300].map((size) => allocator.malloc(size));
  allocator.checkHeap();
  assert(cut.every((address) => address >= blocks[6]! && address < blocks[7]!));
  for (const address of cut) allocator.free(address);
  allocator.checkHeap();
});

Deno.test("Allocator.calloc() clears dirty memory, short and long", () => {
  const allocator = make();
  for (const [count, size] of [[1, 1], [3, 5], [4, 8], [10, 33], [1000, 4]]) {
    const dirty = allocator.malloc(count! * size!);
    allocator.bytes(dirty, count! * size!).fill(0xff);
    allocator.free(dirty);
    const address = allocator.calloc(count!, size!);
    assertEquals(address, dirty);
    assert(allocator.bytes(address, count! * size!).every((byte) => byte === 0));
    allocator.free(address);
  }
  isWhole(allocator);
});

Deno.test("Allocator.calloc() fails when its product is too large, and takes 0 for either", () => {
  const allocator = make();
  const tooLarge = [[2 ** 32, 2 ** 32], [2 ** 53 - 1, 2], [2, 2 ** 31], [2 ** 16, 2 ** 16], [
    65536,
    1,
  ]];
  for (const [count, size] of tooLarge) assertEquals(allocator.calloc(count!, size!), 0);
  assertEquals(allocator.statistics().failedMallocs, tooLarge.length);
  const empty = [allocator.calloc(0, 8), allocator.calloc(8, 0)];
  assert(empty[0] !== 0 && empty[1] !== 0 && empty[0] !== empty[1]);
  assertThrows(() => allocator.calloc(-1, 8), RangeError, "Cannot allocate -1 elements");
  assertThrows(() => allocator.calloc(8, 0.5), RangeError, "Cannot allocate 0.5 bytes");
  assertThrows(() => allocator.calloc(-1, -8), RangeError, "Cannot allocate -1 elements");
});

Deno.test("Allocator.realloc() of 0 allocates, to 0 frees", () => {
  const allocator = make();
  const address = allocator.realloc(0, 100);
  assertNotEquals(address, 0);
  assertEquals(allocator.realloc(address, 0), 0);
  assertEquals(allocator.statistics().liveBlocks, 0);
  const empty = allocator.realloc(0, 0);
  assertNotEquals(empty, 0);
  allocator.free(empty);
  isWhole(allocator);
});

Deno.test("Allocator.realloc() shrinks in place, and the rest is free and merged", () => {
  const allocator = make();
  const address = allocator.malloc(30_000);
  const { largestFreeBytes } = allocator.statistics();
  allocator.bytes(address, 100).fill(7);
  assertEquals(allocator.realloc(address, 100), address);
  allocator.checkHeap();
  assert(allocator.statistics().largestFreeBytes > largestFreeBytes + 29_000);
  assert(allocator.bytes(address, 100).every((byte) => byte === 7));
  assertEquals(allocator.realloc(address, 101), address);
  allocator.free(address);
  isWhole(allocator);
});

Deno.test("Allocator.realloc() grows in place into a free neighbour, as far as it goes", () => {
  const allocator = make();
  const address = allocator.malloc(100);
  const neighbour = allocator.malloc(1000);
  const barrier = allocator.malloc(1);
  const room = allocator.mallocUsableSize(address) + allocator.mallocUsableSize(neighbour) + 4;
  allocator.bytes(address, 100).fill(9);
  allocator.free(neighbour);
  assertEquals(allocator.realloc(address, 500), address);
  allocator.checkHeap();
  assertEquals(allocator.realloc(address, room), address);
  allocator.checkHeap();
  assertEquals(allocator.mallocUsableSize(address), room);
  assert(allocator.bytes(address, 100).every((byte) => byte === 9));
  assertNotEquals(allocator.realloc(address, room + 1), address);
  allocator.free(barrier);
  allocator.checkHeap();
});

Deno.test("Allocator.realloc() moves with every byte when it cannot grow, also next door", () => {
  for (const size of [1, 12, 13, 100, 129, 1000, 5000]) {
    const allocator = make();
    const hole = allocator.malloc(size * 3 + 64);
    const address = allocator.malloc(size);
    allocator.malloc(1);
    allocator.free(hole); // the new block lies left of the old one, and touches it
    const bytes = allocator.bytes(address, size);
    bytes.forEach((_, i) => bytes[i] = i * 31);
    const expected = bytes.slice();
    const moved = allocator.realloc(address, size * 2 + 40);
    assertNotEquals(moved, address);
    assertEquals(allocator.bytes(moved, size).slice(), expected);
    allocator.checkHeap();
  }
});

Deno.test("Allocator.realloc() that fails leaves the block as it was", () => {
  const allocator = make();
  const address = allocator.malloc(1000);
  const bytes = allocator.bytes(address, 1000).fill(3);
  const usable = allocator.mallocUsableSize(address);
  for (const byteLength of [65000, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32 + 1000, 2 ** 53]) {
    assertEquals(allocator.realloc(address, byteLength), 0);
    assertEquals(allocator.mallocUsableSize(address), usable);
  }
  assertThrows(() => allocator.realloc(address, -1), RangeError, "Cannot allocate -1 bytes");
  assertThrows(() => allocator.realloc(address, NaN), RangeError, "Cannot allocate NaN bytes");
  assert(bytes.every((byte) => byte === 3));
  allocator.free(address);
  isWhole(allocator);
});

Deno.test("Allocator.memalign() aligns 1 to 64 KiB in slices at every offset, and wastes nothing", () => {
  for (const byteOffset of [0, 64, 8128]) {
    const allocator = make(1 << 19, byteOffset);
    const addresses: number[] = [];
    for (let alignment = 1; alignment <= 65536; alignment *= 2) {
      for (const size of [0, 1, alignment - 1, alignment, alignment + 1, 2 * alignment]) {
        const address = allocator.memalign(alignment, size);
        if (address === 0) continue;
        assertEquals(address % Math.max(alignment, 8), 0);
        allocator.bytes(address, size).fill(5);
        const usable = allocator.mallocUsableSize(address);
        assert(usable <= Math.max(12, size * 33 / 32 + 20), `${size} bytes take ${usable}`);
        addresses.push(address);
        allocator.checkHeap();
      }
    }
    assert(addresses.length > 80, `only ${addresses.length} requests found room`);
    for (const address of addresses) allocator.free(address);
    isWhole(allocator);
  }
});

Deno.test("Allocator.memalign() refuses alignments that are not valid, and fails for those too large", () => {
  const allocator = make();
  for (const alignment of [0, -8, 3, 24, 1.5, NaN, Infinity]) {
    assertThrows(
      () => allocator.memalign(alignment, 8),
      RangeError,
      `Cannot align to ${alignment} bytes: an alignment is a power of two`,
    );
  }
  for (const alignment of [65536, 2 ** 31, 2 ** 32, 2 ** 52]) {
    assertEquals(allocator.memalign(alignment, 8), 0);
  }
  assertEquals(allocator.memalign(16, 65536), 0);
  assertEquals(allocator.memalign(16, 2 ** 53), 0);
  assertEquals(allocator.statistics().failedMallocs, 6);
  assertThrows(() => allocator.memalign(16, -1), RangeError, "Cannot allocate -1 bytes");
  isWhole(allocator);
});

Deno.test("Allocator.realloc() that moves a memalign block keeps its bytes, not its alignment", () => {
  const allocator = make();
  const address = allocator.memalign(128, 100);
  allocator.bytes(address, 100).fill(6);
  allocator.malloc(30_000); // too large for the gap in front, so it lies behind
  const moved = allocator.realloc(address, 5000);
  assertNotEquals(moved, address);
  assertEquals(moved % 8, 0);
  assert(allocator.bytes(moved, 100).every((byte) => byte === 6));
  allocator.checkHeap();
});

Deno.test("Allocator.mallocUsableSize(0) is 0", () => {
  assertEquals(make().mallocUsableSize(0), 0);
});

Deno.test("Allocator.bytes() is a view of the segment, and stays inside it", () => {
  const allocator = make(4096);
  const address = allocator.malloc(8);
  allocator.bytes(address, 8).set([1, 2, 3]);
  assertEquals([...new Uint8Array(allocator.buffer, address, 3)], [1, 2, 3]);
  for (
    const [from, length] of [[4090, 7], [-1, 1], [0, 4097], [0, -1], [NaN, 1], [0.5, 1], [8, 1.5]]
  ) {
    assertThrows(
      () => allocator.bytes(from!, length!),
      RangeError,
      `Cannot view ${length} bytes at address ${from}: the segment has 4096 bytes`,
    );
  }
});

Deno.test("Allocator.create() formats again what was used before", () => {
  const segment = new SharedArrayBuffer(4096);
  const slices = [{ byteOffset: 0, byteLength: 4096 }];
  const before = Allocator.create(segment, slices, 0);
  before.malloc(100);
  const after = Allocator.create(segment, slices, 0);
  after.checkHeap();
  const { mallocs, usedBytes, totalBytes } = after.statistics();
  assertEquals([mallocs, usedBytes], [0, 0]);
  const whole = after.malloc(totalBytes - 4);
  assert(whole !== 0);
  after.free(whole);
  isWhole(after);
});
