/**
 * Arenas: blocks that end together. After the heaps of mimalloc (`mi_heap_new`, `mi_heap_destroy`) and
 * `std::pmr::unsynchronized_pool_resource`, which free single blocks too, rather than Zones of V8,
 * `bumpalo` or `std::pmr::monotonic_buffer_resource`, which do not: what is made for a service that
 * lives for days must be able to go before it. Seastar has none.
 *
 * - Blocks of up to 1,024 bytes are cut from chunks in a row. One that is freed waits in its arena for
 *   the next request of its size.
 * - Larger ones, and those with an alignment of their own, get a block of the slice each, which goes
 *   back to the slice when it is freed. So does every block while an instrument or a debug heap
 *   watches: each is then seen with its size and the place that asked for it, has guards, and can be
 *   made to fail. So does what is asked for when memory is too short for a chunk.
 * - Each block has a mark in front (arena_layout.ts), by which the slice refuses to free it, and its
 *   arena knows its own from those of others, and from its own of before a reset.
 *
 * @module
 */
import * as layout from "../layout/mod.ts";
import type { Allocator } from "./allocator.ts";
import { clearWords } from "./payload.ts";
import type { SliceHeap } from "./slice_heap.ts";

/** Longer requests get a block of the slice. The largest has 129 granules: SIZE of a mark holds it. */
const SMALL_BYTES = 1024;
/** The first chunk: little for an arena that lasts as long as a request. Each next one has twice as much. */
const FIRST_CHUNK_BYTES = 2048;
/** Those of V8's Zones grow to 32 KiB, those of mimalloc have 64. */
const MOST_CHUNK_BYTES = 65_536;
/** A chunk takes no more than this part of the largest free block, so that it never fails. */
const CHUNK_PART = 4;

// Numbers in the code, as in tlsf.ts. const_enum_test.ts holds them against the descriptor.
const enum Front {
  SERIAL = 0,
  MARK = 1,
}
const enum Mark {
  LIVE = 619118597,
  GIVEN = 619118599,
}
const enum Size {
  FRONT_WORDS = 2,
  FRONT_BYTES = 8,
  SIZE_SHIFT = 3,
}

/** What hands out blocks of a slice: its allocator, or an arena of it. */
export type BlockSource = Allocator | Arena;

/** What an arena holds. */
export interface ArenaStatistics {
  /** Blocks that are not freed. */
  readonly liveBlocks: number;
  /** Bytes that they can hold. */
  readonly liveBytes: number;
  /** Bytes of the slice that the arena has taken, headers and what is free in chunks included. */
  readonly takenBytes: number;
}

/** A block of the slice for one block of the arena. */
interface OwnBlock {
  /** Address of the block of the slice. */
  readonly base: number;
  /** Bytes asked for. */
  readonly byteLength: number;
}

/**
 * Blocks of one slice that end together: those of a service, or of a request.
 * {@linkcode Allocator.arena} opens one, and whoever has it disposes of it. It takes the place of an
 * allocator in `make()` of a type and in {@linkcode NewDelete}. Any thread may read and write the blocks; only the arena can free them,
 * on the thread that owns the slice. A foreign pointer cannot own one.
 *
 * @example
 * ```ts
 * import { Allocator, f64, struct } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const Point = struct("Point", { x: f64, y: f64 });
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * {
 *   using arena = allocator.arena();
 *   for (let i = 0; i < 100; i++) Point.make(arena, { x: i });
 *   assertEquals(arena.statistics().liveBlocks, 100);
 * }
 * assertEquals(allocator.statistics().liveBlocks, 0);
 * ```
 */
