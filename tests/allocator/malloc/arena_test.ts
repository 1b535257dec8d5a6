/** Arenas: what they hand out, what ends with them, and what is said of misuse. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  Allocator,
  type Arena,
  array,
  BadAllocError,
  DoubleFreeError,
  f64,
  HeapCheckError,
  i32,
  InvalidAddressError,
  NewDelete,
  string,
  struct,
} from "../../../allocator/mod.ts";
import { FailureInjection, HeapProfile, walkHeap } from "../../../allocator/diagnosis/mod.ts";

const SLICE_BYTES = 1 << 20;
const SLICES = [0, 1].map((index) => ({
  byteOffset: index * SLICE_BYTES,
  byteLength: SLICE_BYTES,
}));

function heaps(debugHeap = false): [Allocator, Allocator] {
  const segment = new SharedArrayBuffer(SLICES.length * SLICE_BYTES);
  return [0, 1].map((index) => Allocator.create(segment, SLICES, index, { debugHeap })) as [
    Allocator,
    Allocator,
  ];
}

/** As any allocator, with and without the debug heap. */
function testBoth(name: string, run: (allocator: Allocator, other: Allocator) => void): void {
  for (const debugHeap of [false, true]) {
    Deno.test(debugHeap ? `${name}, with a debug heap` : name, () => {
      const [allocator, other] = heaps(debugHeap);
      run(allocator, other);
      allocator.checkHeap();
    });
  }
}

testBoth("Arena: what it handed out ends with it, and nothing else does", (allocator) => {
  const kept = allocator.malloc(40);
  const { liveBlocks } = allocator.statistics();
  {
    using arena = allocator.arena();
    const addresses = [0, 1, 40, 1000, 1024, 1025, 100_000].map((bytes) => {
      const address = arena.malloc(bytes);
      assert(arena.mallocUsableSize(address) >= bytes);
      assertEquals(address % 8, 0);
      allocator.bytes(address, bytes).fill(7);
      return address;
    });
    addresses.push(arena.memalign(64, 100), arena.memalign(4096, 3), arena.calloc(3, 100));
    assertEquals(new Set(addresses).size, addresses.length);
    assertEquals(addresses.slice(-3, -1).map((address, i) => address % [64, 4096][i]!), [0, 0]);
    assertEquals(allocator.bytes(addresses.at(-1)!, 300), new Uint8Array(300));
    assertEquals(arena.statistics().liveBlocks, addresses.length);
    allocator.checkHeap();
  }
  assertEquals(allocator.statistics().liveBlocks, liveBlocks);
  allocator.free(kept);
});

testBoth("Arena: make() of types and NewDelete take it for an allocator", (allocator) => {
  const Person = struct("Person", { name: string(20), age: i32 });
  const arena = allocator.arena();
  const person = Person.make(arena, { name: "Ada", age: 36 });
  const samples = array(f64, 3).make(arena, [1, 2, 3]);
  assertEquals([person.name, person.age, [...samples]], ["Ada", 36, [1, 2, 3]]);
  assertThrows(() => Person.make(arena, { name: "x".repeat(21) }), RangeError);
  assertEquals(arena.statistics().liveBlocks, 2, "a value that is refused leaves nothing");

  const heap = new NewDelete(arena);
  assertStrictEquals(heap.allocator, arena);
  for (const bytes of [0, 1, 7, 8, 100, 1000, 1024, 1025, 3000, 70_000]) {
    for (const alignment of [8, 64, 1024]) {
      heap.delete(heap.new(bytes, { alignment }), { byteLength: bytes, alignment });
    }
  }
  const wrong = heap.new(40);
  assertThrows(
    () => heap.delete(wrong, { byteLength: 400 }),
    InvalidAddressError,
    "allocated with",
  );
  assertThrows(() => heap.new(2 * SLICE_BYTES), BadAllocError, "the whole slice has");
  arena[Symbol.dispose]();
  assertEquals(allocator.statistics().liveBlocks, 0);
});

