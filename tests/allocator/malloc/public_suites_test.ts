/**
 * What the test suites of public TLSF and other allocators check, as behaviour of this one. Each of
 * their tests, and where it is mirrored; those without a file are below. "None" says why there is
 * nothing to mirror.
 *
 * | suite, test                                    | here                                                     |
 * | ---------------------------------------------- | -------------------------------------------------------- |
 * | mattconte/tlsf: `tlsf_check`, `tlsf_check_pool` | `checkHeap()`, after every few steps of the random tests |
 * | `test_ffs_fls`                                 | size_class_test: the mapping of every list of every level |
 * | sysprog21/tlsf-bsd: `large_size_test`          | allocator_test: every power of two and sizes just below  |
 * | `random_sizes_test`                            | below                                                    |
 * | `append_pool_test`                             | none: a slice is one pool, of one size                   |
 * | `realloc_backward_test`                        | allocator_test: grows in place, shrinks, moves. Backward: none, a block grows to the right |
 * | `fragmentation_test`                           | allocator_test: no more than 1/32 beyond what is asked for |
 * | `zero_size_align_test`                         | below                                                    |
 * | `static_pool_test`: basic, exhaustion, realloc, aligned, statistics | allocator_test, c_family_test, statistics_test |
 * | … independent instances                        | below                                                    |
 * | … too small, append                            | misuse_test: `create()` refuses; none                    |
 * | `pool_reset_test`                              | allocator_test: `create()` formats again what was used   |
 * | `test_thread.c`: stress, aligned, reset        | remote_free_stress_test, with threads; a slice has one owner, so no more is contended |
 * | `tlsf_check`, four phases                      | heap_check_test: each corruption is noticed              |
 * | `wcet.c`, ECRTS'04 tests 4 and 5               | below, as behaviour; `deno task compare allocator` times |
 * | yvt/rlsf: `minimal`, `adaa`, `aadd`, `ara`, `aadaadaraaadr` | below                                       |
 * | `append_free_block_ptr`                        | none, as above                                           |
 * | insert near the end of the address space       | large_segment_test: a slice of 4 GiB, segments above     |
 * | `random`, per parameter set                    | allocator_property_test                                  |
 * | `max_pool_size`                                | large_segment_test                                       |
 * | `map_ceil_and_unmap`, `…_huge`                 | size_class_test: every size is found in the class searched |
 * | `pool_size_to_contain_allocation`              | below                                                    |
 * | `calloc_random`                                | allocator_property_test: `calloc` on used memory         |
 * | AssemblyScript: `runner.js`, `forever.js`      | below; `deno task soak`                                  |
 * | `lib/rtrace`                                   | harness/shadow_allocator                                 |
 * | o1heap: init, smallest, size_t overflow, free  | allocator_test                                           |
 * | OOM, random A                                  | below                                                    |
 * | minimal arena, largest allocation              | below: `pool_size_to_contain_allocation`                 |
 * | invariant checker                              | heap_check_test                                          |
 * | log2, pow2, roundUp                            | align_test, size_class_test                              |
 * | rmind/tlsf: basic, random per size             | below                                                    |
 * | wee_alloc: quickcheck                          | allocator_property_test                                  |
 * | … replays of traces                            | trace_test                                               |
 * | thi.ng/malloc: malloc, calloc, realloc, free   | allocator_test                                           |
 * | … mallocAs, callocAs, reallocArray             | struct/array_test: `make()`; a typed array does not grow |
 * | … malloc top, no compact, no split             | none: it always merges and splits                        |
 * | … align 16, freeAll                            | allocator_test: `memalign()`; `create()` formats again   |
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Allocator, MIN_SLICE_BYTES } from "../../../allocator/mod.ts";
import { firstBlockOf } from "../../../allocator/layout/control_layout.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";

function make(byteLength: number): Allocator {
  return Allocator.create(new SharedArrayBuffer(byteLength), [{ byteOffset: 0, byteLength }], 0);
}

/** Every byte is free, in one block. */
function assertWhole(heap: Allocator): void {
  heap.checkHeap();
  heap.mallocTrim(); // what small classes keep is free, and not merged yet
  heap.checkHeap();
  const { liveBlocks, usedBytes, freeBytes, largestFreeBytes } = heap.statistics();
  assertEquals([liveBlocks, usedBytes, largestFreeBytes], [0, 0, freeBytes]);
}

function isFilled(heap: Allocator, address: number, byteLength: number, byte: number): boolean {
  return heap.bytes(address, byteLength).every((found) => found === byte);
}

/** A power of two of up to `most` bytes, as a length of blocks, and something below it. */
function randomLength(random: SeededRandom, most: number): number {
  return random.below(2 ** random.between(0, Math.log2(most))) + 1;
}

