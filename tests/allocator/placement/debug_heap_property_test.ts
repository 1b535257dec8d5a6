/**
 * Random correct programs over two slices with debug heaps, against the shadow allocator: a debug heap
 * that sees no misuse says nothing, however blocks are split, merged, aligned, moved and freed on
 * either side; and what it hands out is what a heap ought to hand out.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import type { DebugHeapOptions } from "../../../allocator/diagnosis/mod.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { ShadowAllocator } from "../../harness/shadow_allocator.ts";
import { soilFreeMemory } from "../../harness/soiled_memory.ts";

const SLICES = [
  { byteOffset: 0, byteLength: 65536 },
  { byteOffset: 65536, byteLength: 16384 },
];
const STEPS = 3000;

function run(random: SeededRandom, debugHeap: DebugHeapOptions): void {
  const segment = new SharedArrayBuffer(81920);
  const allocators = SLICES.map((_, index) =>
    Allocator.create(segment, SLICES, index, { debugHeap })
  );
  // Untouched memory must not be taken for filled memory.
  for (const slice of SLICES) soilFreeMemory(segment, slice);
  const shadow = new ShadowAllocator(segment);
  const note = (address: number, byteLength: number, alignment: number, index: number) => {
    const { byteOffset, byteLength: sliceBytes } = SLICES[index]!;
    const usable = allocators[index]!.mallocUsableSize(address);
    assertEquals(usable, byteLength);
    shadow.allocated(address, byteLength, usable, alignment, [byteOffset, byteOffset + sliceBytes]);
  };
  for (let step = 0; step < STEPS; step++) {
    const index = random.below(2);
    const allocator = allocators[index]!;
    const byteLength = random.below(1 << random.between(1, 12));
    const { addresses } = shadow;
    const picked = addresses[random.below(Math.max(1, addresses.length))];
    const kind = random.below(10);
    if (kind <= 2) {
      const address = allocator.malloc(byteLength);
      if (address !== 0) note(address, byteLength, 8, index);
    } else if (kind === 3) {
      const address = allocator.calloc(1, byteLength);
      if (address !== 0) shadow.cleared(address, byteLength);
      if (address !== 0) note(address, byteLength, 8, index);
    } else if (kind === 4) {
      const alignment = 2 ** random.between(4, 10);
      const address = allocator.memalign(alignment, byteLength);
      if (address !== 0) note(address, byteLength, alignment, index);
    } else if (kind === 5 && picked !== undefined && byteLength > 0) {
      const kept = Math.min(byteLength, shadow.byteLength(picked));
      shadow.verify(picked);
      const moved = allocator.realloc(picked, byteLength);
      if (moved === 0) continue;
      shadow.kept(picked, moved, kept);
      shadow.freed(picked);
      note(moved, byteLength, 8, moved === picked ? allocator.owner(moved) : index);
    } else if (kind <= 8 && picked !== undefined) {
      shadow.verify(picked);
      allocator.free(picked);
      shadow.freed(picked);
    } else if (kind === 9) {
      allocators[1 - index]!.flushRemoteFrees();
      allocator.drainRemoteFrees();
    }
    if (step % 50 === 0) { for (const each of allocators) each.checkHeap(); }
  }
  for (const address of shadow.addresses) allocators[0]!.free(address);
  for (const each of allocators) each.flushRemoteFrees();
  for (const each of allocators) {
    each.drainRemoteFrees();
    each.checkHeap();
    assertEquals(each.debugHeap?.leaks(), []);
    assertEquals(each.statistics().liveBlocks, 0);
    each.debugHeap?.flushQuarantine();
    each.checkHeap();
    // All that is left is the map of starts, at the beginning of the heap.
    const { freeBytes, largestFreeBytes, usedBytes, totalBytes } = each.statistics();
    assertEquals(largestFreeBytes, freeBytes);
    assertNotEquals(usedBytes, 0);
    assert(usedBytes <= totalBytes / 64 + 16);
  }
}

Deno.test("a debug heap finds nothing in correct programs, with the usual quarantine", () => {
  withRandom((random) => run(random, { stacks: false }));
});

Deno.test("a debug heap finds nothing in correct programs, with no quarantine", () => {
  withRandom((random) => run(random, { stacks: false, quarantineBytes: 0 }));
});

Deno.test("a debug heap finds nothing in correct programs, when all it has is quarantine", () => {
  withRandom((random) => run(random, { stacks: false, quarantineBytes: 1 << 20 }));
});
