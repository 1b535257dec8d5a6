/** What an instrument of an allocator is told, and what it costs to be told nothing. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Allocator, type Instrument } from "../../../allocator/mod.ts";

const SLICES = [0, 1].map((index) => ({ byteOffset: index * 65536, byteLength: 65536 }));

function make(): { heap: Allocator; other: Allocator } {
  const segment = new SharedArrayBuffer(131072);
  const [heap, other] = SLICES.map((_, index) => Allocator.create(segment, SLICES, index));
  return { heap: heap!, other: other! };
}

/** Writes down what it is told. */
function recorder(quietBytes: number, seesFrees: boolean): Instrument & { log: string[] } {
  const log: string[] = [];
  return {
    log,
    quietBytes,
    seesFrees,
    wants: (byteLength, alignment) => log.push(`wants ${byteLength} at ${alignment}`) > 0,
    allocated: (address, byteLength) => log.push(`allocated ${address}: ${byteLength}`),
    freeing: (address) => log.push(`freeing ${address}`),
    resized: (address, byteLength) => log.push(`resized ${address}: ${byteLength}`),
  };
}

Deno.test("Allocator.watch() tells of every operation of the family, each once", () => {
  const { heap, other } = make();
  const before = heap.malloc(10);
  const seen = recorder(-1, true);
  const watching = heap.watch(seen);
  const expect = (...lines: string[]) => assertEquals(seen.log.splice(0), lines);
  const a = heap.malloc(100);
  expect("wants 100 at 8", `allocated ${a}: 100`);
  const b = heap.calloc(3, 7);
  expect("wants 21 at 8", `allocated ${b}: 21`);
  const c = heap.memalign(64, 5);
  expect("wants 5 at 64", `allocated ${c}: 5`);
  assertEquals(heap.realloc(a, 90), a);
  expect("wants 90 at 8", `resized ${a}: 90`);
  const d = heap.realloc(a, 30_000);
  assertNotEquals(d, a);
  expect("wants 30000 at 8", `allocated ${d}: 30000`, `freeing ${a}`);
  assertEquals(heap.malloc(65_000), 0);
  expect("wants 65000 at 8");
  heap.free(before);
  heap.free(0);
  expect(`freeing ${before}`);
  other.free(b);
  other.flushRemoteFrees();
  expect();
  heap.drainRemoteFrees();
  expect(`freeing ${b}`);
  const e = other.malloc(8);
  heap.free(e); // another's block is for that one's owner to see
  assertEquals(heap.realloc(d, 0), 0);
  expect(`freeing ${d}`);
  watching[Symbol.dispose]();
  watching[Symbol.dispose]();
  heap.free(heap.malloc(100));
  heap.free(c);
  expect();
  heap.checkHeap();
});

Deno.test("an instrument is told of larger requests only, and of no frees, if it says so", () => {
  const { heap } = make();
  const seen = recorder(1000, false);
  using _ = heap.watch(seen);
  heap.free(heap.malloc(1000));
  heap.free(heap.memalign(64, 1000));
  assertEquals(seen.log, []);
  const address = heap.malloc(1001);
  heap.free(address);
  assertEquals(seen.log, ["wants 1001 at 8", `allocated ${address}: 1001`]);
});

Deno.test("instruments beside each other are told what each wants to see", () => {
  const { heap } = make();
  const all = recorder(-1, true);
  const large = recorder(1000, false);
  const watching = heap.watch(all);
  using _ = heap.watch(large);
  const address = heap.malloc(10);
  heap.free(address);
  assertEquals(all.log, ["wants 10 at 8", `allocated ${address}: 10`, `freeing ${address}`]);
  assertEquals(large.log, []);
  watching[Symbol.dispose]();
  heap.malloc(10);
  heap.malloc(2000);
  assertEquals(all.log.length, 3);
  assertEquals(large.log.length, 2);
});

Deno.test("a request that an instrument does not let through fails, and is counted once", () => {
  const requests: ((heap: Allocator, address: number) => number)[] = [
    (heap) => heap.malloc(10),
    (heap) => heap.calloc(2, 5),
    (heap) => heap.memalign(64, 10),
    (heap) => heap.posixMemalign(64, 10),
    (heap, address) => heap.realloc(address, 5),
    (heap, address) => heap.realloc(address, 5000),
  ];
  for (const request of requests) {
    const { heap } = make();
    const address = heap.malloc(100);
    let asked = 0;
    using _ = heap.watch({ quietBytes: -1, seesFrees: false, wants: () => ++asked === 0 });
    assertEquals(request(heap, address), 0);
    assertEquals([asked, heap.statistics().failedMallocs], [1, 1]);
    assertEquals(heap.statistics().liveBlocks, 1);
    heap.free(address);
    heap.checkHeap();
  }
});

Deno.test("an instrument that throws while a block is freed leaves the block live", () => {
  const { heap } = make();
  const address = heap.malloc(100);
  {
    using _ = heap.watch({
      quietBytes: Infinity,
      seesFrees: true,
      freeing: () => {
        throw new Error("not this one");
      },
    });
    assertThrows(() => heap.free(address), Error, "not this one");
    assertEquals(heap.statistics().liveBlocks, 1);
    heap.checkHeap();
  }
  heap.free(address);
  assertEquals(heap.statistics().liveBlocks, 0);
});
