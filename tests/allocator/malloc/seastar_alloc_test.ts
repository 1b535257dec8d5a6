/**
 * The tests of Seastar's allocator (`tests/unit/alloc_test.cc` and `allocator_test.cc`), under their
 * names there. Each of them, and where it is here:
 *
 * | Seastar                                                  | here                                       |
 * | -------------------------------------------------------- | ------------------------------------------ |
 * | `alloc_almost_all_and_realloc_it_with_a_smaller_size`    | below                                      |
 * | `malloc_0_and_free_it`, `new_0`                          | below                                      |
 * | `test_live_objects_counter_with_cross_cpu_free`          | below; with threads, remote_free_stress_test |
 * | `test_aligned_alloc`                                     | below                                      |
 * | `test_sized_delete`                                      | new_delete_test                            |
 * | `test_temporary_buffer_aligned`                          | none: no temporary buffers; `test_aligned_alloc` has the memory |
 * | `test_memory_diagnostics`                                | below                                      |
 * | `test_cross_thread_realloc`                              | below; with threads, shard/remote_free_test |
 * | `test_foreign_function_use_glibc_malloc`                 | none: the host has a slice, and counters like any |
 * | `test_realloc_nullptr`                                   | below                                      |
 * | `test_enable_abort_on_oom`                               | none: no operation aborts the process      |
 * | `test_bad_alloc_throws`                                  | below                                      |
 * | `test_diagnostics_failures`                              | below, memory_report_test                  |
 * | `test_diagnostics_allocation`                            | memory_report_test                         |
 * | `test_two_allocations_increase_total_bytes_allocated`    | below                                      |
 * | `test_sampled_profile_collection_small`, `…_large`, `…_max_sites` | heap_profile_test                 |
 * | `test_change_sample_rate`                                | heap_profile_test                          |
 * | `test_large_allocation_warning_off_by_one`               | allocation_warning_test, its first         |
 * | `c23_free_sized`                                         | below                                      |
 * | `test_posix_memalign`                                    | below                                      |
 * | `allocator_test.cc`: the random soak                     | soak_test, and `deno task soak`            |
 * | `allocator_test.cc`: `test_cpp17_aligned_allocator`      | below                                      |
 * | `file_io_test.cc` and others, under failure injection    | failure_injection_test, whole_program_test |
 */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Allocator, BadAllocError, NewDelete } from "../../../allocator/mod.ts";
import { memoryReport } from "../../../allocator/diagnosis/mod.ts";
import { withRandom } from "../../harness/seeded_random.ts";

const MEBIBYTE = 2 ** 20;

function make(byteLength: number, count = 1): Allocator[] {
  const segment = new SharedArrayBuffer(byteLength * count);
  const slices = Array.from({ length: count }, (_, index) => {
    return { byteOffset: index * byteLength, byteLength };
  });
  return slices.map((_, index) => Allocator.create(segment, slices, index));
}

Deno.test("alloc_almost_all_and_realloc_it_with_a_smaller_size", () => {
  const [heap] = make(64 * MEBIBYTE) as [Allocator];
  const { totalBytes } = heap.statistics();
  const address = heap.malloc(totalBytes - MEBIBYTE);
  assertNotEquals(address, 0);
  const smaller = Math.floor(totalBytes / 2);
  heap.bytes(address, smaller).fill(7);
  assertEquals(heap.realloc(address, smaller), address);
  assert(heap.bytes(address, smaller).every((byte) => byte === 7));
  assert(heap.statistics().freeBytes > totalBytes / 3);
  heap.free(address);
});

Deno.test("malloc_0_and_free_it, new_0", () => {
  const [heap] = make(65536) as [Allocator];
  const family = new NewDelete(heap);
  const addresses = [heap.malloc(0), family.new(0), family.newArray(0, 8)];
  assert(addresses.every((address) => address !== 0));
  heap.free(addresses[0]!);
  family.delete(addresses[1]!);
  family.deleteArray(addresses[2]!);
});