testBoth(
  "Arena.realloc() keeps the bytes, and gives back what a smaller block leaves",
  (allocator) => {
    using arena = allocator.arena();
    let address = arena.realloc(0, 3);
    let length = 3;
    const fill = (from: number) => {
      for (let at = from; at < length; at++) allocator.bytes(address, length)[at] = at % 251;
    };
    fill(0);
    for (const next of [9, 90, 500, 1024, 1025, 5000, 40_000, 900, 60, 2]) {
      const before = allocator.bytes(address, Math.min(length, next)).slice();
      address = arena.realloc(address, next);
      assertEquals(allocator.bytes(address, before.length), before);
      const kept = before.length;
      length = next;
      fill(kept);
    }
    assertEquals(arena.statistics().liveBlocks, 1);
    assertEquals(arena.realloc(address, 0), 0);
    assertEquals([arena.statistics().liveBlocks, arena.statistics().liveBytes], [0, 0]);

    const aligned = arena.memalign(256, 100);
    allocator.bytes(aligned, 100).fill(9);
    assertEquals(arena.realloc(aligned, 50), aligned);
    const moved = arena.realloc(aligned, 200);
    assertEquals(allocator.bytes(moved, 50), new Uint8Array(50).fill(9));
  },
);

Deno.test("Arena.free(): a small block waits for the next request of its size, a large one goes home", () => {
  const [allocator] = heaps();
  using arena = allocator.arena();
  const small = arena.malloc(40);
  arena.malloc(40);
  arena.free(small);
  assertNotEquals(arena.malloc(80), small);
  assertEquals(arena.malloc(36), small);
  const { takenBytes } = arena.statistics();
  const large = arena.malloc(5000);
  assert(arena.statistics().takenBytes >= takenBytes + 5000);
  arena.free(large);
  assertEquals(arena.statistics().takenBytes, takenBytes);
  const shrunk = arena.malloc(200);
  arena.realloc(shrunk, 8);
  const rest = arena.malloc(184);
  assert(rest > shrunk && rest < shrunk + 200, "what was cut off is handed out again");
});

Deno.test("Arena.statistics() counts what the arena took, to the byte of the slice", () => {
  const [allocator] = heaps();
  const before = allocator.statistics().usedBytes;
  using arena = allocator.arena();
  assertEquals(arena.statistics(), { liveBlocks: 0, liveBytes: 0, takenBytes: 0 });
  const addresses = Array.from({ length: 500 }, (_, i) => arena.malloc(i * 3));
  const { liveBlocks, liveBytes, takenBytes } = arena.statistics();
  assertEquals(takenBytes, allocator.statistics().usedBytes - before);
  assertEquals(liveBlocks, 500);
  assertEquals(liveBytes, addresses.reduce((sum, a) => sum + arena.mallocUsableSize(a), 0));
});

testBoth("Arena.reset() frees all, and refuses addresses from before", (allocator) => {
  using arena = allocator.arena();
  const addresses = Array.from({ length: 500 }, (_, i) => arena.malloc(i));
  arena.reset();
  const { liveBlocks, liveBytes, takenBytes } = arena.statistics();
  assertEquals([liveBlocks, liveBytes], [0, 0]);
  assert(takenBytes <= 65_536, "one chunk is kept");
  for (const address of addresses) {
    assertThrows(() => arena.free(address), InvalidAddressError);
  }
  const taken = Array.from({ length: 500 }, (_, i) => arena.malloc(i));
  taken.forEach((address) => arena.free(address));
  assertEquals(arena.statistics().liveBlocks, 0);
});

