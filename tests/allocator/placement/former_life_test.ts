/**
 * A slice that is formatted anew, and addresses of blocks that lay in it before. What cannot be caught
 * is in the documentation: an address at which a block of the new life begins.
 */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { CACHED } from "../../../allocator/layout/block_layout.ts";
import {
  FALLOW_GIVEN,
  FALLOW_KEPT,
  FALLOW_NONE,
  FALLOW_WORD,
  firstBlockOf,
  MAGIC_WORD,
  REMOTE_FREE_HEAD_WORD,
  sentinelOf,
  TOUCHED_CHECK_WORD,
  TOUCHED_WORD,
} from "../../../allocator/layout/control_layout.ts";
import {
  Allocator,
  type AllocatorOptions,
  DoubleFreeError,
  HeapCheckError,
  InvalidAddressError,
  NewDelete,
} from "../../../allocator/mod.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { soilFreeMemory } from "../../harness/soiled_memory.ts";

const SLICE_BYTES = 65536;
const SLICES = [0, 1, 2].map((index) => ({
  byteOffset: index * SLICE_BYTES,
  byteLength: SLICE_BYTES,
}));

function newSegment(): SharedArrayBuffer {
  return new SharedArrayBuffer(SLICES.length * SLICE_BYTES);
}

function wordsOf(segment: SharedArrayBuffer, index = 0): Int32Array {
  return new Int32Array(segment, index * SLICE_BYTES, SLICE_BYTES / 4);
}

/** A slice as its first owner finds it, and its second one if the first has done nothing. */
const [FIRST_LIFE, SECOND_LIFE] = (() => {
  const segment = newSegment();
  Allocator.create(segment, SLICES, 0);
  const first = wordsOf(segment).slice();
  Allocator.create(segment, SLICES, 0);
  return [first, wordsOf(segment).slice()];
})();

/** Runs a life of random requests, whose blocks are filled, and returns those that are live at its end. */
function live(random: SeededRandom, allocator: Allocator, other: Allocator): number[] {
  const blocks: number[] = [];
  const most = random.between(1, 13);
  for (let step = random.below(400); step > 0; step--) {
    const kind = random.below(10);
    const byteLength = random.below(1 << random.between(1, most));
    const at = random.below(blocks.length);
    if (kind <= 5) blocks.push(allocator.malloc(byteLength));
    else if (kind === 6) blocks.push(allocator.memalign(2 ** random.between(4, 9), byteLength));
    else if (blocks.length === 0) continue;
    else if (kind === 7) blocks[at] = allocator.realloc(blocks[at]!, byteLength + 1) || blocks[at]!;
    else (kind === 8 ? allocator : other).free(blocks.splice(at, 1)[0]!);
    if (blocks.at(-1) === 0) blocks.pop();
    else if (blocks.length > 0) {
      const address = blocks.at(-1)!;
      allocator.bytes(address, allocator.mallocUsableSize(address)).fill(random.below(256));
    }
  }
  if (random.below(2) === 0) other.flushRemoteFrees();
  return blocks;
}

Deno.test("formatting a slice again leaves nothing of what random lives have put there", () =>
  withRandom((random) => {
    for (let round = 0; round < 40; round++) {
      const segment = newSegment();
      const other = Allocator.create(segment, SLICES, 1);
      for (let life = 0; life < 6; life++) {
        const allocator = Allocator.create(segment, SLICES, 0);
        assertEquals(wordsOf(segment), life % 2 === 0 ? FIRST_LIFE : SECOND_LIFE);
        live(random, allocator, other);
        other.remoteFrees.retire(0);
        other.remoteFrees.restore(0);
      }
    }
  }));

