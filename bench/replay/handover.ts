/**
 * Producer and consumer on two threads, after xmalloc-test of mimalloc-bench: one mallocs batches of
 * blocks, the other frees them all, so that every free is remote. `peers/glibc_handover.c` is the same
 * for the C library.
 *
 * The threads hand batches over in pages of addresses, and wait for each other where they must:
 *
 * ```text
 *  word  content                                      writer            reader
 *  ----  -------------------------------------------  ----------------  --------
 *  0     state: EMPTY, FULL, STOP                     both (atomic)     both (atomic)
 *  1..   addresses, valid while the state is FULL     producer          consumer
 * ```
 *
 * @module
 */
import { Allocator, type SliceSpan } from "@tidepool/core/allocator";
import { makeSegment } from "../peers/tidepool_allocator.ts";
import { seededDraw } from "./patterns.ts";

/** Blocks of a batch. */
export const BATCH_BLOCKS = 1_024;
/** Batches that may be under way. */
export const PAGES = 4;

const PAGE_WORDS = 1 + BATCH_BLOCKS;
const PAGES_BYTES = 16 * 2 ** 10 * (PAGES + 1);
const SLICE_BYTES = 4 * 2 ** 20;

const EMPTY = 0;
const FULL = 1;
const STOP = 2;

/** What the consumer's worker is sent. */
export interface HandoverWork {
  readonly segment: SharedArrayBuffer;
  readonly slices: readonly SliceSpan[];
}

/** The words of a page. */
function pageOf(segment: SharedArrayBuffer, index: number): Int32Array {
  const page = index % PAGES;
  return new Int32Array(segment, page * PAGE_WORDS * Int32Array.BYTES_PER_ELEMENT, PAGE_WORDS);
}

/** The consumer: frees all that comes, until it is told to stop. Blocks its thread. */
export function consume({ segment, slices }: HandoverWork): void {
  const allocator = Allocator.create(segment, slices, 1);
  const pages = Array.from({ length: PAGES }, (_, index) => pageOf(segment, index));
  for (let batch = 0;; batch++) {
    const page = pages[batch % PAGES]!;
    Atomics.wait(page, 0, EMPTY);
    if (Atomics.load(page, 0) === STOP) return;
    for (let index = 1; index < PAGE_WORDS; index++) allocator.free(page[index]!);
    allocator.flushRemoteFrees();
    Atomics.store(page, 0, EMPTY);
    Atomics.notify(page, 0);
  }
}

/** The producer, and the worker of its consumer. */
export class Handover {
  readonly #owner: Allocator;
  readonly #pages: readonly Int32Array[];
  readonly #worker: Worker;
  readonly #sizes: number[];
  #batch = 0;

  private constructor(owner: Allocator, worker: Worker) {
    const draw = seededDraw(11);
    this.#owner = owner;
    this.#worker = worker;
    this.#pages = Array.from({ length: PAGES }, (_, index) => pageOf(owner.buffer, index));
    this.#sizes = Array.from({ length: BATCH_BLOCKS }, () => draw(16, 256));
  }

  /** Starts the consumer. */
  static async start(): Promise<Handover> {
    const slices = [PAGES_BYTES, PAGES_BYTES + SLICE_BYTES].map((byteOffset) => {
      return { byteOffset, byteLength: SLICE_BYTES };
    });
    const segment = makeSegment(PAGES_BYTES + 2 * SLICE_BYTES);
    const owner = Allocator.create(segment, slices, 0);
    const worker = new Worker(new URL("./handover_worker.ts", import.meta.url), { type: "module" });
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => reject(new Error(`The consumer failed: ${event.message}`));
    });
    worker.postMessage({ segment, slices } satisfies HandoverWork);
    return new Handover(owner, worker);
  }

  /** Nanoseconds per block, from its malloc to its way home, while both threads are at work. */
  time(batches: number): number {
    const owner = this.#owner;
    const before = performance.now();
    for (let turn = 0; turn < batches; turn++) {
      const page = this.#pages[this.#batch++ % PAGES]!;
      Atomics.wait(page, 0, FULL);
      owner.drainRemoteFrees();
      for (let index = 1; index < PAGE_WORDS; index++) {
        const address = owner.malloc(this.#sizes[index - 1]!);
        if (address === 0) throw new Error("The slice of the producer is full");
        page[index] = address;
      }
      Atomics.store(page, 0, FULL);
      Atomics.notify(page, 0);
    }
    for (const page of this.#pages) Atomics.wait(page, 0, FULL);
    owner.drainRemoteFrees();
    const ns = (performance.now() - before) * 1e6 / (batches * BATCH_BLOCKS);
    const { liveBlocks } = owner.statistics();
    if (liveBlocks !== 0) throw new Error(`${liveBlocks} blocks did not come home`);
    return ns;
  }

  /** Ends the consumer. */
  [Symbol.dispose](): void {
    for (const page of this.#pages) {
      Atomics.store(page, 0, STOP);
      Atomics.notify(page, 0);
    }
    this.#worker.terminate();
  }
}
