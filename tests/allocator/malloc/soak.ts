/**
 * The soak of Seastar's allocator (`tests/unit/allocator_test.cc`): random allocations and frees with
 * exponentially distributed sizes, every byte of a block checked when it is freed or moved. Beyond
 * Seastar's it resizes, aligns, frees from another slice, and checks the heap. The test suite runs it
 * for a moment; `deno task soak` runs it for as long as one likes.
 */
import { assert, assertEquals } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import type { SeededRandom } from "../../harness/seeded_random.ts";

/** How the soak is set up. */
export interface SoakOptions {
  /** Bytes of each of the two slices. */
  readonly sliceBytes: number;
  /** The mean size of a block, in bytes. */
  readonly meanBytes: number;
  /** The largest block, in bytes. */
  readonly mostBytes: number;
  /** Live blocks are kept around this number: fewer are made, more are freed. */
  readonly blocks: number;
  /** Operations between two checks of the whole heap. */
  readonly checkEvery: number;
  /** Whether the slices have debug heaps. */
  readonly debugHeap: boolean;
}

interface Block {
  readonly address: number;
  readonly byteLength: number;
  readonly fill: number;
}

/** One soak over two slices. */
export class Soak {
  /** Operations so far. */
  operations = 0;
  /** Requests that found no room. */
  failures = 0;
  readonly #random: SeededRandom;
  readonly #options: SoakOptions;
  readonly #heaps: readonly [Allocator, Allocator];
  readonly #bytes: Uint8Array;
  readonly #blocks: Block[] = [];

  constructor(random: SeededRandom, options: SoakOptions) {
    const { sliceBytes, debugHeap } = options;
    const segment = new SharedArrayBuffer(2 * sliceBytes);
    const slices = [0, 1].map((index) => {
      return { byteOffset: index * sliceBytes, byteLength: sliceBytes };
    });
    this.#random = random;
    this.#options = options;
    this.#heaps = [
      Allocator.create(segment, slices, 0, { debugHeap }),
      Allocator.create(segment, slices, 1, { debugHeap }),
    ];
    this.#bytes = new Uint8Array(segment);
  }

  /** Runs some operations. */
  run(operations: number): void {
    const random = this.#random;
    for (let i = 0; i < operations; i++) {
      const heap = this.#heaps[random.below(2)]!;
      const action = random.below(100);
      const full = this.#blocks.length >= 2 * this.#options.blocks;
      if (this.#blocks.length === 0 || (action < 48 && !full)) this.#allocate(heap);
      else if (action < 90 || full) this.#free(heap);
      else this.#reallocate(heap);
      if (action === 99) heap.flushRemoteFrees();
      if (action === 98) heap.drainRemoteFrees();
      this.operations++;
      if (this.operations % this.#options.checkEvery === 0) this.#check();
    }
  }

  /** Frees all there is; the heaps must then be whole again. */
  finish(): void {
    while (this.#blocks.length > 0) this.#free(this.#heaps[this.#random.below(2)]!);
    for (const heap of this.#heaps) heap.flushRemoteFrees();
    for (const heap of this.#heaps) heap.drainRemoteFrees();
    this.#check();
    for (const heap of this.#heaps) {
      heap.mallocTrim();
      const { liveBlocks, usedBytes, freeBytes, largestFreeBytes } = heap.statistics();
      assertEquals(liveBlocks, 0);
      if (heap.debugHeap === undefined) assertEquals([usedBytes, freeBytes], [0, largestFreeBytes]);
    }
  }

  /** Exponentially distributed, as in Seastar: most are small, some are a thousand times the mean. */
  #size(): number {
    const { meanBytes, mostBytes } = this.#options;
    const uniform = (this.#random.next() + 1) / 0x1_0000_0001;
    const scale = meanBytes * 10 ** this.#random.below(3) / 10;
    return Math.min(mostBytes, Math.floor(-Math.log(uniform) * scale));
  }

  #allocate(heap: Allocator): void {
    const byteLength = this.#size();
    const kind = this.#random.below(4);
    const alignment = kind === 3 ? 2 ** this.#random.below(21) : 8;
    const address = kind < 2
      ? heap.malloc(byteLength)
      : kind === 2
      ? heap.calloc(1, byteLength)
      : heap.memalign(alignment, byteLength);
    if (address === 0) {
      this.failures++;
      return;
    }
    assertEquals(address % Math.max(8, alignment), 0);
    if (kind === 2) this.#expect({ address, byteLength, fill: 0 }, byteLength);
    this.#keep(address, byteLength);
  }

  #free(heap: Allocator): void {
    const block = this.#take();
    this.#expect(block, block.byteLength);
    heap.free(block.address);
  }

  #reallocate(heap: Allocator): void {
    const block = this.#take();
    const byteLength = Math.max(1, this.#size());
    const address = heap.realloc(block.address, byteLength);
    if (address === 0) {
      this.failures++;
      this.#expect(block, block.byteLength);
      this.#blocks.push(block);
      return;
    }
    this.#expect({ ...block, address }, Math.min(block.byteLength, byteLength));
    this.#keep(address, byteLength);
  }

  #keep(address: number, byteLength: number): void {
    const fill = this.#random.below(256);
    this.#bytes.fill(fill, address, address + byteLength);
    this.#blocks.push({ address, byteLength, fill });
  }

  #take(): Block {
    const index = this.#random.below(this.#blocks.length);
    const block = this.#blocks[index]!;
    this.#blocks[index] = this.#blocks[this.#blocks.length - 1]!;
    this.#blocks.pop();
    return block;
  }

  #expect({ address, fill }: Block, byteLength: number): void {
    const end = address + byteLength;
    // A loop rather than every(): the bytes looked at are most of what a soak does.
    for (let at = address; at < end; at++) {
      if (this.#bytes[at] !== fill) {
        assertEquals(this.#bytes[at], fill, `byte ${at - address} of ${byteLength} at ${address}`);
      }
    }
  }

  #check(): void {
    for (const heap of this.#heaps) heap.checkHeap();
    const waiting = this.#heaps.map((heap) => heap.statistics().liveBlocks);
    assert(waiting[0]! + waiting[1]! >= this.#blocks.length, "a live block is not counted");
  }
}
