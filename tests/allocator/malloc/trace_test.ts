/**
 * Whole programs through one allocator: the traces of real programs with bytes that are checked, and
 * a program of which every allocation fails once.
 */
import { assert, assertEquals } from "@std/assert";
import {
  CALLOC,
  FREE,
  MEMALIGN,
  REALLOC,
  type Trace,
  TRACE_WORDS,
} from "../../../examples/replay/trace.ts";
import { Allocator } from "../../../allocator/mod.ts";
import { withAllocationFailures } from "../../../allocator/diagnosis/mod.ts";
import { type BundledTrace, bundledTrace } from "../../harness/trace.ts";

/** Bytes at either end of a block that are written and checked; of every eighth block, all are. */
const EDGE_BYTES = 64;

/** Replays traces on one slice with a byte for each block. */
class CheckedReplay {
  readonly #heap: Allocator;
  readonly #bytes: Uint8Array;
  readonly #addresses: Float64Array;
  readonly #sizes: Float64Array;

  constructor(heap: Allocator, blocks: number) {
    this.#heap = heap;
    this.#bytes = new Uint8Array(heap.buffer);
    this.#addresses = new Float64Array(blocks);
    this.#sizes = new Float64Array(blocks);
  }

  /** Runs operations; returns the index of the first that found no room, or the end. */
  run({ words, operations }: Trace, checkEvery: number): number {
    for (let i = 0; i < operations; i++) {
      const [kind, , block, size, alignment] = words.subarray(i * TRACE_WORDS);
      if (!this.#step(kind!, block!, size!, alignment!)) return i;
      if (i % checkEvery === 0) this.#heap.checkHeap();
    }
    return operations;
  }

  /** Frees what is live. */
  finish(): void {
    this.#addresses.forEach((address, block) => {
      if (address !== 0) this.#step(FREE, block, 0, 0);
    });
    this.#heap.checkHeap();
  }

  #step(kind: number, block: number, size: number, alignment: number): boolean {
    const heap = this.#heap;
    const from = this.#addresses[block]!;
    const before = this.#sizes[block]!;
    let address = 0;
    if (kind === FREE) {
      this.#expect(block, from, before, before);
      heap.free(from);
      this.#addresses[block] = 0;
      return true;
    } else if (kind === REALLOC) {
      this.#expect(block, from, before, before);
      address = heap.realloc(from, Math.max(1, size));
    } else if (kind === CALLOC) {
      address = heap.calloc(1, size);
      if (address !== 0) {
        for (let at = address; at < address + size; at++) assert(this.#bytes[at] === 0);
      }
    } else address = kind === MEMALIGN ? heap.memalign(alignment, size) : heap.malloc(size);
    if (address === 0) return false;
    if (kind === MEMALIGN) assertEquals(address % alignment, 0);
    if (kind === REALLOC) this.#expect(block, address, Math.min(before, size), before);
    this.#addresses[block] = address;
    this.#sizes[block] = size;
    this.#fill(block, address, size);
    return true;
  }

  #fill(block: number, address: number, size: number): void {
    const edge = block % 8 === 0 ? size : Math.min(EDGE_BYTES, size);
    this.#bytes.fill(block, address, address + edge);
    this.#bytes.fill(block, address + size - edge, address + size);
  }

  /** The first `kept` bytes of a block that had `size` are what #fill() wrote. */
  #expect(block: number, address: number, kept: number, size: number): void {
    const edge = block % 8 === 0 ? size : Math.min(EDGE_BYTES, size);
    const fill = block & 0xff;
    for (let i = 0; i < Math.min(edge, kept); i++) {
      if (this.#bytes[address + i] !== fill) throw new Error(`byte ${i} of block ${block} changed`);
    }
    for (let i = size - edge; i < kept; i++) {
      if (this.#bytes[address + i] !== fill) throw new Error(`byte ${i} of block ${block} changed`);
    }
  }
}

function blocksOf({ words, operations }: Trace): number {
  let most = 0;
  for (let i = 0; i < operations; i++) most = Math.max(most, words[i * TRACE_WORDS + 2]!);
  return most + 1;
}

function open(byteLength: number): Allocator {
  return Allocator.create(new SharedArrayBuffer(byteLength), [{ byteOffset: 0, byteLength }], 0);
}

/** Slices in which the programs just fit, and the part of them that is live at the peak. */
const FITS: readonly (readonly [BundledTrace, byteLength: number, share: number])[] = [
  ["sqlite", 778_496, 0.88],
  ["jq", 8_441_024, 0.93],
  ["lua", 2_533_056, 0.7],
  ["git-pack", 48_944_128, 0.91],
];

for (const [name, byteLength, share] of FITS) {
  Deno.test(`the trace of ${name} fits in ${byteLength} bytes, and keeps every byte`, async () => {
    const trace = await bundledTrace(name);
    assert(trace.peakLiveBytes / byteLength > share);
    const heap = open(byteLength);
    const replay = new CheckedReplay(heap, blocksOf(trace));
    assertEquals(replay.run(trace, 20_000), trace.operations);
    replay.finish();
    const { liveBlocks, usedBytes, failedMallocs } = heap.statistics();
    assertEquals([liveBlocks, usedBytes, failedMallocs], [0, 0, 0]);
  });
}

Deno.test("a program survives the failure of each of its allocations, one after the other", async () => {
  const trace = await bundledTrace("sqlite");
  const short: Trace = { ...trace, operations: 600 };
  const heap = open(4 * 2 ** 20);
  const { failures } = withAllocationFailures(heap, () => {
    const replay = new CheckedReplay(heap, blocksOf(short));
    const reached = replay.run(short, Infinity);
    // A program that meets the failure gives up, and frees what it has.
    replay.finish();
    assertEquals(heap.statistics().usedBytes, 0);
    return reached;
  });
  assert(failures > 250, `${failures} allocations failed`);
  const { failedMallocs } = heap.statistics();
  assertEquals(failedMallocs, failures);
});
