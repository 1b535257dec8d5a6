/**
 * What a caller without types may pass: every public function with every kind of value that it does
 * not take. Each call must throw, at once and with a text that names the value, and leave the heap as
 * it was. (`-0` is 0, and whole numbers too large for any slice are requests that fail.)
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Allocator, NewDelete, readMemoryStatistics } from "../../../allocator/mod.ts";
import {
  FailureInjection,
  HeapProfile,
  LargeAllocationWarning,
  memoryReport,
  walkHeap,
  withAllocationFailures,
} from "../../../allocator/diagnosis/mod.ts";

const SLICE = { byteOffset: 0, byteLength: 65536 };
const OTHER = { byteOffset: 65536, byteLength: 65536 };

function make(): Allocator {
  return Allocator.create(new SharedArrayBuffer(131072), [SLICE, OTHER], 0);
}

// The values below have no type that the functions take, which is the point of them.
// deno-lint-ignore no-explicit-any
type Anything = any;

const NO_NUMBERS: readonly Anything[] = [
  "64",
  "",
  {},
  [],
  [64],
  12n,
  true,
  null,
  Symbol("size"),
  () => 64,
  { valueOf: () => 64 },
  new Date(64),
];
const NO_LENGTHS: readonly number[] = [NaN, -1, 1.5, Infinity, -Infinity, -(2 ** 53)];

interface Call {
  readonly name: string;
  /** `block` is a live one of 100 bytes. */
  readonly run: (heap: Allocator, value: Anything, block: number) => unknown;
}

/** Calls with a length, a count or an alignment; none of these values is one. */
const LENGTHS: readonly Call[] = [
  { name: "malloc", run: (heap, value) => heap.malloc(value) },
  { name: "calloc, count", run: (heap, value) => heap.calloc(value, 8) },
  { name: "calloc, bytes", run: (heap, value) => heap.calloc(0, value) },
  { name: "realloc of null", run: (heap, value) => heap.realloc(0, value) },
  { name: "realloc", run: (heap, value, block) => heap.realloc(block, value) },
  { name: "memalign, alignment", run: (heap, value) => heap.memalign(value, 8) },
  { name: "memalign, bytes", run: (heap, value) => heap.memalign(64, value) },
  { name: "alignedAlloc, alignment", run: (heap, value) => heap.alignedAlloc(value, 8) },
  { name: "alignedAlloc, bytes", run: (heap, value) => heap.alignedAlloc(8, value) },
  { name: "posixMemalign, alignment", run: (heap, value) => heap.posixMemalign(value, 8) },
  { name: "posixMemalign, bytes", run: (heap, value) => heap.posixMemalign(64, value) },
  { name: "canHold, bytes", run: (heap, value) => heap.canHold(value) },
  { name: "canHold, alignment", run: (heap, value) => heap.canHold(8, value) },
  { name: "bytes, length", run: (heap, value, block) => heap.bytes(block, value) },
  { name: "new", run: (heap, value) => new NewDelete(heap).new(value) },
  {
    name: "new, alignment",
    run: (heap, value) => new NewDelete(heap).new(8, { alignment: value }),
  },
  { name: "newArray, count", run: (heap, value) => new NewDelete(heap).newArray(value, 8) },
  { name: "newArray, bytes", run: (heap, value) => new NewDelete(heap).newArray(0, value) },
  {
    name: "delete, bytes",
    run: (heap, value, block) => new NewDelete(heap).delete(block, { byteLength: value }),
  },
  {
    name: "delete, alignment",
    run: (heap, value, block) => new NewDelete(heap).delete(block, { alignment: value }),
  },
  {
    name: "deleteArray, count",
    run: (heap, value, block) => {
      new NewDelete(heap).deleteArray(block, { count: value, elementBytes: 1 });
    },
  },
  {
    name: "lowWaterBytes",
    run: (heap, value) => heap.reclaimers.lowWaterBytes = value,
  },
  {
    name: "create, lowWaterBytes",
    run: (heap, value) => Allocator.create(heap.buffer, [OTHER], 0, { lowWaterBytes: value }),
  },
  {
    name: "create, byteOffset",
    run: (heap, value) => Allocator.create(heap.buffer, [{ ...OTHER, byteOffset: value }], 0),
  },
  {
    name: "create, byteLength",
    run: (heap, value) => Allocator.create(heap.buffer, [{ ...OTHER, byteLength: value }], 0),
  },
  { name: "create, index", run: (heap, value) => Allocator.create(heap.buffer, [OTHER], value) },
  { name: "retire", run: (heap, value) => heap.remoteFrees.retire(value) },
  { name: "restore", run: (heap, value) => heap.remoteFrees.restore(value) },
  {
    name: "failAfter",
    run: (heap, value) => new FailureInjection(heap).failAfter(value === Infinity ? -1 : value),
  },
  {
    name: "maxRuns",
    run: (heap, value) => withAllocationFailures(heap, () => 0, { maxRuns: value ?? "null" }),
  },
  {
    name: "sampleBytes",
    run: (heap, value) => new HeapProfile(heap, { sampleBytes: value ?? "null" }),
  },
  { name: "maxSites", run: (heap, value) => new HeapProfile(heap, { maxSites: value ?? "null" }) },
  {
    name: "thresholdBytes",
    run: (heap, value) =>
      new LargeAllocationWarning(heap, { thresholdBytes: value, report: () => {} }),
  },
];

