/** checkHeap() must name each invariant when a heap breaks it: every one is broken here, by hand. */
import { assertEquals, assertThrows } from "@std/assert";
import { Allocator, HeapCheckError, readMemoryStatistics } from "../../../allocator/mod.ts";
import { checkHeap, walkHeap } from "../../../allocator/diagnosis/mod.ts";
import { CACHED, FREE, PREVIOUS_FREE } from "../../../allocator/layout/block_layout.ts";
import * as control from "../../../allocator/layout/control_layout.ts";
import { sizeClassOf } from "../../../allocator/layout/size_class.ts";

const SLICE = { byteOffset: 128, byteLength: 16384 };

/** A heap of: used, free (104 bytes), used, free (104 bytes), used, used, free and loose rest. */
function make() {
  const segment = new SharedArrayBuffer(SLICE.byteOffset + SLICE.byteLength);
  const allocator = Allocator.create(segment, [SLICE], 0);
  const words = new Int32Array(segment, SLICE.byteOffset);
  const addresses = [0, 1, 2, 3, 4].map(() => allocator.malloc(100));
  allocator.free(addresses[1]!);
  allocator.free(addresses[3]!);
  allocator.malloc(200);
  allocator.checkHeap();
  const blocks = addresses.map((address) => (address - SLICE.byteOffset) / 4 - 1);
  return { allocator, segment, words, addresses, blocks };
}

type Heap = ReturnType<typeof make>;
const FREE_CLASS = sizeClassOf(104 / 8);

const CORRUPTIONS: readonly (readonly [invariant: string, (heap: Heap) => void])[] = [
  ["a block has 16 bytes or more", ({ words, blocks }) => words[blocks[0]!] = 8],
  ["a block ends inside the heap", ({ words, blocks }) => words[blocks[4]!] = 1 << 20],
  [
    "a header says whether the block before it is free",
    ({ words, blocks }) => words[blocks[2]!]! &= ~PREVIOUS_FREE,
  ],
  [
    "a header says whether the block before it is free",
    ({ words, blocks }) => words[blocks[1]!]! |= PREVIOUS_FREE,
  ],
  [
    "a header says whether the block before it is free",
    ({ words }) => words[words.length - 1] = 0,
  ],
  ["a free block ends with its own index", ({ words, blocks }) => words[blocks[2]! - 1] = 5],
  ["no two free blocks are neighbours", ({ words, blocks }) => words[blocks[2]!]! |= FREE],
  [
    "a free block is not kept for reuse as well",
    ({ words, blocks }) => words[blocks[1]!]! |= CACHED,
  ],
  [
    "a used block of no size ends the heap",
    ({ words }) => words[words.length - 1] = 16 | PREVIOUS_FREE,
  ],
  [
    "the bytes in use are those of the used blocks",
    ({ words }) => words[control.USED_GRANULES_WORD]! += 1,
  ],
  [
    "the peak is no less than the bytes in use",
    ({ words }) => words[control.PEAK_GRANULES_WORD] = 1,
  ],
  [
    "blocks handed out and not freed are the used blocks",
    ({ words }) => words[control.MALLOCS_WORD]! += 1,
  ],
  [
    "the first-level bitmap marks the levels with lists",
    ({ words }) => words[control.FIRST_LEVEL_WORD] = 0,
  ],
  [
    "the second-level bitmap marks the lists with blocks",
    ({ words }) => words[control.SECOND_LEVEL_WORD]! |= 4,
  ],
  [
    "a list has free blocks, each once",
    ({ words, blocks }) => words[control.LIST_HEADS_WORD + FREE_CLASS] = blocks[2]!,
  ],
  ["a list has free blocks, each once", ({ words, blocks }) => words[blocks[1]! + 2] = blocks[3]!],
  [
    "a list has blocks of its size",
    ({ words, blocks }) => {
      // The block moves to the list above, with its links in order.
      words[control.LIST_HEADS_WORD + FREE_CLASS] = blocks[1]!;
      words[blocks[1]! + 1] = control.LIST_HEADS_WORD + FREE_CLASS - 2;
      words[control.LIST_HEADS_WORD + FREE_CLASS + 1] = blocks[3]!;
      words[blocks[3]! + 2] = 0;
      words[control.SECOND_LEVEL_WORD]! |= 1 << (FREE_CLASS + 1);
    },
  ],
  ["the loose block is free", ({ words }) => words[control.LOOSE_BLOCK_WORD] = 0],
  ["the loose block is free", ({ words, blocks }) => words[control.LOOSE_BLOCK_WORD] = blocks[0]!],
  [
    "the loose block has the class noted for it",
    ({ words }) => words[control.LOOSE_CLASS_WORD]! += 1,
  ],
  [
    "a free block but one is on the list of its size",
    ({ words }) => words[control.LOOSE_BLOCK_WORD] = words[control.LOOSE_CLASS_WORD] = 0,
  ],
  [
    "a kept block is small, but in a debug heap",
    ({ words, blocks, allocator }) => {
      const address = allocator.malloc(1212);
      words[(address - SLICE.byteOffset) / 4 - 1]! |= CACHED;
      words[control.USED_GRANULES_WORD]! -= 1216 / 8;
      words[control.FREES_WORD]! += 1;
      assertEquals(words[blocks[0]!], 104);
    },
  ],
  ["links lead back where they came from", ({ words, blocks }) => words[blocks[1]! + 1] = 5],
  [
    "a free block but one is on the list of its size",
    ({ words, blocks }) => words[blocks[3]! + 2] = 0,
  ],
  [
    "a block queued to be freed is in use, and queued once",
    ({ words, blocks }) => words[control.REMOTE_FREE_HEAD_WORD] = blocks[1]!,
  ],
  [
    "a block queued to be freed is in use, and queued once",
    ({ words, blocks }) => {
      words[control.REMOTE_FREE_HEAD_WORD] = blocks[0]!;
      words[blocks[0]! + 1] = blocks[0]!;
    },
  ],
];