Deno.test("sysprog21/tlsf-bsd random_sizes_test: malloc, aligned and realloc, freed in any order", () => {
  withRandom((random) => {
    for (let spacelen = 16; spacelen <= 2 ** 20; spacelen *= 2) {
      const heap = make(Math.max(65536, spacelen * 8));
      for (let round = 0; round < 64; round++) {
        const blocks: [address: number, byteLength: number][] = [];
        let left = spacelen;
        while (left > 0) {
          let byteLength = random.below(left) + 1;
          const kind = random.below(3);
          const alignment = 2 ** random.between(0, 19);
          let address = kind === 0
            ? heap.memalign(Math.min(alignment, spacelen), byteLength)
            : heap.malloc(byteLength);
          if (address === 0) break;
          if (random.below(10) === 0) {
            byteLength = random.below(left) + 1;
            const moved = heap.realloc(address, byteLength);
            if (moved === 0) {
              heap.free(address);
              break;
            }
            address = moved;
          }
          heap.bytes(address, byteLength).fill(0xa5);
          blocks.push([address, byteLength]);
          left -= byteLength;
        }
        for (const [address, byteLength] of random.shuffle(blocks)) {
          assert(isFilled(heap, address, byteLength, 0xa5));
          heap.free(address);
        }
        assertWhole(heap);
      }
    }
  });
});

Deno.test("sysprog21/tlsf-bsd zero_size_align_test: no bytes at every alignment, each apart", () => {
  const heap = make(2 ** 20);
  const addresses: number[] = [];
  for (let alignment = 1; alignment <= 65536; alignment *= 2) {
    for (const address of [heap.memalign(alignment, 0), heap.alignedAlloc(alignment, 0)]) {
      assertNotEquals(address, 0);
      assertEquals(address % alignment, 0);
      addresses.push(address);
    }
  }
  assertEquals(new Set(addresses).size, addresses.length);
  for (const address of addresses) heap.free(address);
  assertWhole(heap);
});

Deno.test("sysprog21/tlsf-bsd static_pool_test: slices of one segment do not know of each other", () => {
  const slices = [0, 1, 2].map((index) => ({ byteOffset: index * 8192, byteLength: 8192 }));
  const segment = new SharedArrayBuffer(3 * 8192);
  const heaps = slices.map((_, index) => Allocator.create(segment, slices, index));
  const blocks = heaps.map((heap, index) => {
    const address = heap.malloc(heap.statistics().totalBytes - 4);
    heap.bytes(address, heap.mallocUsableSize(address)).fill(index + 1);
    return address;
  });
  assertEquals(heaps.map((heap) => heap.malloc(1)), [0, 0, 0]);
  heaps[1]!.free(blocks[1]!);
  assertEquals([heaps[0]!.malloc(1), heaps[2]!.malloc(1)], [0, 0]);
  for (const index of [0, 2]) {
    const usable = heaps[index]!.mallocUsableSize(blocks[index]!);
    assert(isFilled(heaps[index]!, blocks[index]!, usable, index + 1));
  }
  assertWhole(heaps[1]!);
});

Deno.test("ECRTS'04 tests 4 and 5: 40 bytes out of 2 MB, a free between two free blocks", () => {
  const heap = make(2 ** 21);
  const { totalBytes } = heap.statistics();
  const small = heap.malloc(40);
  assertEquals(heap.statistics().largestFreeBytes, totalBytes - 48);
  heap.free(small);
  const [first, second, third] = [heap.malloc(512), heap.malloc(512), heap.malloc(512)];
  heap.free(first!);
  heap.free(third!);
  heap.free(second!); // merges three into one, and with the rest
  assertWhole(heap);
});

/** rlsf's scripts: `a` allocates, `d` frees the oldest, `r` resizes the newest. */
for (const script of ["a", "adaa", "aadd", "ara", "aadaadaraaadr"]) {
  Deno.test(`yvt/rlsf ${script}: blocks stay apart and keep their bytes, in slices of any size`, () => {
    withRandom((random) => {
      for (let round = 0; round < 100; round++) {
        const heap = make(MIN_SLICE_BYTES + random.below(1024) * 64);
        const live: [address: number, byteLength: number, fill: number][] = [];
        for (const [index, step] of [...script].entries()) {
          const byteLength = randomLength(random, 4096);
          if (step === "d") {
            const [address, bytes, fill] = live.shift() ?? [0, 0, 0];
            if (address === 0) continue;
            assert(isFilled(heap, address, bytes, fill));
            heap.free(address);
          } else if (step === "r") {
            const last = live.at(-1);
            const address = last === undefined ? 0 : heap.realloc(last[0], byteLength);
            if (address === 0) continue;
            assert(isFilled(heap, address, Math.min(byteLength, last![1]), last![2]));
            live[live.length - 1] = [address, byteLength, index];
            heap.bytes(address, byteLength).fill(index);
          } else {
            const alignment = 2 ** random.below(6);
            const address = heap.memalign(alignment, byteLength);
            if (address === 0) continue;
            assertEquals(address % alignment, 0);
            heap.bytes(address, byteLength).fill(index);
            live.push([address, byteLength, index]);
          }
          heap.checkHeap();
        }
        for (const [address, byteLength, fill] of live) {
          assert(isFilled(heap, address, byteLength, fill));
          heap.free(address);
        }
        assertWhole(heap);
      }
    });
  });
}