/** Calls with an address. */
const ADDRESSES: readonly Call[] = [
  { name: "free", run: (heap, value) => heap.free(value) },
  { name: "realloc, address", run: (heap, value) => heap.realloc(value, 8) },
  { name: "realloc to 0, address", run: (heap, value) => heap.realloc(value, 0) },
  { name: "mallocUsableSize", run: (heap, value) => heap.mallocUsableSize(value) },
  { name: "bytes, address", run: (heap, value) => heap.bytes(value, 8) },
  { name: "remoteFrees.free", run: (heap, value) => heap.remoteFrees.free(value) },
  { name: "delete", run: (heap, value) => new NewDelete(heap).delete(value) },
  { name: "deleteArray", run: (heap, value) => new NewDelete(heap).deleteArray(value) },
  // The owner of -1 is told, and is none.
  {
    name: "owner",
    run: (heap, value) => heap.owner(typeof value === "number" ? `${value}` : value),
  },
];

function shown(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

for (const { name, run } of [...LENGTHS, ...ADDRESSES]) {
  Deno.test(`${name} refuses what is not a number, and numbers that it does not take`, () => {
    const heap = make();
    const block = heap.malloc(100);
    heap.bytes(block, 100).fill(7);
    const before = heap.statistics();
    for (const value of [...NO_NUMBERS, ...NO_LENGTHS]) {
      const error = assertThrows<Error>(() => run(heap, value, block), Error, "", shown(value));
      assert(error instanceof TypeError || error instanceof RangeError, `${error.name}`);
      // V8 refuses to calculate with these before any test of ours can, and says so.
      const byEngine = /^Cannot (mix BigInt|convert a Symbol)/.test(error.message);
      if (!byEngine) assert(error.message.includes(String(value)), `${name}: ${error.message}`);
      assertEquals(heap.statistics(), before, `${name} of ${shown(value)}`);
    }
    heap.checkHeap();
    assert(heap.bytes(block, 100).every((byte) => byte === 7));
  });
}

Deno.test("what is not a function and no options is refused when it is given, not when it is used", () => {
  const heap = make();
  for (const value of NO_NUMBERS.filter((each) => typeof each !== "function")) {
    const options = { thresholdBytes: 8, report: value };
    const calls: [() => unknown, string][] = [
      [() => heap.reclaimers.add(value), `Cannot add ${String(value)} as a reclaimer`],
      [
        () => heap.reclaimers.add(() => {}, { heldBytes: value }),
        `Cannot add ${String(value)} as heldBytes of a reclaimer`,
      ],
      [
        () => heap.reclaimers.add(() => {}, { scope: value }),
        `Cannot add a reclaimer with the scope ${String(value)}`,
      ],
      [() => new LargeAllocationWarning(heap, options), `Cannot report to ${String(value)}`],
    ];
    for (const [call, text] of calls) assertThrows(call, TypeError, text);
    if (typeof value === "object" && value !== null) {
      assertThrows(() => heap.watch(value), TypeError, "Cannot watch with quietBytes of undefined");
      continue;
    }
    assertThrows(() => heap.watch(value), TypeError, `Cannot watch with ${String(value)}`);
    if (value === true) continue;
    assertThrows(
      () => Allocator.create(heap.buffer, [OTHER], 0, { debugHeap: value }),
      TypeError,
      `Cannot make a debug heap of ${String(value)}`,
    );
  }
  // An instrument without a limit would make the allocator forget its own.
  const noLimit: Anything = { quietBytes: NaN, seesFrees: false };
  assertThrows(() => heap.watch(noLimit), TypeError, "Cannot watch with quietBytes of NaN");
  assertEquals(heap.malloc(2 ** 32 - 1), 0);
  heap.checkHeap();
});

Deno.test("what is no segment is refused: a typed array over it would be of memory of its own", () => {
  for (const value of [...NO_NUMBERS, 65536, new ArrayBuffer(65536), new Uint8Array(65536)]) {
    const calls: (() => unknown)[] = [
      () => Allocator.create(value, [SLICE], 0),
      () => readMemoryStatistics(value, SLICE),
      () => memoryReport(value, SLICE),
      () => [...walkHeap(value, SLICE)],
    ];
    for (const call of calls) {
      assertThrows(call, TypeError, "Cannot use a segment that is not a SharedArrayBuffer");
    }
  }
});