for (const [i, [invariant, corrupt]] of CORRUPTIONS.entries()) {
  Deno.test(`checkHeap() notices corruption ${i}: ${invariant}`, () => {
    const heap = make();
    corrupt(heap);
    const error = assertThrows(
      () => heap.allocator.checkHeap(),
      HeapCheckError,
      "Heap check failed",
    );
    assertEquals(error.invariant, invariant);
    assertEquals(error.name, "HeapCheckError");
    assertEquals(error.message.startsWith(`Heap check failed at address ${error.address}: `), true);
  });
}

Deno.test("checkHeap() names the address and what it found", () => {
  const { segment, words, blocks, addresses } = make();
  words[blocks[0]!] = 8;
  const error = assertThrows(() => checkHeap(segment, SLICE), HeapCheckError);
  assertEquals(
    error.message,
    `Heap check failed at address ${
      addresses[0]
    }: a block has 16 bytes or more, but its header gives 8`,
  );
  assertEquals(error.address, addresses[0]);
});

Deno.test("Allocator.malloc() notices a free list that leads astray", () => {
  const { allocator, words, addresses, blocks } = make();
  // The program writes to a block it has freed, where the next-link lies.
  words[blocks[3]! + 2] = 77;
  assertEquals(allocator.malloc(100), addresses[3]);
  assertThrows(
    () => allocator.malloc(100),
    HeapCheckError,
    "a free block is at least as large as its list promises",
  );
});

Deno.test("walkHeap() yields every block in address order, and they add up", () => {
  const { allocator, segment, addresses } = make();
  const blocks = [...walkHeap(segment, SLICE)];
  assertEquals(blocks.map((block) => block.free), [false, true, false, true, false, false, true]);
  assertEquals(blocks.slice(0, 5).map((block) => block.address), addresses);
  assertEquals(blocks.slice(0, 5).map((block) => block.byteLength), [104, 104, 104, 104, 104]);
  const total = blocks.reduce((sum, block) => sum + block.byteLength, 0);
  assertEquals(total, allocator.statistics().totalBytes);
});

Deno.test("walkHeap() stops at a header that leads nowhere", () => {
  const { segment, words, blocks } = make();
  words[blocks[2]!] = 0;
  assertThrows(
    () => [...walkHeap(segment, SLICE)],
    HeapCheckError,
    "blocks follow one another to the end of the heap, but its header gives 0 bytes",
  );
});

Deno.test("a slice that no allocator formatted is refused", () => {
  const segment = new SharedArrayBuffer(4096);
  const slice = { byteOffset: 0, byteLength: 4096 };
  const text =
    "Cannot read the slice at 0 as it is not formatted: Allocator.create() has not run on it";
  assertThrows(() => checkHeap(segment, slice), RangeError, text);
  assertThrows(() => [...walkHeap(segment, slice)], RangeError, text);
  assertThrows(() => readMemoryStatistics(segment, slice), RangeError, text);
  const outside = { byteOffset: 4096, byteLength: 4096 };
  assertThrows(() => checkHeap(segment, outside), RangeError, "Cannot place a slice at 4096");
});