testBoth("Arena: misuse is refused, and leaves everything as it was", (allocator, other) => {
  const arena = allocator.arena();
  const second = allocator.arena();
  const block = allocator.malloc(40);
  const small = arena.malloc(40);
  const large = arena.malloc(4000);
  const theirs = second.malloc(40);
  const freed = [arena.malloc(56), arena.malloc(4000), arena.memalign(64, 100)];
  freed.forEach((address) => arena.free(address));
  const liveBlocks = allocator.statistics().liveBlocks;

  const IN_ARENA = "it is a block of an arena, which alone can free it";
  for (const address of [small, large]) {
    const where = `address ${address} of slice 0 as ${IN_ARENA}`;
    assertThrows(() => allocator.free(address), InvalidAddressError, `Cannot free ${where}`);
    assertThrows(() => other.free(address), InvalidAddressError, `Cannot free ${where}`);
    assertThrows(() => allocator.realloc(address, 8), InvalidAddressError, IN_ARENA);
    assertThrows(() => other.realloc(address, 8), InvalidAddressError, IN_ARENA);
    assertThrows(() => allocator.mallocUsableSize(address), InvalidAddressError, IN_ARENA);
  }
  const strange = "it is not a block of this arena";
  for (
    const address of [block, theirs, small + 8, small + 3, 8, -8, 1e12, NaN, SLICE_BYTES + 4096]
  ) {
    assertThrows(() => arena.free(address), InvalidAddressError, strange);
    assertThrows(() => arena.realloc(address, 8), InvalidAddressError, strange);
  }
  for (const address of ["8", undefined, null, 8n, {}]) {
    assertThrows(() => arena.free(address as unknown as number), TypeError, "expected a number");
  }
  for (const address of freed) {
    assertThrows(() => arena.free(address), DoubleFreeError, "it is free already");
    assertThrows(() => arena.mallocUsableSize(address), DoubleFreeError, "it is free already");
  }
  assertThrows(() => arena.malloc(-1), RangeError);
  assertThrows(() => arena.malloc(0.5), RangeError);
  assertThrows(() => arena.calloc(NaN, 1), RangeError);
  assertThrows(() => arena.memalign(3, 1), RangeError);
  assertEquals(allocator.statistics().liveBlocks, liveBlocks);

  arena[Symbol.dispose]();
  arena[Symbol.dispose]();
  const ended = "an arena that has been disposed of";
  assertThrows(() => arena.malloc(40), ReferenceError, `Cannot allocate in ${ended}`);
  assertThrows(() => arena.memalign(64, 40), ReferenceError, ended);
  assertThrows(() => arena.reset(), ReferenceError, `Cannot reset ${ended}`);
  assertThrows(() => arena.free(small), InvalidAddressError, "its arena has been disposed of");
  assertThrows(() => allocator.free(small), InvalidAddressError);
  second[Symbol.dispose]();
  allocator.free(block);
  assertEquals(allocator.statistics().liveBlocks, 0);
});

Deno.test("Arena: a debug heap finds what was written past a block, and frees the others", () => {
  const [allocator] = heaps(true);
  const arena = allocator.arena();
  for (let i = 0; i < 10; i++) arena.malloc(40);
  const overrun = arena.malloc(40);
  for (let i = 0; i < 10; i++) arena.malloc(40);
  allocator.bytes(overrun, 41)[40] = 1;
  assertThrows(() => arena[Symbol.dispose](), HeapCheckError, "byte 0 past the end");
  // The debug heap keeps the block that was overrun, and the one behind it.
  assertEquals(allocator.statistics().liveBlocks, 2);
});

Deno.test("Arena: a debug heap names the place that asked for each block", () => {
  const [allocator] = heaps(true);
  using arena = allocator.arena();
  for (let i = 0; i < 3; i++) arena.malloc(40);
  const [leak] = allocator.debugHeap!.leaks();
  assertEquals([leak!.blocks, leak!.bytes], [3, 3 * 48]);
  assert(leak!.text.includes("arena_test.ts"));
});

Deno.test("Arena: injected failures reach each of its requests", () => {
  const [allocator] = heaps();
  using arena = allocator.arena();
  arena.malloc(40);
  const run = (): number[] => [arena.malloc(40), arena.calloc(1, 400), arena.memalign(64, 8)];
  const injection = new FailureInjection(allocator);
  for (let point = 0; point < 3; point++) {
    injection.failAfter(point);
    assertEquals(run().map((address) => address === 0), [0, 1, 2].map((i) => i === point));
  }
});