Deno.test("formatting a slice again leaves nothing of a life that ended with its heap overwritten", () =>
  withRandom((random) => {
    const first = firstBlockOf(SLICE_BYTES / 4);
    const sentinel = sentinelOf(SLICE_BYTES / 4);
    let heap: Int32Array = new Int32Array();
    const places: readonly (() => number)[] = [
      () => MAGIC_WORD,
      () => TOUCHED_WORD,
      () => TOUCHED_CHECK_WORD,
      () => FALLOW_WORD,
      () => REMOTE_FREE_HEAD_WORD,
      () => random.below(first),
      () => first + random.below(Math.max(heap[TOUCHED_WORD]! - first, 1)),
      () => sentinel - random.below(2),
    ];
    for (let round = 0; round < 200; round++) {
      const segment = newSegment();
      const other = Allocator.create(segment, SLICES, 1);
      live(random, Allocator.create(segment, SLICES, 0), other);
      heap = wordsOf(segment);
      for (let writes = random.between(1, 3); writes > 0; writes--) {
        const place = places[random.below(places.length)]!();
        if (place >= heap.length) continue; // found by a mark that was overwritten
        heap[place] = random.below(4) === 0 ? 0 : random.next();
      }
      Allocator.create(segment, SLICES, 0).checkHeap();
      assertEquals(heap, heap[FALLOW_WORD] === FALLOW_KEPT ? SECOND_LIFE : FIRST_LIFE);
    }
  }));

Deno.test("formatting a slice again writes to no memory that was never handed out", () => {
  const segment = newSegment();
  const words = wordsOf(segment);
  const allocator = Allocator.create(segment, SLICES, 0);
  allocator.malloc(10_000); // where the next life has the header of its fallow
  const block = allocator.malloc(1000);
  const beyond = block / 4 + 1000;
  words[beyond] = 7; // not the allocator's doing, so it shows whether it comes by
  Allocator.create(segment, SLICES, 0);
  assertEquals([words[block / 4 - 1], words[beyond]], [0, 7]);
  const inFallow = firstBlockOf(words.length) + 100;
  words[inFallow] = 7;
  Allocator.create(segment, SLICES, 0);
  assertEquals(words[inFallow], 7);
});

/** Every way in which an address is taken for that of a block. */
const USES: readonly (readonly [string, (allocator: Allocator, address: number) => void])[] = [
  ["free", (allocator, address) => allocator.free(address)],
  ["reallocate", (allocator, address) => allocator.realloc(address, 2000)],
  ["reallocate", (allocator, address) => allocator.realloc(address, 10)],
  ["free", (allocator, address) => allocator.realloc(address, 0)],
  ["measure", (allocator, address) => allocator.mallocUsableSize(address)],
  ["free", (allocator, address) => new NewDelete(allocator).delete(address)],
  [
    "measure",
    (allocator, address) => new NewDelete(allocator).delete(address, { byteLength: 100 }),
  ],
  [
    "measure",
    (allocator, address) => {
      new NewDelete(allocator).deleteArray(address, { count: 10, elementBytes: 10 });
    },
  ],
];

for (const debugHeap of [false, true]) {
  Deno.test(
    `an address of a former life is caught, on its shard and on others${
      debugHeap ? ", with a debug heap" : ""
    }`,
    () => {
      const segment = newSegment();
      const create = (index: number) => Allocator.create(segment, SLICES, index, { debugHeap });
      let [owner, other] = [create(0), create(1)];
      for (let life = 0; life < 6; life++) {
        const held = Array.from({ length: 20 }, () => owner.malloc(100));
        other.remoteFrees.retire(0);
        owner = create(0);
        other.remoteFrees.restore(0);
        // Enough of a new life for old blocks to lie in it, where their memory is taken up first.
        const blocks = [owner.malloc(100), owner.malloc(3000), owner.malloc(16)];
        const { liveBlocks, usedBytes, frees } = owner.statistics();
        for (const [operation, use] of USES) {
          for (const address of held) {
            const start = `Cannot ${operation} address ${address} of slice 0 as `;
            assertThrows(() => use(owner, address), InvalidAddressError, start);
            assertThrows(() => use(other, address), InvalidAddressError, start);
          }
        }
        other.flushRemoteFrees();
        assertEquals(owner.drainRemoteFrees(), 0);
        const after = owner.statistics();
        assertEquals([after.liveBlocks, after.usedBytes, after.frees], [
          liveBlocks,
          usedBytes,
          frees,
        ]);
        owner.checkHeap();
        other.checkHeap();
        for (const address of blocks) owner.free(address);
      }
    },
  );
}