export class Arena implements Disposable {
  /** The segment. */
  readonly buffer: SharedArrayBuffer;
  /** The allocator of the slice. */
  readonly allocator: Allocator;
  readonly #heap: SliceHeap;
  readonly #words: Int32Array;
  readonly #originAddress: number;
  /** Requests of up to this many bytes are cut from chunks: -1 once it is disposed of. */
  #quickBytes = SMALL_BYTES;
  /** Of this life: a reset begins another. */
  #serial = 0;
  /** Where the next block is cut from the current chunk, and its end: word indices. */
  #next = 0;
  #end = 0;
  /** Addresses of the chunks, the current one last. */
  #chunks: number[] = [];
  #chunkBytes = FIRST_CHUNK_BYTES;
  /** By granules: addresses of the blocks in chunks that were freed. */
  #freed: (number[] | undefined)[] = [];
  /** By address: blocks that have one of the slice. */
  readonly #own = new Map<number, OwnBlock>();
  #liveBlocks = 0;
  #liveBytes = 0;

  /** For the allocator that has the heap. */
  constructor(allocator: Allocator, heap: SliceHeap) {
    this.buffer = allocator.buffer;
    this.allocator = allocator;
    this.#heap = heap;
    this.#words = heap.words;
    this.#originAddress = heap.words.byteOffset;
    this.#begin();
  }

