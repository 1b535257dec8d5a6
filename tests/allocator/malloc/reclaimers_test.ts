/** What is tried before a request fails, and when free memory is low. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Allocator, DoubleFreeError, type ReclaimRequest } from "../../../allocator/mod.ts";

const SLICE_BYTES = 65536;
const SLICES = [0, 1].map((index) => ({
  byteOffset: index * SLICE_BYTES,
  byteLength: SLICE_BYTES,
}));

function make(lowWaterBytes = 0): { heap: Allocator; other: Allocator } {
  const segment = new SharedArrayBuffer(2 * SLICE_BYTES);
  const [heap, other] = SLICES.map((_, index) =>
    Allocator.create(segment, SLICES, index, { lowWaterBytes })
  );
  return { heap: heap!, other: other! };
}

/** A cache of blocks of one size that frees as many as it is asked for, the oldest first. */
class Cache {
  readonly requests: ReclaimRequest[] = [];
  readonly #heap: Allocator;
  readonly #addresses: number[] = [];
  readonly #blockBytes: number;

  constructor(heap: Allocator, blocks: number, blockBytes: number) {
    this.#heap = heap;
    this.#blockBytes = blockBytes;
    for (let i = 0; i < blocks; i++) this.#addresses.push(heap.malloc(blockBytes));
    assert(!this.#addresses.includes(0), "the slice is too small for the test");
  }

  get heldBytes(): number {
    return this.#addresses.length * this.#blockBytes;
  }

  readonly reclaim = (request: ReclaimRequest): void => {
    this.requests.push(request);
    for (let freed = 0; freed < request.byteLength; freed += this.#blockBytes) {
      const address = this.#addresses.shift();
      if (address === undefined) return;
      this.#heap.free(address);
    }
  };
}

Deno.test("Allocator.malloc() asks sync reclaimers before it fails, and they are told the request", () => {
  const { heap } = make();
  const cache = new Cache(heap, 50, 1000);
  using _ = heap.reclaimers.add(cache.reclaim, { scope: "sync" });
  assertNotEquals(heap.malloc(30_000), 0);
  const [first] = cache.requests;
  assert(first!.byteLength >= 30_000 && first!.byteLength <= 30_100, `${first!.byteLength}`);
  assertEquals(first!.contiguousBytes, first!.byteLength);
  assertEquals([first!.alignment, first!.scope], [8, "sync"]);
  const { failedMallocs, reclaims } = heap.statistics();
  assertEquals([failedMallocs, reclaims], [0, cache.requests.length]);
  heap.checkHeap();
});

Deno.test("every function of the family asks reclaimers before it fails", () => {
  const requests: ((heap: Allocator) => number)[] = [
    (heap) => heap.malloc(30_000),
    (heap) => heap.calloc(30, 1000),
    (heap) => heap.realloc(0, 30_000),
    (heap) => heap.memalign(64, 30_000),
    (heap) => heap.alignedAlloc(4096, 20_000),
    (heap) => heap.posixMemalign(64, 30_000),
  ];
  for (const request of requests) {
    const { heap } = make();
    const cache = new Cache(heap, 50, 1000);
    using _ = heap.reclaimers.add(cache.reclaim, { scope: "sync" });
    assertNotEquals(request(heap), 0);
    assert(cache.requests.length > 0);
    heap.checkHeap();
  }
});

Deno.test("a request for aligned memory tells the alignment, and the room that it needs", () => {
  const { heap } = make();
  const cache = new Cache(heap, 60, 1000);
  using _ = heap.reclaimers.add(cache.reclaim, { scope: "sync" });
  assertNotEquals(heap.memalign(4096, 8192), 0);
  assertEquals(cache.requests[0]!.alignment, 4096);
  assert(cache.requests[0]!.contiguousBytes >= 8192 + 4096);
});

Deno.test("a realloc whose own block a reclaimer frees says so, and loses nothing", () => {
  for (const victim of [0, 1, 5, 20]) {
    for (const byteLength of [1500, 8000, 60_000]) {
      const { heap } = make();
      const blocks: number[] = [];
      for (let at = heap.malloc(1000); at !== 0; at = heap.malloc(1000)) blocks.push(at);
      const address = blocks[victim]!;
      using _ = heap.reclaimers.add(() => {
        for (const block of blocks.splice(0, 30)) heap.free(block);
      }, { scope: "sync" });
      const text = `Cannot reallocate address ${address} of slice 0 as it is free already`;
      assertThrows(() => heap.realloc(address, byteLength), DoubleFreeError, text);
      assertEquals(heap.statistics().liveBlocks, blocks.length);
      heap.checkHeap();
    }
  }
});

Deno.test("reclaimers are asked for more while what they free does not lie in a row", () => {
  const { heap } = make();
  // Two caches fill the slice in turns: what one of them frees is a row of holes.
  const odd: number[] = [];
  const even: number[] = [];
  for (let address = heap.malloc(1000); address !== 0; address = heap.malloc(1000)) {
    (odd.length > even.length ? even : odd).push(address);
  }
  const asked: number[] = [];
  using _ = heap.reclaimers.add(({ byteLength }) => {
    asked.push(byteLength);
    for (let freed = 0; freed < byteLength; freed += 1000) {
      const address = odd.pop() ?? even.pop();
      if (address === undefined) return;
      heap.free(address);
    }
  }, { scope: "sync" });
  assertNotEquals(heap.malloc(20_000), 0);
  assert(asked.length > 1);
  asked.reduce((before, bytes) => {
    assertEquals(bytes, before * 2);
    return bytes;
  });
});

Deno.test("a request fails when reclaimers free nothing, and they are asked once", () => {
  const { heap } = make();
  heap.malloc(60_000);
  let asked = 0;
  using _ = heap.reclaimers.add(() => asked++, { scope: "sync" });
  assertEquals(heap.malloc(30_000), 0);
  assertEquals([asked, heap.statistics().failedMallocs], [1, 1]);
});

Deno.test("a request larger than the slice fails at once, and no reclaimer is asked", () => {
  const { heap } = make();
  let asked = 0;
  using _ = heap.reclaimers.add(() => asked++, { scope: "sync" });
  const { totalBytes } = heap.statistics();
  for (const byteLength of [totalBytes, SLICE_BYTES, 2 ** 32, 2 ** 53 - 1]) {
    assertEquals(heap.malloc(byteLength), 0);
    assertEquals(heap.memalign(64, byteLength), 0);
  }
  assertEquals(heap.memalign(65536, 8), 0);
  assertEquals(heap.calloc(2 ** 30, 2 ** 30), 0);
  assertEquals([asked, heap.statistics().failedMallocs], [0, 10]);
});

Deno.test("remote frees are drained before reclaimers are asked", () => {
  const { heap, other } = make();
  const address = heap.malloc(50_000);
  other.free(address);
  other.flushRemoteFrees();
  let asked = 0;
  using _ = heap.reclaimers.add(() => asked++, { scope: "sync" });
  assertNotEquals(heap.malloc(50_000), 0);
  assertEquals(asked, 0);
});

Deno.test("reclaimers share what is wanted in proportion to what they hold, in no order", () => {
  const { heap } = make();
  const large = new Cache(heap, 30, 1000);
  const small = new Cache(heap, 10, 1000);
  const silent: ReclaimRequest[] = [];
  using _a = heap.reclaimers.add(small.reclaim, {
    scope: "sync",
    heldBytes: () => small.heldBytes,
  });
  using _b = heap.reclaimers.add(large.reclaim, {
    scope: "sync",
    heldBytes: () => large.heldBytes,
  });
  using _c = heap.reclaimers.add((request) => silent.push(request), { scope: "sync" });
  heap.malloc(heap.statistics().largestFreeBytes - 4);
  assertNotEquals(heap.malloc(12_000), 0);
  const [a, b, c] = [small, large, { requests: silent }].map(({ requests }) =>
    requests[0]!.byteLength
  );
  // 10,000, 30,000, and for the one that does not say, their mean: 20,000 of 60,000.
  assertEquals([a! / 12_008, b! / 12_008, c! / 12_008].map((x) => Math.round(x * 6)), [1, 3, 2]);
  assertEquals(Math.ceil(small.requests[0]!.contiguousBytes / 1000), 13);
});

Deno.test("reclaimers that do not say what they hold share alike; one that holds nothing is passed over", () => {
  const { heap } = make();
  heap.malloc(60_000);
  const shares = [0, 0, 0];
  using _a = heap.reclaimers.add(({ byteLength }) => shares[0] = byteLength, { scope: "sync" });
  using _b = heap.reclaimers.add(({ byteLength }) => shares[1] = byteLength, { scope: "sync" });
  assertEquals(heap.malloc(9996), 0);
  assertEquals(shares, [5000, 5000, 0]);
  using _c = heap.reclaimers.add(() => shares[2] = 1, { scope: "sync", heldBytes: () => 0 });
  assertEquals(heap.malloc(9996), 0);
  assertEquals(shares[2], 0);
});

Deno.test("Reclaimers.add() returns what removes it, also from inside a reclaimer", () => {
  const { heap } = make();
  heap.malloc(60_000);
  const called: string[] = [];
  const first = heap.reclaimers.add(() => {
    called.push("first");
    first[Symbol.dispose]();
    second[Symbol.dispose]();
  }, { scope: "sync" });
  const second = heap.reclaimers.add(() => called.push("second"), { scope: "sync" });
  assertEquals(heap.malloc(30_000), 0);
  assertEquals(called, ["first"]);
  assertEquals(heap.malloc(30_000), 0);
  assertEquals(called, ["first"]);
  first[Symbol.dispose]();
});

Deno.test("a reclaimer may allocate, and asks nobody when there is no room for that", () => {
  const { heap } = make();
  const cache = new Cache(heap, 60, 1000);
  let inside = -1;
  using _a = heap.reclaimers.add(() => inside = heap.malloc(20_000), { scope: "sync" });
  using _b = heap.reclaimers.add(cache.reclaim, { scope: "sync" });
  assertNotEquals(heap.malloc(10_000), 0);
  assertEquals(inside, 0);
  heap.checkHeap();
});

Deno.test("what a reclaimer throws, the allocation throws, and the next one asks again", () => {
  const { heap } = make();
  heap.malloc(60_000);
  let asked = 0;
  using _ = heap.reclaimers.add(() => {
    asked++;
    throw new Error("the cache is broken");
  }, { scope: "sync" });
  assertThrows(() => heap.malloc(30_000), Error, "the cache is broken");
  assertThrows(() => heap.malloc(30_000), Error, "the cache is broken");
  assertEquals(asked, 2);
  heap.checkHeap();
});

Deno.test("a reclaimer that says it holds what no size can be is refused", () => {
  const { heap } = make();
  heap.malloc(60_000);
  using _ = heap.reclaimers.add(() => {}, { scope: "sync", heldBytes: () => -1 });
  assertThrows(() => heap.malloc(30_000), RangeError, "-1 bytes held by a reclaimer");
});

Deno.test("async reclaimers are not asked inside an allocation, and are due after it failed", () => {
  const { heap } = make();
  const cache = new Cache(heap, 60, 1000);
  using _ = heap.reclaimers.add(cache.reclaim);
  assert(!heap.reclaimers.isDue());
  assertEquals(heap.malloc(20_000), 0);
  assertEquals(cache.requests, []);
  assert(heap.reclaimers.isShort() && heap.reclaimers.isDue());
  assert(heap.reclaimers.run() >= 20_000);
  assertEquals(cache.requests.length, 1);
  assertEquals([cache.requests[0]!.scope, cache.requests[0]!.contiguousBytes], ["async", 20_008]);
  assert(!heap.reclaimers.isDue());
  assertNotEquals(heap.malloc(19_000), 0);
});

Deno.test("Reclaimers.run() frees up to the low-water mark, by reclaimers of either scope", () => {
  const { heap } = make(20_000);
  const sync = new Cache(heap, 25, 1000);
  const async = new Cache(heap, 25, 1000);
  using _a = heap.reclaimers.add(sync.reclaim, { scope: "sync", heldBytes: () => sync.heldBytes });
  using _b = heap.reclaimers.add(async.reclaim, { heldBytes: () => async.heldBytes });
  const { freeBytes } = heap.statistics();
  assert(freeBytes < 20_000);
  assert(heap.reclaimers.isDue());
  assert(heap.reclaimers.run() >= 20_000 - freeBytes);
  assert(heap.statistics().freeBytes >= 20_000);
  assertEquals([sync.requests.length, async.requests.length], [1, 1]);
  assertEquals(sync.requests[0]!.byteLength, async.requests[0]!.byteLength);
  assertEquals(sync.requests[0]!.contiguousBytes, 0);
  assert(!heap.reclaimers.isShort() && !heap.reclaimers.isDue());
  assertEquals(heap.statistics().reclaims, 1);
});

Deno.test("Reclaimers.isDue() gives up on reclaimers that free nothing, until less is free", () => {
  const { heap } = make(20_000);
  const held = heap.malloc(50_000);
  let asked = 0;
  using _ = heap.reclaimers.add(() => asked++);
  assert(heap.reclaimers.isDue());
  assertEquals(heap.reclaimers.run(), 0);
  assert(heap.reclaimers.isShort() && !heap.reclaimers.isDue());
  heap.malloc(1000);
  assert(heap.reclaimers.isDue());
  assertEquals(heap.reclaimers.run(), 0);
  assert(!heap.reclaimers.isDue());
  using _more = heap.reclaimers.add(() => heap.free(held));
  assert(heap.reclaimers.isDue());
  assert(heap.reclaimers.run() > 50_000);
  assertEquals(asked, 3);
});

Deno.test("Reclaimers.isDue() is false without reclaimers, however short memory is", () => {
  const { heap } = make(20_000);
  heap.malloc(60_000);
  assert(heap.reclaimers.isShort() && !heap.reclaimers.isDue());
  assertEquals(heap.reclaimers.run(), 0);
});

Deno.test("Reclaimers.lowWaterBytes is 1/16 of the slice unless given, 20 MB at most", () => {
  const small = Allocator.create(new SharedArrayBuffer(65536), [SLICES[0]!], 0);
  assertEquals(small.reclaimers.lowWaterBytes, Math.floor(small.statistics().totalBytes / 16));
  const large = { byteOffset: 0, byteLength: 2 ** 29 };
  const allocator = Allocator.create(new SharedArrayBuffer(2 ** 29), [large], 0);
  assertEquals(allocator.reclaimers.lowWaterBytes, 20_000_000);
  allocator.reclaimers.lowWaterBytes = 5000;
  assertEquals(allocator.reclaimers.lowWaterBytes, 5000);
  for (const wrong of [-1, 0.5, NaN]) {
    assertThrows(
      () => allocator.reclaimers.lowWaterBytes = wrong,
      RangeError,
      `${wrong} bytes of low water: expected a whole number, 0 or more`,
    );
  }
  assertThrows(() => make(-1), RangeError, "-1 bytes of low water");
});

Deno.test("a request refused by failure injection asks no reclaimer", () => {
  const { heap } = make();
  let asked = 0;
  using _a = heap.reclaimers.add(() => asked++, { scope: "sync" });
  using _b = heap.watch({ quietBytes: -1, seesFrees: false, wants: () => false });
  assertEquals(heap.malloc(100), 0);
  assertEquals([asked, heap.reclaimers.isShort(), heap.statistics().failedMallocs], [0, false, 1]);
});