Deno.test("test_live_objects_counter_with_cross_cpu_free: a million blocks freed elsewhere", () => {
  const [owner, other] = make(24 * MEBIBYTE, 2) as [Allocator, Allocator];
  const addresses = new Float64Array(1_000_000);
  for (let i = 0; i < addresses.length; i++) addresses[i] = owner.malloc(8);
  assertEquals(owner.statistics().liveBlocks, addresses.length);
  for (let i = 0; i < addresses.length; i++) {
    other.free(addresses[i]!);
    if (i % 10_000 !== 0) continue;
    const { liveBlocks, mallocs, frees } = owner.statistics();
    assert(liveBlocks >= 0 && liveBlocks === mallocs - frees);
    owner.drainRemoteFrees();
  }
  other.flushRemoteFrees();
  owner.drainRemoteFrees();
  assertEquals([owner.statistics().liveBlocks, other.statistics().liveBlocks], [0, 0]);
  assertEquals(other.statistics().remoteFreesSent, addresses.length);
  assertEquals(owner.statistics().remoteFreesReceived, addresses.length);
  owner.checkHeap();
});

Deno.test("test_aligned_alloc: 8 to 64 KiB, each size from the alignment to twice that", () => {
  const [heap] = make(MEBIBYTE) as [Allocator];
  for (let alignment = 8; alignment <= 65536; alignment *= 2) {
    for (let size = alignment; size <= 2 * alignment; size += alignment) {
      const address = heap.alignedAlloc(alignment, size);
      assertNotEquals(address, 0);
      assertEquals(address % alignment, 0);
      heap.bytes(address, size).fill(0);
      heap.free(address);
    }
  }
  heap.checkHeap();
});

Deno.test("test_memory_diagnostics: the report has something to say", () => {
  const [heap] = make(65536) as [Allocator];
  assert(memoryReport(heap.buffer, heap.slice).split("\n").length > 7);
});

Deno.test("test_cross_thread_realloc: blocks of this shard and of another keep their bytes", () => {
  const pairs = [[0, 0], [16, 0], [0, 16], [10, 20], [20, 10], [2000, 4000], [400_000, 100_000]];
  for (const [from, to] of pairs as [number, number][]) {
    for (const side of [0, 1]) {
      const heaps = make(4 * MEBIBYTE, 2) as [Allocator, Allocator];
      const [here, owner] = [heaps[0], heaps[side]!];
      const address = owner.malloc(from);
      const edge = Math.min(from, to, 8);
      owner.bytes(address, edge).fill(0xaa);
      owner.bytes(address + Math.min(from, to) - edge, edge).fill(0xaa);
      const moved = here.realloc(address, to);
      if (to === 0) assertEquals(moved, 0);
      else {
        assertEquals(here.owner(moved), 0);
        assert(here.bytes(moved, edge).every((byte) => byte === 0xaa));
        assert(here.bytes(moved + Math.min(from, to) - edge, edge).every((byte) => byte === 0xaa));
      }
      here.free(moved);
      here.flushRemoteFrees();
      owner.drainRemoteFrees();
      assertEquals(heaps.map((heap) => heap.statistics().liveBlocks), [0, 0]);
      heaps.forEach((heap) => heap.checkHeap());
    }
  }
});

Deno.test("test_realloc_nullptr", () => {
  const [heap] = make(65536) as [Allocator];
  const address = heap.realloc(0, 100);
  assertNotEquals(address, 0);
  assertEquals(heap.realloc(address, 0), 0);
  const empty = heap.realloc(0, 0);
  assertNotEquals(empty, 0);
  heap.free(empty);
  assertEquals(heap.statistics().liveBlocks, 0);
});