Deno.test("what others have queued for the former owner, and gathered, never reaches the next", () => {
  const segment = newSegment();
  const create = (index: number) => Allocator.create(segment, SLICES, index);
  const [owner, gathering, publishing] = [create(0), create(1), create(2)];
  const [a, b, c] = [owner.malloc(40), owner.malloc(40), owner.malloc(40)];
  gathering.free(a);
  publishing.free(b);
  publishing.flushRemoteFrees();
  gathering.remoteFrees.retire(0);
  publishing.remoteFrees.retire(0);
  gathering.free(c);
  const next = create(0);
  next.malloc(40);
  gathering.flushRemoteFrees();
  publishing.flushRemoteFrees();
  assert(!next.hasRemoteFrees());
  assertEquals(gathering.statistics().remoteFreesDropped, 2);
  next.checkHeap();
});

Deno.test("free() of addresses of many former lives spoils no later one", () =>
  withRandom((random) => {
    for (let round = 0; round < 10; round++) {
      const segment = newSegment();
      const allocators = SLICES.map((_, index) => Allocator.create(segment, SLICES, index));
      const lives = SLICES.map(() => new Set<number>());
      const held: number[] = []; // of whichever life, freed or not
      for (let life = 0; life < 15; life++) {
        const reborn = random.below(SLICES.length);
        for (const [index, allocator] of allocators.entries()) {
          if (index !== reborn) allocator.remoteFrees.retire(reborn);
        }
        allocators[reborn] = Allocator.create(segment, SLICES, reborn);
        lives[reborn]!.clear();
        for (const [index, allocator] of allocators.entries()) {
          if (index !== reborn) allocator.remoteFrees.restore(reborn);
        }
        for (let step = 0; step < 200; step++) {
          const index = random.below(SLICES.length);
          const allocator = allocators[index]!;
          if (random.below(2) === 0) {
            const byteLength = random.below(1 << random.between(1, 11));
            const address = allocator.malloc(byteLength);
            if (address === 0) continue;
            // Bytes that are no header, which an address inside the block must not meet.
            const usable = allocator.mallocUsableSize(address);
            allocator.bytes(address, usable).fill(random.below(2) === 0 ? 0 : 0xff);
            lives[index]!.add(address);
            held.push(address);
          } else if (held.length > 0) {
            const address = held[random.below(held.length)]!;
            const owner = allocator.owner(address);
            if (lives[owner]!.delete(address)) allocator.free(address);
            else assertThrows(() => allocator.free(address), InvalidAddressError);
            allocator.flushRemoteFrees();
            allocators[owner]!.drainRemoteFrees();
          }
        }
        for (const [index, allocator] of allocators.entries()) {
          allocator.checkHeap();
          assertEquals(allocator.statistics().liveBlocks, lives[index]!.size);
          assertEquals(allocator.statistics().remoteFreesRejected, 0);
        }
      }
    }
  }));

Deno.test("two lives in a row begin at different places", () => {
  const segment = newSegment();
  const firsts = Array.from(
    { length: 5 },
    () => Allocator.create(segment, SLICES, 0).malloc(1000),
  );
  for (let life = 1; life < firsts.length; life++) assertNotEquals(firsts[life], firsts[life - 1]);
  assertEquals(firsts[2], firsts[0]); // no more memory is touched for it than one part of the heap
  assert(firsts[1]! - firsts[0]! <= SLICE_BYTES / 16 + 8);
});

/** The second life of a slice, which leaves memory fallow. */
function secondLife(options: AllocatorOptions = {}): Allocator {
  const segment = newSegment();
  Allocator.create(segment, SLICES, 0, options);
  const allocator = Allocator.create(segment, SLICES, 0, options);
  soilFreeMemory(segment, SLICES[0]!);
  return allocator;
}

