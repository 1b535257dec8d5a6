/**
 * What a free costs on the shard that owns the block, and on one that does not.
 *
 * Both sides run on this thread, one after the other, so the figure is the work of a remote free
 * (chaining, publishing, draining, freeing) without the cache misses of two cores.
 *
 * @module
 */
import { Allocator } from "@tidepool/core/allocator";
import { makeSegment } from "../peers/tidepool_allocator.ts";
import { seededDraw } from "./patterns.ts";

const BATCH_BLOCKS = 1_024;
const PAGE_BYTES = 4_096;
const SLICE_BYTES = 4 * 2 ** 20;

/** Two allocators in one segment: one mallocs, and either of them frees. */
export class RemoteFreeBench {
  readonly #owner: Allocator;
  readonly #other: Allocator;
  readonly #addresses = new Float64Array(BATCH_BLOCKS);
  readonly #sizes: number[] = [];

  constructor() {
    const slices = [PAGE_BYTES, PAGE_BYTES + SLICE_BYTES].map((byteOffset) => {
      return { byteOffset, byteLength: SLICE_BYTES };
    });
    const segment = makeSegment(PAGE_BYTES + 2 * SLICE_BYTES);
    this.#owner = Allocator.create(segment, slices, 0);
    this.#other = Allocator.create(segment, slices, 1);
    const draw = seededDraw(7);
    for (let index = 0; index < BATCH_BLOCKS; index++) this.#sizes.push(draw(16, 256));
  }

  /** Nanoseconds per block freed by its owner, over `batches` batches. */
  timeLocal(batches: number): number {
    return this.#time(batches, () => {
      for (let index = 0; index < BATCH_BLOCKS; index++) this.#owner.free(this.#addresses[index]!);
    });
  }

  /** Nanoseconds per block freed by the other side, until the owner has it back. */
  timeRemote(batches: number): number {
    return this.#time(batches, () => {
      for (let index = 0; index < BATCH_BLOCKS; index++) this.#other.free(this.#addresses[index]!);
      this.#other.flushRemoteFrees();
      const drained = this.#owner.drainRemoteFrees();
      if (drained !== BATCH_BLOCKS) {
        throw new Error(`The owner drained ${drained} blocks, expected ${BATCH_BLOCKS}`);
      }
    });
  }

  #time(batches: number, freeAll: () => void): number {
    let timedMs = 0;
    for (let batch = 0; batch < batches; batch++) {
      for (let index = 0; index < BATCH_BLOCKS; index++) {
        const address = this.#owner.malloc(this.#sizes[index]!);
        if (address === 0) throw new Error("The slice of the remote-free bench is full");
        this.#addresses[index] = address;
      }
      const before = performance.now();
      freeAll();
      timedMs += performance.now() - before;
    }
    return timedMs * 1e6 / (batches * BATCH_BLOCKS);
  }
}