Deno.test("Arena: a heap profile counts each of its blocks, and their end", () => {
  const [allocator] = heaps();
  const arena = allocator.arena();
  using profile = new HeapProfile(allocator, { sampleBytes: 1 });
  for (let i = 0; i < 100; i++) arena.malloc(40);
  const blocks = () => profile.sites().reduce((sum, { blocks }) => sum + blocks, 0);
  assertEquals(Math.round(blocks()), 100);
  arena[Symbol.dispose]();
  assertEquals(blocks(), 0);
});

Deno.test("Arena: walkHeap() sees chunks, which add up to the heap", () => {
  const [allocator] = heaps();
  using arena = allocator.arena();
  for (let i = 0; i < 5000; i++) arena.malloc(i % 200);
  const used = [...walkHeap(allocator.buffer, allocator.slice)].filter(({ free }) => !free);
  const bytes = used.reduce((sum, { byteLength }) => sum + byteLength, 0);
  assertEquals(bytes, arena.statistics().takenBytes);
  assert(used.length < 20, "chunks grow");
});

testBoth("Arena: has what there is until the slice is full, and then 0", (allocator) => {
  const arena = allocator.arena();
  let blocks = 0;
  while (arena.malloc(40) !== 0) blocks++;
  const { freeBytes, totalBytes, liveBlocks } = allocator.statistics();
  assert(liveBlocks > 0);
  assert(freeBytes < totalBytes / 10 || allocator.debugHeap !== undefined);
  assertEquals(arena.statistics().liveBlocks, blocks);
  assertThrows(() => struct("Big", { a: array(f64, 1000) }).make(arena), BadAllocError);
  arena[Symbol.dispose]();
  assertEquals(allocator.statistics().liveBlocks, 0);
});

Deno.test("Arena: reclaimers run before it fails, and may end the arena itself", () => {
  const [allocator] = heaps();
  const cache = allocator.arena();
  while (cache.malloc(1000) !== 0);
  let asked = 0;
  const registration = allocator.reclaimers.add(() => {
    asked++;
    cache.reset();
  }, { scope: "sync" });
  using arena = allocator.arena();
  assertNotEquals(arena.malloc(5000), 0);
  assertEquals(asked, 1);
  registration[Symbol.dispose]();

  const doomed: Arena = allocator.arena();
  while (doomed.malloc(1000) !== 0);
  const { liveBlocks } = arena.statistics();
  using _ = allocator.reclaimers.add(() => doomed[Symbol.dispose](), { scope: "sync" });
  assertThrows(() => doomed.malloc(1000), ReferenceError, "disposed of");
  assertEquals(arena.statistics().liveBlocks, liveBlocks);
  cache[Symbol.dispose]();
  arena[Symbol.dispose]();
  assertEquals(allocator.statistics().liveBlocks, 0);
});

Deno.test("Arena.realloc(): a reclaimer that frees the block is found out", () => {
  const [allocator] = heaps();
  using arena = allocator.arena();
  const address = arena.malloc(1000);
  const rest: number[] = [];
  for (let block; (block = allocator.malloc(1000)) !== 0;) rest.push(block);
  using _ = allocator.reclaimers.add(() => {
    arena.free(address);
    while (rest.length > 0) allocator.free(rest.pop()!);
  }, { scope: "sync" });
  assertThrows(() => arena.realloc(address, 2000), DoubleFreeError, `address ${address}`);
  assertEquals(arena.statistics().liveBlocks, 0);
});

Deno.test("Arena: another thread's allocator reads its blocks where they are", () => {
  const [allocator, other] = heaps();
  using arena = allocator.arena();
  const address = arena.malloc(40);
  allocator.bytes(address, 40).fill(5);
  assertEquals(other.bytes(address, 40), new Uint8Array(40).fill(5));
  assertEquals(other.owner(address), 0);
});
