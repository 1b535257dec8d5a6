/**
 * Callbacks that give memory back under pressure, after `seastar::memory::reclaimer`: caches, above
 * all. They differ from Seastar's in two ways. Each is asked for its share, in proportion to what it
 * says it holds, where Seastar asks one after the other for everything, so that the first registered
 * loses its contents to the others' growth. And each is told the request that waits, which needs its
 * bytes in a row, not just so many bytes.
 *
 * @module
 */
import { checkLength, count, RECLAIMS_WORD } from "../layout/mod.ts";
import type { SliceHeap } from "./slice_heap.ts";

/** When a reclaimer may be called. */
export type ReclaimScope = "sync" | "async";

/** What a reclaimer is asked for. */
export interface ReclaimRequest {
  /** Bytes that this reclaimer should free: its share. */
  readonly byteLength: number;
  /** Bytes that the request which waits needs in a row; 0 if none waits and free memory is low. */
  readonly contiguousBytes: number;
  /** The alignment that the request needs. */
  readonly alignment: number;
  /**
   * `"sync"` inside an allocation that would fail otherwise: the caller may be in the midst of
   * anything. `"async"` between two turns of the owner's event loop.
   */
  readonly scope: ReclaimScope;
}

/**
 * A callback that frees blocks of this slice when memory is short. It may allocate, but a request of
 * its own that finds no room fails. What it throws, the allocation throws.
 */
export type Reclaim = (request: ReclaimRequest) => void;

/** How a reclaimer is registered. */
export interface ReclaimerOptions {
  /**
   * `"async"`, as in Seastar, unless given: called when free memory is below the low-water mark, by the
   * owner's event loop. `"sync"`: also called inside an allocation that would fail otherwise, so it
   * must be ready for that at any time.
   */
  readonly scope?: ReclaimScope;
  /**
   * Bytes that it could free. Shares are in proportion to them. A reclaimer that does not say counts
   * as the mean of those that do.
   */
  readonly heldBytes?: () => number;
}

interface Registration {
  readonly reclaim: Reclaim;
  readonly scope: ReclaimScope;
  readonly heldBytes: (() => number) | undefined;
}

/** Seastar's low-water mark, where the slice is large enough for it: 20 MB. */
const MOST_LOW_WATER_BYTES = 20_000_000;
/** Part of a smaller slice that is its low-water mark. */
const LOW_WATER_PART = 1 / 16;

/** The reclaimers of one slice, and when they are due. Each {@linkcode Allocator} has one. */
export class Reclaimers {
  readonly #heap: SliceHeap;
  readonly #registrations: Registration[] = [];
  #lowWaterBytes: number;
  /** Bytes of the last request that failed, until memory came back or reclaimers were asked for it. */
  #missedBytes = 0;
  /** Bytes of free memory below which it makes sense to ask again. */
  #exhaustedBelow = Infinity;
  #running = false;

  /** For the allocator that has the heap. */
  constructor(heap: SliceHeap) {
    this.#heap = heap;
    const part = Math.floor(heap.heapBytes * LOW_WATER_PART);
    this.#lowWaterBytes = Math.min(part, MOST_LOW_WATER_BYTES);
  }

  /** Bytes of free memory below which the slice is short of it. */
  get lowWaterBytes(): number {
    return this.#lowWaterBytes;
  }

  /** A mark that is negative or fractional is a `RangeError`. 0 means never short before a failure. */
  set lowWaterBytes(byteLength: number) {
    checkLength(byteLength, "bytes of low water");
    this.#lowWaterBytes = byteLength;
  }

  /**
   * Registers a callback that frees memory which can be had again, a cache's for one. It is called when
   * free memory is low and, if its scope is `"sync"`, before a request fails. A request for more than
   * the whole slice fails without it.
   *
   * @param reclaim frees blocks of this slice
   * @param options when it may be called, and for what share
   * @returns removes it
   * @throws {TypeError} if `reclaim` or `heldBytes` is not a function, or `scope` neither of the two
   *
   * @example
   * ```ts
   * import { Allocator } from "@tidepool/core/allocator";
   * import { assertNotEquals } from "@std/assert";
   *
   * const segment = new SharedArrayBuffer(65536);
   * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
   * const cache = Array.from({ length: 60 }, () => allocator.malloc(1000));
   * using _ = allocator.reclaimers.add(({ byteLength }) => {
   *   for (let freed = 0; freed < byteLength && cache.length > 0; freed += 1000) {
   *     allocator.free(cache.pop()!);
   *   }
   * }, { scope: "sync" });
   * assertNotEquals(allocator.malloc(20_000), 0); // the cache made room
   * ```
   */
  add(reclaim: Reclaim, options: ReclaimerOptions = {}): Disposable {
    const { scope = "async", heldBytes } = options;
    checkFunction(reclaim, "a reclaimer");
    if (heldBytes !== undefined) checkFunction(heldBytes, "heldBytes of a reclaimer");
    if (scope !== "sync" && scope !== "async") {
      throw new TypeError(
        `Cannot add a reclaimer with the scope ${String(scope)}: expected "sync" or "async"`,
      );
    }
    const registration: Registration = { reclaim, scope, heldBytes };
    this.#registrations.push(registration);
    this.#exhaustedBelow = Infinity;
    return {
      [Symbol.dispose]: () => {
        const index = this.#registrations.indexOf(registration);
        if (index !== -1) this.#registrations.splice(index, 1);
      },
    };
  }

