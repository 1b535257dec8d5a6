/**
 * What the tools of docs/debugging_memory.md cost while they are used: the same pair of operations
 * with each of them, against an allocator that nobody watches.
 *
 * Run it with `deno bench --no-check bench/diagnosis_bench.ts`.
 */
import { Allocator, type AllocatorOptions } from "../allocator/mod.ts";
import {
  FailureInjection,
  HeapProfile,
  LargeAllocationWarning,
  memoryReport,
} from "../allocator/diagnosis/mod.ts";

const SLICE = { byteOffset: 0, byteLength: 4 << 20 };
/** Bytes of a block. */
const BLOCK_BYTES = 100;

function make(options: AllocatorOptions = {}): Allocator {
  return Allocator.create(new SharedArrayBuffer(SLICE.byteLength), [SLICE], 0, options);
}

const unwatched = make();
const warned = make();
new LargeAllocationWarning(warned, { thresholdBytes: 1 << 20, report: () => {} });
const profiled = make();
new HeapProfile(profiled);
const closelyProfiled = make();
new HeapProfile(closelyProfiled, { sampleBytes: 4096 });
const armed = make();
new FailureInjection(armed).failAfter(Infinity);
const debugged = make({ debugHeap: { stacks: false } });
const traced = make({ debugHeap: true });

const group = `malloc and free, ${BLOCK_BYTES} bytes, 1,000 times`;
for (
  const [name, allocator] of [
    ["nobody watches", unwatched],
    ["large-allocation warning, below the threshold", warned],
    ["heap profile, a sample in 512 KiB", profiled],
    ["heap profile, a sample in 4 KiB", closelyProfiled],
    ["failure injection, armed", armed],
    ["debug heap, no stacks", debugged],
    ["debug heap", traced],
  ] as const
) {
  Deno.bench(name, { group, baseline: allocator === unwatched }, () => {
    for (let i = 0; i < 1000; i++) allocator.free(allocator.malloc(BLOCK_BYTES));
  });
}

const crowded = make();
for (let i = 0; i < 10_000; i++) crowded.malloc(i % 300);
Deno.bench("memoryReport() of 10,000 blocks", () => {
  memoryReport(crowded.buffer, SLICE);
});