  /**
   * Allocates a block. Its bytes hold whatever was there.
   *
   * @param byteLength bytes wanted; 0 gives an address of its own too
   * @returns the address, a multiple of 8, or 0 if there is no room
   * @throws {RangeError} if `byteLength` is negative, fractional or not finite
   * @throws {ReferenceError} if the arena is disposed of; so do all that allocate
   */
  malloc(byteLength: number): number {
    const length = byteLength >>> 0;
    if (
      length !== byteLength || length > this.#quickBytes || length > this.#heap.quietBytes
    ) return this.#mallocOwn(byteLength, Size.FRONT_BYTES);
    const granules = (length + (Size.FRONT_BYTES + 7)) >>> 3;
    const freed = this.#freed[granules];
    if (freed !== undefined && freed.length > 0) return this.#reuse(freed.pop()!, granules);
    const block = this.#next;
    const next = block + granules * 2;
    if (next > this.#end) return this.#mallocInNext(byteLength);
    this.#next = next;
    const words = this.#words;
    words[block + Front.SERIAL] = this.#serial;
    words[block + Front.MARK] = Mark.LIVE | (granules << Size.SIZE_SHIFT);
    this.#liveBlocks++;
    this.#liveBytes += granules * 8 - Size.FRONT_BYTES;
    return this.#originAddress + (((block + Size.FRONT_WORDS) << 2) >>> 0);
  }

  /**
   * Allocates a block of `count * byteLength` zero bytes.
   *
   * @param count how many elements
   * @param byteLength bytes of one element
   * @returns the address, a multiple of 8, or 0 if there is no room (or the product is too large)
   * @throws {RangeError} if either is negative, fractional or not finite
   */
  calloc(count: number, byteLength: number): number {
    layout.checkLength(count, "elements");
    layout.checkLength(byteLength, "bytes");
    const length = Math.min(count * byteLength, Number.MAX_SAFE_INTEGER);
    const address = this.malloc(length);
    if (address === 0) return 0;
    const start = (address - this.#originAddress) / 4;
    // In a debug heap to the byte: what lies behind is a guard.
    if (this.allocator.debugHeap !== undefined) this.allocator.bytes(address, length).fill(0);
    else clearWords(this.#words, start, start + ((length + 3) >>> 2));
    return address;
  }

  /**
   * Allocates a block at a multiple of `alignment`. One of more than 8 costs a block of the slice, and
   * as many bytes again.
   *
   * @param alignment a power of two, in bytes; up to 8 every block has it
   * @param byteLength bytes wanted
   * @returns the address, or 0 if there is no room
   * @throws {RangeError} if the alignment is not a power of two, or `byteLength` is negative, fractional
   * or not finite
   */
  memalign(alignment: number, byteLength: number): number {
    layout.checkAlignment(alignment);
    return alignment <= 8 ? this.malloc(byteLength) : this.#mallocOwn(byteLength, alignment);
  }

  /**
   * Resizes a block of this arena, where it lies if it shrinks, else perhaps by moving it. A move does
   * not keep an alignment of more than 8.
   *
   * @param address the block; 0 allocates
   * @param byteLength bytes wanted; 0 frees the block and returns 0
   * @returns the address of the block, or 0 if there is no room: the block is then as it was
   * @throws {RangeError} if `byteLength` is negative, fractional or not finite
   * @throws {DoubleFreeError} if the block is free, or a reclaimer that made room has freed it
   * @throws {InvalidAddressError} if the address is not a block of this arena
   */
  realloc(address: number, byteLength: number): number {
    if (address === 0) return this.malloc(byteLength);
    layout.checkLength(byteLength, "bytes");
    if (byteLength === 0) {
      this.free(address);
      return 0;
    }
    const granules = this.#granulesAt("reallocate", address);
    if (granules === 0) return this.#reallocOwn(address, byteLength);
    const usable = granules * layout.GRANULE_BYTES - Size.FRONT_BYTES;
    if (byteLength > usable) return this.#move(address, usable, byteLength);
    this.#shrink(address, granules, byteLength);
    return address;
  }

  /**
   * Frees a block of this arena, for its next request of that size; a large one for the whole slice.
   *
   * @param address the block; 0 does nothing
   * @throws {DoubleFreeError} if the block is free
   * @throws {InvalidAddressError} if the address is not a block of this arena
   */
  free(address: number): void {
    if (address === 0) return;
    const granules = this.#granulesAt("free", address);
    if (granules === 0) {
      const { base, byteLength } = this.#own.get(address)!;
      this.allocator.free(base);
      this.#own.delete(address);
      this.#liveBytes -= byteLength;
    } else {
      this.#give(address, granules);
      this.#liveBytes -= granules * 8 - Size.FRONT_BYTES;
    }
    this.#liveBlocks--;
  }

  /**
   * How many bytes a block of this arena can hold: at least what was asked for.
   *
   * @param address the block; 0 has 0 bytes
   * @returns usable bytes
   * @throws {DoubleFreeError} if the block is free
   * @throws {InvalidAddressError} if the address is not a block of this arena
   */
  mallocUsableSize(address: number): number {
    if (address === 0) return 0;
    const granules = this.#granulesAt("measure", address);
    if (granules === 0) return this.#own.get(address)!.byteLength;
    return granules * layout.GRANULE_BYTES - Size.FRONT_BYTES;
  }

  /**
   * The figures of this arena.
   *
   * @returns the figures at this moment
   */
  statistics(): ArenaStatistics {
    let takenBytes = 0;
    for (const base of this.#bases()) {
      const header = this.#words[layout.blockAt(this.#words, base)]!;
      takenBytes += layout.granulesOf(header) * layout.GRANULE_BYTES;
    }
    return { liveBlocks: this.#liveBlocks, liveBytes: this.#liveBytes, takenBytes };
  }

  /**
   * Frees all blocks, and keeps the last chunk for those that follow. Addresses from before are refused.
   *
   * @throws {ReferenceError} if the arena is disposed of
   * @throws {HeapCheckError} if a debug heap finds that a block was overrun: it keeps that and its
   * neighbour, the others are freed all the same
   */
  reset(): void {
    this.#checkOpen("reset");
    const kept = this.#chunks.pop();
    this.#end = this.#next = 0;
    const bases = [...this.#bases()];
    this.#chunks = [];
    if (kept !== undefined) this.#take(kept);
    this.#begin();
    this.#freeAll(bases);
  }

  /**
   * Frees all blocks. Of what is called from then on, this alone does nothing, the rest throws.
   *
   * @throws {HeapCheckError} if a debug heap finds that a block was overrun: it keeps that and its
   * neighbour, the others are freed all the same
   */
  [Symbol.dispose](): void {
    if (this.#quickBytes < 0) return;
    this.#quickBytes = -1;
    this.#end = this.#next = 0;
    const bases = [...this.#bases()];
    this.#chunks = [];
    this.#begin();
    this.#freeAll(bases);
  }

  /** Begins a life with no blocks. */
  #begin(): void {
    this.#serial = this.#heap.arenaLives = (this.#heap.arenaLives + 1) | 0;
    this.#freed = [];
    this.#own.clear();
    this.#liveBlocks = 0;
    this.#liveBytes = 0;
  }

  /** Addresses of all blocks of the slice that it has. */
  *#bases(): Generator<number> {
    yield* this.#chunks;
    for (const { base } of this.#own.values()) yield base;
  }

  /** One that is damaged keeps none of the others. */
  #freeAll(bases: readonly number[]): void {
    const faults: unknown[] = [];
    for (const base of bases) {
      try {
        this.allocator.free(base);
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw faults[0];
  }

  #checkOpen(operation: string): void {
    if (this.#quickBytes >= 0) return;
    throw new ReferenceError(`Cannot ${operation} an arena that has been disposed of`);
  }

  /** Hands a freed block out again. */
  #reuse(address: number, granules: number): number {
    const block = this.#blockAt(address);
    this.#words[block + Front.MARK] = Mark.LIVE | (granules << Size.SIZE_SHIFT);
    this.#liveBlocks++;
    this.#liveBytes += granules * 8 - Size.FRONT_BYTES;
    return address;
  }

  /** The current chunk has no room. */
  #mallocInNext(byteLength: number): number {
    const largest = layout.largestFreeGranules(this.#words) * layout.GRANULE_BYTES;
    const chunkBytes = Math.min(this.#chunkBytes, Math.floor(largest / CHUNK_PART));
    // It would not pay, and what is asked for may be there all the same: `malloc` looks everywhere.
    if (chunkBytes < FIRST_CHUNK_BYTES) return this.#mallocOwn(byteLength, Size.FRONT_BYTES);
    const chunk = this.#mallocBase(8, chunkBytes - layout.HEADER_BYTES);
    if (chunk === 0) return 0;
    this.#take(chunk);
    this.#chunkBytes = Math.min(this.#chunkBytes * 2, MOST_CHUNK_BYTES);
    return this.malloc(byteLength);
  }

  /** Cuts blocks from a chunk from now on. */
  #take(chunk: number): void {
    const block = layout.blockAt(this.#words, chunk);
    this.#chunks.push(chunk);
    this.#next = block + 1;
    // Invariant: the address of a block of no bytes at the end is one of this chunk too.
    this.#end = layout.blockAfter(block, layout.granulesOf(this.#words[block]!)) - 1;
  }

  /** A block of the slice for a block of the arena, whose payload begins `front` bytes further on. */
  #mallocOwn(byteLength: number, front: number): number {
    layout.checkLength(byteLength, "bytes");
    const base = this.#mallocBase(front, byteLength + front);
    return base === 0 ? 0 : this.#addOwn(base, front, byteLength);
  }

  #addOwn(base: number, front: number, byteLength: number): number {
    const address = base + front;
    const block = this.#blockAt(address);
    this.#words[block + Front.SERIAL] = this.#serial;
    this.#words[block + Front.MARK] = Mark.LIVE;
    this.#own.set(address, { base, byteLength });
    this.#liveBlocks++;
    this.#liveBytes += byteLength;
    return address;
  }

  /** Asks the slice, and with it reclaimers and instruments, which may do anything meanwhile. */
  #mallocBase(alignment: number, byteLength: number): number {
    this.#checkOpen("allocate in");
    const base = this.allocator.memalign(alignment, byteLength);
    if (base === 0 || this.#quickBytes >= 0) return base;
    this.allocator.free(base);
    return this.#mallocBase(alignment, byteLength); // throws
  }

  #reallocOwn(address: number, byteLength: number): number {
    const own = this.#own.get(address)!;
    const front = address - own.base;
    if (front !== Size.FRONT_BYTES) {
      if (byteLength > own.byteLength) return this.#move(address, own.byteLength, byteLength);
      this.#own.set(address, { base: own.base, byteLength });
    } else {
      // It checks that a reclaimer has not freed the block meanwhile.
      const base = this.allocator.realloc(own.base, byteLength + front);
      if (base === 0) return 0;
      this.#own.delete(address);
      this.#own.set(base + front, { base, byteLength });
      address = base + front;
    }
    this.#liveBytes += byteLength - own.byteLength;
    return address;
  }

  #move(address: number, usable: number, byteLength: number): number {
    const moved = this.malloc(byteLength);
    if (moved === 0) return 0;
    try {
      // Reclaimers may have freed it, and its memory may be that which it was to move to.
      this.#granulesAt("reallocate", address);
      if (moved === address) throw this.#fault("reallocate", address, layout.FREE_ALREADY);
    } catch (error) {
      this.free(moved);
      throw error;
    }
    this.allocator.bytes(moved, usable).set(this.allocator.bytes(address, usable));
    this.free(address);
    return moved;
  }

  /** Gives the rest of a block in a chunk back, if it is enough for a block. */
  #shrink(address: number, granules: number, byteLength: number): void {
    const kept = (byteLength + (Size.FRONT_BYTES + 7)) >>> 3;
    const rest = granules - kept;
    if (rest < layout.SMALLEST_BLOCK_GRANULES) return;
    this.#words[this.#blockAt(address) + Front.MARK] = Mark.LIVE | (kept << Size.SIZE_SHIFT);
    const behind = address + kept * layout.GRANULE_BYTES;
    this.#words[this.#blockAt(behind) + Front.SERIAL] = this.#serial;
    this.#give(behind, rest);
    this.#liveBytes -= rest * layout.GRANULE_BYTES;
  }

  /** Keeps a block in a chunk for the next request of its size. */
  #give(address: number, granules: number): void {
    this.#words[this.#blockAt(address) + Front.MARK] = Mark.GIVEN | (granules << Size.SIZE_SHIFT);
    (this.#freed[granules] ??= []).push(address);
  }

  /** The front of what would be a block of an arena. Not a whole number if none can begin there. */
  #blockAt(address: number): number {
    return (address - this.#originAddress) / 4 - Size.FRONT_WORDS;
  }

  /** Granules of a live block of this arena, 0 if it has one of the slice. Throws for any other. */
  #granulesAt(operation: string, address: number): number {
    const words = this.#words;
    const block = typeof address === "number" ? this.#blockAt(address) : -1;
    const mark = words[block + Front.MARK]!;
    if (words[block + Front.SERIAL] === this.#serial) {
      const state = layout.arenaStateOf(mark);
      const granules = layout.arenaGranulesOf(mark);
      if (state === Mark.LIVE && (granules !== 0 || this.#own.has(address))) return granules;
      // The memory of a block of the slice that went back to it may still have its mark.
      if (state === Mark.LIVE || state === Mark.GIVEN) {
        throw this.#fault(operation, address, layout.FREE_ALREADY);
      }
    }
    throw this.#strange(operation, address);
  }

  /** Why an address is not that of a block of this arena. */
  #strange(operation: string, address: number): Error {
    if (typeof address !== "number") {
      return new TypeError(`Cannot ${operation} address ${String(address)}: expected a number`);
    }
    let reason = "it is not a block of this arena";
    if (this.#quickBytes < 0) reason = "its arena has been disposed of";
    else if (this.#wasOwn(address)) reason = layout.FREE_ALREADY;
    return this.#fault(operation, address, reason);
  }

  /** Whether the address may be that of a block which had one of the slice: that one is free, then. */
  #wasOwn(address: number): boolean {
    const words = this.#words;
    const block = layout.blockAt(words, address - Size.FRONT_BYTES);
    const first = layout.firstBlockOf(words.length);
    if ((block & 1) !== 1 || block < first || block >= layout.sentinelOf(words.length)) {
      return false;
    }
    const isLive = layout.blockFault(words, layout.blockAt(words, address)) === undefined;
    return !isLive && layout.blockFault(words, block) === layout.FREE_ALREADY;
  }

  #fault(operation: string, address: number, reason: string): Error {
    return layout.faultError(operation, address, this.allocator.owner(address), reason);
  }
}