for (const debugHeap of [false, { quarantineBytes: 0 }]) {
  Deno.test(
    `a life has the fallow when no other memory is left${
      debugHeap === false ? "" : ", with a debug heap"
    }`,
    () => {
      const options = { debugHeap };
      const first = Allocator.create(newSegment(), SLICES, 0, options);
      const second = secondLife(options);
      const words = wordsOf(second.buffer);
      assertEquals(second.statistics().freeBytes, first.statistics().freeBytes);
      const fill = (allocator: Allocator) => {
        const blocks: number[] = [];
        for (let address = allocator.malloc(84); address !== 0; address = allocator.malloc(84)) {
          blocks.push(address);
        }
        allocator.checkHeap();
        return blocks;
      };
      const whole = fill(first).length;
      assertEquals(words[FALLOW_WORD], FALLOW_KEPT);
      const blocks = fill(second);
      assertEquals(words[FALLOW_WORD], FALLOW_GIVEN);
      assert(whole - blocks.length <= 1, `${blocks.length} blocks, not ${whole}`); // one end more
      for (const address of blocks) second.free(address);
      second.checkHeap();
      assertEquals(second.statistics().freeBytes, first.statistics().totalBytes - mapBytes(second));
      const third = Allocator.create(second.buffer, SLICES, 0, options);
      assertEquals(words[FALLOW_WORD], FALLOW_NONE);
      third.checkHeap();
    },
  );
}

/** What the map of starts of a debug heap takes. */
function mapBytes(allocator: Allocator): number {
  const { totalBytes } = allocator.statistics();
  return allocator.debugHeap === undefined ? 0 : totalBytes -
    Allocator.create(newSegment(), SLICES, 0, { debugHeap: true }).statistics().freeBytes;
}

Deno.test("a request as large as the heap succeeds in every life", () => {
  const segment = newSegment();
  for (let life = 0; life < 4; life++) {
    const allocator = Allocator.create(segment, SLICES, 0);
    const { totalBytes } = allocator.statistics();
    assertNotEquals(allocator.malloc(totalBytes - 4), 0);
    allocator.checkHeap();
  }
});

Deno.test("with a debug heap, a request that canHold() is for is served in every life", () => {
  const segment = newSegment();
  for (let life = 0; life < 4; life++) {
    const allocator = Allocator.create(segment, SLICES, 0, { debugHeap: true });
    let most = allocator.statistics().totalBytes;
    while (!allocator.canHold(most)) most -= 8;
    assertNotEquals(allocator.malloc(most), 0);
    allocator.checkHeap();
  }
});

Deno.test("the fallow is free memory that was freed, for whoever asks", () => {
  const allocator = secondLife();
  const fallow = allocator.slice.byteOffset + firstBlockOf(SLICE_BYTES / 4) * 4 + 4;
  assertThrows(() => allocator.free(fallow), DoubleFreeError);
  assertEquals(allocator.mallocTrim(), 0);
  const { usedBytes, peakUsedBytes, liveBlocks } = allocator.statistics();
  assertEquals([usedBytes, peakUsedBytes, liveBlocks], [0, 0, 0]);
});

Deno.test("checkHeap() finds a fallow that is kept and whose header says that it is not", () => {
  const allocator = secondLife();
  const first = firstBlockOf(SLICE_BYTES / 4);
  wordsOf(allocator.buffer)[first]! &= ~CACHED;
  assertThrows(() => allocator.checkHeap(), HeapCheckError, "the fallow is kept");
});

Deno.test("a fallow whose size was overwritten is not taken into use", () => {
  const allocator = secondLife();
  const first = firstBlockOf(SLICE_BYTES / 4);
  const live = allocator.malloc(1000);
  wordsOf(allocator.buffer)[first]! += 200 << 3; // over the live block
  assertThrows(() => allocator.checkHeap(), HeapCheckError);
  assertThrows(
    () => {
      while (allocator.malloc(1000) !== 0);
    },
    HeapCheckError,
    "the fallow is kept",
  );
  allocator.free(live);
});