  /**
   * Whether the slice is short: free memory is below the low-water mark, or a request has failed and
   * nothing came back since. One plain read of shared memory.
   *
   * @returns whether it is
   */
  isShort(): boolean {
    return this.#missedBytes > 0 || this.#heap.freeBytes < this.#lowWaterBytes;
  }

  /**
   * Whether {@linkcode Reclaimers.run} is due: the slice is short, and there is a reclaimer that has not
   * been asked in vain since less was in use.
   *
   * @returns whether it is
   */
  isDue(): boolean {
    return this.#registrations.length > 0 && this.isShort() &&
      this.#heap.freeBytes < this.#exhaustedBelow;
  }

  /**
   * Drains, and asks every reclaimer, of either scope, for its share of what is missing: to the
   * low-water mark, or to the request that failed last. For the owner's event loop, between two turns,
   * when {@linkcode Reclaimers.isDue}.
   *
   * @returns how many bytes more are free than before
   */
  run(): number {
    const heap = this.#heap;
    const before = heap.freeBytes;
    const contiguousBytes = this.#missedBytes;
    heap.drain();
    const missing = Math.max(this.#lowWaterBytes - heap.freeBytes, contiguousBytes);
    // Once for each failure: what reclaimers keep after that is theirs to keep.
    this.#missedBytes = 0;
    if (missing > 0 && !this.#running) {
      this.#ask(this.#registrations, missing, { contiguousBytes, alignment: 8, scope: "async" });
    }
    const freed = heap.freeBytes - before;
    // Those that gave nothing are not asked again at each turn, only when less is free than now.
    this.#exhaustedBelow = freed > 0 ? Infinity : heap.freeBytes;
    return Math.max(0, freed);
  }

  /**
   * Asks those that may be called inside an allocation for `byteLength` bytes; whether there are any.
   * @internal
   */
  private runSync(byteLength: number, contiguousBytes: number, alignment: number): boolean {
    // One of them allocates: it must make do with what there is.
    if (this.#running) return false;
    const callable = this.#registrations.filter(({ scope }) => scope === "sync");
    if (callable.length === 0) return false;
    this.#ask(callable, byteLength, { contiguousBytes, alignment, scope: "sync" });
    return true;
  }

  /**
   * A request has failed.
   * @internal
   */
  private missed(byteLength: number): void {
    this.#missedBytes = byteLength;
    this.#exhaustedBelow = Infinity;
  }

  /**
   * Memory has come back.
   * @internal
   */
  private relieved(): void {
    this.#missedBytes = 0;
  }

  #ask(
    registrations: readonly Registration[],
    byteLength: number,
    request: Omit<ReclaimRequest, "byteLength">,
  ): void {
    if (registrations.length === 0) return;
    count(this.#heap.words, RECLAIMS_WORD);
    this.#running = true;
    try {
      const asked = [...registrations]; // they may dispose of themselves, or of each other
      const held = heldBytesOf(asked);
      const total = held.reduce((sum, bytes) => sum + bytes, 0);
      asked.forEach((registration, i) => {
        if (!this.#registrations.includes(registration)) return;
        const share = total === 0 ? 0 : Math.ceil(byteLength * (held[i]! / total));
        if (share > 0) registration.reclaim({ ...request, byteLength: share });
      });
    } finally {
      this.#running = false;
    }
  }
}

/** Said when it is added: called for the first time, it would be in the midst of an allocation. */
function checkFunction(value: unknown, what: string): void {
  if (typeof value === "function") return;
  throw new TypeError(`Cannot add ${String(value)} as ${what}: expected a function`);
}

/** What each could free, by its own account. If none says, all count the same. */
function heldBytesOf(registrations: readonly Registration[]): number[] {
  const known = registrations.map(({ heldBytes }) => {
    if (heldBytes === undefined) return undefined;
    const bytes = heldBytes();
    checkLength(bytes, "bytes held by a reclaimer");
    return bytes;
  });
  const said = known.filter((bytes) => bytes !== undefined);
  const mean = said.length === 0 ? 1 : said.reduce((sum, bytes) => sum + bytes, 0) / said.length;
  return known.map((bytes) => bytes ?? mean);
}