Deno.test("test_bad_alloc_throws: every function fails as it should, and is counted once", () => {
  const [heap] = make(65536) as [Allocator];
  const family = new NewDelete(heap);
  const live = heap.malloc(100);
  heap.bytes(live, 100).fill(7);
  for (const size of [65536, 2 ** 31, 2 ** 44, 2 ** 53 - 1]) {
    const failing: (() => unknown)[] = [
      () => assertEquals(heap.malloc(size), 0),
      () => assertEquals(heap.calloc(1, size), 0),
      () => assertEquals(heap.calloc(size, 1), 0),
      () => assertEquals(heap.realloc(0, size), 0),
      () => assertEquals(heap.realloc(live, size), 0),
      () => assertEquals(heap.memalign(64, size), 0),
      () => assertEquals(heap.alignedAlloc(64, size), 0),
      () => assertEquals(heap.posixMemalign(64, size), 0),
      () => assertThrows(() => family.new(size), BadAllocError),
      () => assertThrows(() => family.newArray(size, 1), BadAllocError),
      () => assertThrows(() => family.new(size, { alignment: 64 }), BadAllocError),
      () => assertEquals(family.new(size, { nothrow: true }), 0),
      () => assertEquals(family.newArray(size, 1, { nothrow: true }), 0),
      () => assertEquals(family.new(size, { nothrow: true, alignment: 64 }), 0),
    ];
    for (const fails of failing) {
      const before = heap.statistics().failedMallocs;
      fails();
      assertEquals(heap.statistics().failedMallocs, before + 1);
    }
  }
  assert(heap.bytes(live, 100).every((byte) => byte === 7));
  heap.free(live);
  heap.checkHeap();
});

Deno.test("test_diagnostics_failures: the report counts a failure more", () => {
  const [heap] = make(65536) as [Allocator];
  const failed = () => /failed +(\d+) request/.exec(memoryReport(heap.buffer, heap.slice))?.[1];
  assertEquals(failed(), "0");
  heap.malloc(65536);
  assertEquals(failed(), "1");
});

Deno.test("test_two_allocations_increase_total_bytes_allocated", () => {
  const [heap] = make(65536) as [Allocator];
  const before = heap.statistics().requestedBytes;
  const [a, b] = [heap.malloc(128), heap.malloc(256)];
  assertEquals(heap.statistics().requestedBytes, before + 128 + 256);
  heap.free(a);
  heap.free(b);
  assertEquals(heap.statistics().requestedBytes, before + 128 + 256);
});

Deno.test("c23_free_sized: a block is freed with its size, and with its alignment", () => {
  const [heap] = make(65536) as [Allocator];
  const family = new NewDelete(heap);
  family.delete(heap.malloc(100), { byteLength: 100 });
  family.delete(heap.alignedAlloc(64, 128), { byteLength: 128, alignment: 64 });
  assertEquals(heap.statistics().liveBlocks, 0);
});

Deno.test("test_posix_memalign: 16 bytes at a multiple of 32", () => {
  const [heap] = make(65536) as [Allocator];
  heap.malloc(8); // so that the next block would not happen to be aligned
  const addresses = Array.from({ length: 20 }, () => heap.posixMemalign(32, 16));
  for (const address of addresses) assertEquals(address % 32, 0);
  assertEquals(new Set(addresses).size, 20);
});

Deno.test("test_cpp17_aligned_allocator: 10,000 random operations, alignments from 1 to 1 MiB", () => {
  withRandom((random) => {
    const [heap] = make(64 * MEBIBYTE) as [Allocator];
    const family = new NewDelete(heap);
    const live: { address: number; byteLength: number; alignment: number; fill: number }[] = [];
    const check = ({ address, byteLength, fill }: typeof live[number]) => {
      assert(heap.bytes(address, byteLength).every((byte) => byte === fill));
    };
    for (let operation = 0; operation < 10_000; operation++) {
      if (live.length < 20 || random.below(2) === 0) {
        const alignment = 2 ** random.between(0, 20);
        const byteLength = random.below(2 ** random.between(0, 14));
        const address = family.new(byteLength, { alignment, nothrow: true });
        if (address === 0) continue;
        assertEquals(address % alignment, 0);
        const fill = operation & 0xff;
        heap.bytes(address, byteLength).fill(fill);
        live.push({ address, byteLength, alignment, fill });
      } else {
        const [block] = live.splice(random.below(live.length), 1);
        check(block!);
        const { address, byteLength, alignment } = block!;
        family.delete(address, { byteLength, alignment });
      }
      if (operation % 500 === 0) heap.checkHeap();
    }
    live.forEach(check);
    for (const { address, byteLength, alignment } of live) {
      family.delete(address, { byteLength, alignment });
    }
    heap.checkHeap();
    const { liveBlocks, usedBytes } = heap.statistics();
    assertEquals([liveBlocks, usedBytes], [0, 0]);
  });
});