Deno.test("yvt/rlsf pool_size_to_contain_allocation: the smallest slice for a block holds it", () => {
  for (let byteLength = 0; byteLength < 200_000; byteLength += 1 + (byteLength >>> 4)) {
    // Control words grow with the slice: a step up shows in what is left for the block.
    let sliceBytes = MIN_SLICE_BYTES;
    const holds = () => sliceBytes - (firstBlockOf(sliceBytes / 4) + 2) * 4 >= byteLength;
    while (!holds()) sliceBytes += 64;
    const heap = make(sliceBytes);
    const address = heap.malloc(byteLength);
    assertNotEquals(address, 0, `${byteLength} bytes in a slice of ${sliceBytes}`);
    assert(heap.canHold(byteLength));
    heap.free(address);
    assertWhole(heap);
    if (sliceBytes === MIN_SLICE_BYTES) continue;
    const smaller = make(sliceBytes - 64);
    assertEquals([smaller.canHold(byteLength), smaller.malloc(byteLength)], [false, 0]);
  }
});

Deno.test("AssemblyScript runner.js: random sizes, a quarter freed at once, nine tenths come back", () => {
  withRandom((random) => {
    const heap = make(2 ** 24);
    const base = heap.malloc(1);
    heap.free(base);
    for (let run = 0; run < 4; run++) {
      const live = new Map<number, number>();
      const free = (address: number): void => {
        assert(isFilled(heap, address, live.get(address)!, (address >>> 3) & 0xff));
        heap.free(address);
        live.delete(address);
      };
      for (let i = 0; i < 5_000; i++) {
        const byteLength = random.below(8192) + 1;
        const address = heap.malloc(byteLength);
        if (address === 0) {
          for (const other of [...live.keys()].slice(0, 500)) free(other);
          continue;
        }
        assertEquals(address % 8, 0);
        assert(!live.has(address), `${address} was handed out twice`);
        live.set(address, byteLength);
        heap.bytes(address, byteLength).fill((address >>> 3) & 0xff);
        if (i % 4 === 0) free(address);
        else if (random.below(100) < 33) free([...live.keys()][random.below(live.size)]!);
      }
      for (const address of random.shuffle([...live.keys()])) free(address);
      assertWhole(heap);
      const large = heap.malloc(Math.floor(2 ** 24 * 0.9));
      assertEquals(large, base);
      heap.free(large);
    }
    // What it wants to trap is refused.
    assertEquals([heap.malloc(2 ** 30), heap.malloc(2 ** 32 - 1)], [0, 0]);
  });
});

Deno.test("o1heap random A: statistics agree with a model until the heap was full 500 times", () => {
  withRandom((random) => {
    const segment = new SharedArrayBuffer(2 ** 20);
    const bytes = new Uint8Array(segment);
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.next();
    const heap = Allocator.create(segment, [{ byteOffset: 0, byteLength: 2 ** 20 }], 0);
    const { totalBytes } = heap.statistics();
    const live: [address: number, blockBytes: number][] = [];
    const model = { mallocs: 0, frees: 0, failedMallocs: 0, usedBytes: 0, requestedBytes: 0 };
    let peakUsedBytes = 0;
    while (model.failedMallocs < 500) {
      for (let i = 0; i < 100; i++) {
        const byteLength = randomLength(random, 2 ** 14);
        const address = heap.malloc(byteLength);
        if (address === 0) {
          model.failedMallocs++;
          continue;
        }
        const blockBytes = heap.mallocUsableSize(address) + 4;
        live.push([address, blockBytes]);
        model.mallocs++;
        model.requestedBytes += byteLength;
        model.usedBytes += blockBytes;
        peakUsedBytes = Math.max(peakUsedBytes, model.usedBytes);
      }
      for (let i = 0; i < 50 && live.length > 0; i++) {
        const index = random.below(live.length);
        const [address, blockBytes] = live[index]!;
        live[index] = live[live.length - 1]!;
        live.pop();
        heap.free(address);
        model.frees++;
        model.usedBytes -= blockBytes;
      }
      heap.checkHeap();
      const { mallocs, frees, failedMallocs, usedBytes, requestedBytes, ...others } = heap
        .statistics();
      assertEquals({ mallocs, frees, failedMallocs, usedBytes, requestedBytes }, model);
      assertEquals(others.liveBlocks, live.length);
      assertEquals(others.freeBytes, totalBytes - model.usedBytes);
      assertEquals(others.peakUsedBytes, peakUsedBytes);
    }
  });
});

Deno.test("rmind/tlsf random per size: what is free afterwards is what was free before", () => {
  withRandom((random) => {
    for (let sliceBytes = MIN_SLICE_BYTES; sliceBytes <= 2 ** 20; sliceBytes *= 2) {
      const heap = make(sliceBytes);
      const { freeBytes } = heap.statistics();
      const live: number[] = [];
      for (let step = 0; step < 500; step++) {
        if (random.below(2) === 0) {
          const address = heap.malloc(random.below(sliceBytes / 4));
          if (address !== 0) live.push(address);
        } else if (live.length > 0) heap.free(random.shuffle(live).pop()!);
      }
      for (const address of live) heap.free(address);
      assertEquals(heap.statistics().freeBytes, freeBytes);
      assertWhole(heap);
    }
  });
});
