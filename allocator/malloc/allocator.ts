/**
 * The malloc family over one slice of a segment: TLSF for the owner's own blocks, the list of remote
 * frees for those of other slices, and the checks that are always on.
 *
 * Semantics are C's (C17 7.22.3, with the choices of glibc where the standard leaves one), and the
 * way a free finds its owner is Seastar's (`src/core/memory.cc`, `free_cross_cpu`). What C cannot
 * express, a fractional length for one, is an error here.
 *
 * @module
 */
import * as layout from "../layout/mod.ts";
import { type AllocatorOptions, debugHeapOptionsOf } from "./allocator_options.ts";
import { Arena } from "./arena.ts";
import { DebugHeap } from "../debug_heap/mod.ts";
import * as memory from "../memory/mod.ts";
import { checkHeap, formatHeap, type SmallCache, Tlsf } from "../placement/mod.ts";
import { type Instrument, Instruments } from "./instruments.ts";
import { clearWords, usableBytes } from "./payload.ts";
import { Reallocation } from "./reallocation.ts";
import type { Reclaimers } from "./reclaimers.ts";
import { RemoteFreeSender } from "./remote_free_sender.ts";
import { SliceHeap } from "./slice_heap.ts";
import { registerOwner } from "./slice_owners.ts";
import { allocateText, type TextBlock } from "./text_block.ts";
import type { Trimmer } from "./trimmer.ts";

// Numbers in the code, as in tlsf.ts, so that the engine inlines malloc() and free() into their
// callers: that saves a quarter of the time. const_enum_test.ts holds them against the descriptors.
const enum Flag {
  FREE = 1,
  PREVIOUS_FREE = 2,
  CACHED = 4,
  NOT_LIVE = FREE | CACHED,
}
const enum Word {
  USED_GRANULES = 2,
  PEAK_GRANULES = 3,
  MALLOCS = 4,
  FREES = 6,
  REQUESTED_BYTES = 18,
}
const enum Small {
  SMALL_GRANULES = 127,
  CLASS_SHIFT = 4,
  TENDED_MALLOCS = 64,
}

/** Longer requests take the slow path, on which the counter of bytes passes 2^31 twice. */
const QUICK_BYTES = layout.MOST_IN_A_STEP;

/**
 * The allocator of one slice. Each thread has one, over the slice it owns, and frees any block
 * through it: its own at once, those of other slices by way of their owners.
 *
 * An address is a byte offset from the start of the segment; 0 is null. Payloads are 8-byte aligned.
 * `malloc`, `free` and the rest take constant time, but for clearing or copying the bytes they have to.
 *
 * @example
 * ```ts
 * import { Allocator } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const address = allocator.malloc(100);
 * allocator.bytes(address, 100).fill(7);
 * assertEquals(allocator.statistics().liveBlocks, 1);
 * allocator.free(address);
 * assertEquals(allocator.statistics().liveBlocks, 0);
 * ```
 */
export class Allocator {
  /** The segment. */
  readonly buffer: SharedArrayBuffer;
  /** The slice that this allocator owns. */
  readonly sliceIndex: number;
  /** Where that slice lies in the segment. */
  readonly slice: layout.SliceSpan;
  /** The debug heap, if the allocator was made with one: leaks, and the quarantine. */
  readonly debugHeap: DebugHeap | undefined;
  /** Callbacks that give memory back when it is short. */
  readonly reclaimers: Reclaimers;
  /**
   * Blocks of other slices on their way to their owners.
   *
   * @experimental **UNSTABLE**: New API, yet to be vetted.
   */
  readonly remoteFrees: RemoteFreeSender;
  readonly #tlsf: Tlsf;
  // Numbers from the start: a field that was undefined first may hold anything, as far as the engine
  // knows, and it looks at each use what it has loaded.
  /** The address of the payload that a block at word 0 would have. */
  readonly #originAddress: number = 0;
  /** Address of the first block's payload, and the low 32 bits of it. */
  readonly #firstAddress: number = 0;
  readonly #firstAddressBits: number = 0;
  /** Requests of up to this many bytes are placed at once: less than the heap while watched. */
  #quickBytes = 0;
  /** Addresses below this offset from the first are freed at once: 0 while frees are watched. */
  #quickFreeBytes = 0;
  readonly #slices: layout.SliceTable;
  readonly #heap: SliceHeap;
  readonly #small: SmallCache;
  readonly #reallocation: Reallocation;
  readonly #arrays: memory.SegmentArrays;

  private constructor(
    buffer: SharedArrayBuffer,
    slices: layout.SliceTable,
    index: number,
    options: AllocatorOptions,
  ) {
    this.buffer = buffer;
    this.sliceIndex = index;
    this.slice = slices.spans[index]!;
    this.#slices = slices;
    const words = slices.words(index);
    formatHeap(words);
    this.#tlsf = new Tlsf(words);
    this.#originAddress = layout.addressOf(words, 0);
    this.#firstAddress = layout.addressOf(words, this.#tlsf.firstBlock);
    this.#firstAddressBits = this.#firstAddress | 0;
    const debugHeap = debugHeapOptionsOf(options);
    if (debugHeap !== undefined) this.debugHeap = new DebugHeap(this.#tlsf, index, debugHeap);
    this.remoteFrees = new RemoteFreeSender(slices, index);
    this.#heap = new SliceHeap(this.#tlsf, index, this.debugHeap, options.pages);
    this.#updateLimits({ quietBytes: Infinity, seesFrees: false });
    this.#small = this.#heap.small;
    this.#reallocation = new Reallocation(this, this.#heap, slices);
    this.reclaimers = this.#heap.reclaimers;
    this.#arrays = memory.arraysOver(buffer);
    registerOwner(this);
    if (options.lowWaterBytes !== undefined) this.reclaimers.lowWaterBytes = options.lowWaterBytes;
  }

  /**
   * Formats a slice and returns the allocator of its owner. Call it once for a slice, on the thread
   * that will own it. What the slice held is lost: memory that a former owner has handed out is cleared,
   * in 0.2 s a GiB, so that addresses in it pass for those of no block. No other thread may free such an
   * address meanwhile (`remoteFrees.retire()`). A new segment costs nothing, and is not touched.
   *
   * @param buffer the segment
   * @param slices where the slices of the segment lie; they must not overlap
   * @param index which of them to format and own
   * @param options what to check beyond what is always checked
   * @returns the allocator
   * @throws {RangeError} if a slice does not fit, overlaps another, or `index` names none
   * @throws {TypeError} if `buffer` is not a SharedArrayBuffer, or `debugHeap` neither true, false nor
   * options
   */
  static create(
    buffer: SharedArrayBuffer,
    slices: readonly layout.SliceSpan[],
    index: number,
    options: AllocatorOptions = {},
  ): Allocator {
    const table = new layout.SliceTable(buffer, slices);
    if (table.spans[index] === undefined) {
      throw new RangeError(
        `Cannot own slice ${String(index)}: the segment has slices 0 to ${slices.length - 1}`,
      );
    }
    return new Allocator(buffer, table, index, options);
  }

  /**
   * Allocates a block in this slice. Its bytes hold whatever was there.
   *
   * @param byteLength bytes wanted; 0 gives an address of its own too
   * @returns the address, a multiple of 8, or 0 if there is no room
   * @throws {RangeError} if `byteLength` is negative, fractional or not finite
   * @throws {InvalidAddressError} if it had to drain what others freed, as
   * {@linkcode Allocator.drainRemoteFrees} throws; so do all that allocate, and the next call goes on
   */
  malloc(byteLength: number): number {
    const length = byteLength >>> 0;
    // A length past 2^32, or no whole number at all, differs from its low 32 bits.
    if (length !== byteLength || length > this.#quickBytes) return this.#heap.malloc(byteLength);
    const granules = length < 5 ? 2 : (length + 11) >>> 3;
    const tlsf = this.#tlsf;
    const words = tlsf.words;
    const small = this.#small;
    const states = small.states;
    let smallClass: number = Small.SMALL_GRANULES;
    // As roundedGranules(): of the small sizes it rounds up the odd ones from 64 on.
    if (granules < smallClass) smallClass = (granules + (granules >>> 6)) & ~(granules >>> 6);
    const left = states[smallClass]! - 1;
    let block = 0;
    if (left >= 0) {
      states[smallClass] = left;
      block = small.blocks[(smallClass << Small.CLASS_SHIFT) + left]!;
      const header = words[block]!;
      if (((header ^ (smallClass << 3)) & ~Flag.PREVIOUS_FREE) !== Flag.CACHED) {
        throw small.overwritten(block);
      }
      words[block] = header ^ Flag.CACHED;
      const used = words[Word.USED_GRANULES]! + smallClass;
      words[Word.USED_GRANULES] = used;
      if (used > words[Word.PEAK_GRANULES]!) words[Word.PEAK_GRANULES] = used;
    } else {
      if ((words[Word.MALLOCS]! & (Small.TENDED_MALLOCS - 1)) === 0) small.tend();
      block = tlsf.allocate(granules);
      if (block === 0) return this.#heap.mallocAtLast(granules, length);
    }
    const mallocs = (words[Word.MALLOCS]! + 1) | 0;
    words[Word.MALLOCS] = mallocs;
    const before = words[Word.REQUESTED_BYTES]!;
    const requested = (before + length) | 0;
    words[Word.REQUESTED_BYTES] = requested;
    if ((requested ^ before) < 0 || (mallocs & 0x7fffffff) === 0) this.#heap.carry(before);
    return this.#originAddress + ((block << 2) >>> 0);
  }

  /**
   * Frees a block of any slice. One of this slice is free at once. One of another slice is gathered
   * with others for its owner, and published with them when they are 32, or by
   * {@linkcode Allocator.flushRemoteFrees}.
   *
   * @param address the block; 0 does nothing
   * @throws {DoubleFreeError} if the block is free
   * @throws {InvalidAddressError} if the address can be that of no live block
   */
  free(address: number): void {
    // An address out of an array of doubles is an integer sooner by this than by a subtraction.
    const offset = ((address >>> 0) - this.#firstAddressBits) >>> 0;
    if (
      this.#firstAddress + offset !== address || offset >= this.#quickFreeBytes ||
      (offset & 7) !== 0
    ) {
      this.#freeSlowly(address);
      return;
    }
    const tlsf = this.#tlsf;
    const words = tlsf.words;
    const block = tlsf.firstBlock + (offset >>> 2);
    // What looksLive() asks of a block, without its bounds. A call of it costs a malloc and a free 21
    // to 38 %; that of the layout's hasFreeNeighbour() alone 4 to 7 %. Measured as tlsf.ts says.
    const header = words[block]!;
    const granules = header >>> 3;
    const end = block + granules * 2;
    if (
      (header & Flag.NOT_LIVE) !== 0 || granules < 2 || end > tlsf.sentinel ||
      (words[end]! & Flag.PREVIOUS_FREE) !== 0 ||
      ((header & Flag.PREVIOUS_FREE) !== 0 && !hasFreeNeighbour(words, block, tlsf.firstBlock))
    ) {
      throw this.#heap.freeFault(block)!;
    }
    const small = this.#small;
    const states = small.states;
    const state = states[granules < Small.SMALL_GRANULES ? granules : Small.SMALL_GRANULES]!;
    // Open, and not full: from 0 to 15.
    if ((state & -(1 << Small.CLASS_SHIFT)) === 0) {
      states[granules] = state + 1;
      small.blocks[(granules << Small.CLASS_SHIFT) + state] = block;
      words[block] = header | Flag.CACHED;
      words[Word.USED_GRANULES] = words[Word.USED_GRANULES]! - granules;
    } else if (state < 0) {
      tlsf.release(block, header);
    } else {
      small.free(block, header);
    }
    const frees = (words[Word.FREES]! + 1) | 0;
    words[Word.FREES] = frees;
    if ((frees & 0x7fffffff) === 0) words[Word.FREES + 1] = words[Word.FREES + 1]! + 1;
  }

  /**
   * Allocates a block of `count * byteLength` zero bytes in this slice.
   *
   * @param count how many elements
   * @param byteLength bytes of one element
   * @returns the address, a multiple of 8, or 0 if there is no room (or the product is too large)
   * @throws {RangeError} if either is negative, fractional or not finite
   */
  calloc(count: number, byteLength: number): number {
    layout.checkLength(count, "elements");
    layout.checkLength(byteLength, "bytes");
    const length = count * byteLength;
    const address = this.malloc(Number.isSafeInteger(length) ? length : Number.MAX_SAFE_INTEGER);
    if (address === 0) return 0;
    const { words } = this.#tlsf;
    // A whole number to the engine, which what blockAt() returns is not.
    const start = (address - words.byteOffset) / 4;
    // In a debug heap to the byte: what lies behind is a guard.
    if (this.debugHeap !== undefined) this.bytes(address, length).fill(0);
    else clearWords(words, start, start + ((length + 3) >>> 2));
    return address;
  }

  /**
   * Resizes a block, in place where it shrinks or where the block to its right is free and large
   * enough, else by moving it. A block of another slice moves to this one. What a `memalign` asked
   * for beyond 8 bytes is not kept by a move, as in C.
   *
   * @param address the block; 0 allocates
   * @param byteLength bytes wanted; 0 frees the block and returns 0
   * @returns the address of the block, a multiple of 8, or 0 if there is no room: the block is then
   * as it was
   * @throws {RangeError} if `byteLength` is negative, fractional or not finite
   * @throws {DoubleFreeError} if the block is free, or a reclaimer that made room has freed it
   * @throws {InvalidAddressError} if the address can be that of no live block
   */
  realloc(address: number, byteLength: number): number {
    if (address === 0) return this.malloc(byteLength);
    layout.checkLength(byteLength, "bytes");
    if (byteLength === 0) {
      this.free(address);
      return 0;
    }
    return this.#reallocation.resize(address, byteLength);
  }

  /**
   * Allocates a block in this slice at a multiple of `alignment`. The gap that alignment costs stays
   * free memory; the slice must have `byteLength + alignment` bytes free in a row at the time.
   *
   * @param alignment a power of two, in bytes; up to 8 every block has it
   * @param byteLength bytes wanted
   * @returns the address, or 0 if there is no room
   * @throws {RangeError} if the alignment is not a power of two, or `byteLength` is negative, fractional
   * or not finite
   */
  memalign(alignment: number, byteLength: number): number {
    layout.checkAlignment(alignment);
    if (alignment <= 8) return this.malloc(byteLength);
    return this.#heap.memalign(alignment, byteLength);
  }

  /**
   * The same as {@linkcode Allocator.memalign}. As in C since 2017 the length need not be a multiple of
   * the alignment.
   *
   * @param alignment a power of two, in bytes
   * @param byteLength bytes wanted
   * @returns the address, or 0 if there is no room
   * @throws {RangeError} if the alignment is not a power of two, or `byteLength` is negative, fractional
   * or not finite
   */
  alignedAlloc(alignment: number, byteLength: number): number {
    return this.memalign(alignment, byteLength);
  }

  /**
   * The same as {@linkcode Allocator.memalign}, but that it refuses alignments below that of an address,
   * as POSIX does. There the result goes through a pointer and the error code is returned; here the
   * address is, 0 stands for `ENOMEM`, and `EINVAL` is thrown.
   *
   * @param alignment a power of two, 8 or more, in bytes
   * @param byteLength bytes wanted
   * @returns the address, or 0 if there is no room
   * @throws {RangeError} if the alignment is not one of these, or `byteLength` is negative, fractional or
   * not finite
   */
  posixMemalign(alignment: number, byteLength: number): number {
    layout.checkAlignment(alignment);
    if (alignment < 8) {
      throw new RangeError(`Cannot align to ${alignment} bytes: POSIX asks for 8 or more`);
    }
    return this.memalign(alignment, byteLength);
  }

  /**
   * Opens an arena in this slice: blocks that end together. See {@linkcode Arena}.
   *
   * @returns the arena; whoever has it disposes of it
   */
  arena(): Arena {
    return new Arena(this, this.#heap);
  }

  /**
   * Merges what other threads freed, and what small classes or the quarantine of a debug heap keep, and
   * gives whole pages inside free blocks of 256 KiB and more back to the system. On a shard that takes
   * `--allow-ffi` and Linux; without either, memory stays in the slice. Pages read 0 from then on, and
   * are taken again as they are written, in some 3 µs each. A second free of a block that lay in them is an
   * `InvalidAddressError`. C's `pad` is left out: a heap has no top here. Takes time in proportion to
   * what there is to merge, and 0.1 ms a MiB.
   *
   * @returns how many bytes the system had held memory for, and has back; 0 if none
   */
  mallocTrim(): number {
    this.#heap.drain();
    this.#small.flush();
    this.debugHeap?.flushQuarantine();
    return this.#heap.trimmer.trim();
  }

  /**
   * Gives back what has been free for a while.
   * @internal
   */
  private get trimmer(): Trimmer {
    return this.#heap.trimmer;
  }

  /**
   * How many bytes the block can hold: at least what was asked for.
   *
   * @param address a block of any slice; 0 has 0 bytes
   * @returns usable bytes
   * @throws {DoubleFreeError} if the block is free
   * @throws {InvalidAddressError} if the address can be that of no live block
   */
  mallocUsableSize(address: number): number {
    if (address === 0) return 0;
    const index = layout.locateBlock("measure", address, this.#slices, this.sliceIndex);
    return usableBytes(this.#slices.words(index), address);
  }

  /**
   * Whether the slice could serve a request if all of it were free. One that it cannot hold fails at
   * once, and is counted in `oversizedMallocs` of the statistics.
   *
   * @param byteLength bytes wanted
   * @param alignment a power of two, in bytes
   * @returns whether it could
   * @throws {RangeError} if the alignment is not a power of two, or `byteLength` is negative, fractional
   * or not finite
   */
  canHold(byteLength: number, alignment = 8): boolean {
    layout.checkLength(byteLength, "bytes");
    layout.checkAlignment(alignment);
    return this.#heap.canHold(byteLength, alignment);
  }

  /**
   * Which slice an address lies in.
   *
   * @param address bytes from the start of the segment
   * @returns the index of the slice, -1 if none holds the address
   * @throws {TypeError} if the address is not a number
   */
  owner(address: number): number {
    return this.#slices.owner(address);
  }

  /**
   * A view of bytes of the segment, of any slice. It stays what it is when the block is freed: a view
   * kept too long reads and writes what the memory is used for next.
   *
   * @param address first byte, from the start of the segment
   * @param byteLength how many
   * @returns the view
   * @throws {RangeError} if the bytes are not all in the segment
   * @throws {TypeError} if either is not a number
   */
  bytes(address: number, byteLength: number): Uint8Array {
    return this.#slices.bytes(address, byteLength);
  }

  /**
   * The text that bytes of the segment, of any slice, hold as UTF-8. What is not UTF-8 reads as U+FFFD.
   * As quick as a `TextDecoder` is on bytes of this thread's own, which on shared ones is 1 µs slower.
   *
   * @param address first byte, from the start of the segment
   * @param byteLength how many
   * @returns the text; NUL and a byte order mark are characters like any other
   * @throws {RangeError} if the bytes are not all in the segment
   * @throws {TypeError} if either is not a number
   *
   * @example
   * ```ts
   * import { Allocator } from "@tidepool/core/allocator";
   * import { assertEquals } from "@std/assert";
   *
   * const segment = new SharedArrayBuffer(65536);
   * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
   * const { address, byteLength } = allocator.allocateText("naïve");
   * // On any thread that has been told where it lies:
   * assertEquals(allocator.readText(address, byteLength), "naïve");
   * allocator.free(address);
   * ```
   */
  readText(address: number, byteLength: number): string {
    memory.checkSpan(this.#arrays, "read", address, byteLength);
    return memory.readText(this.#arrays, address, byteLength);
  }

  /**
   * Writes text as UTF-8 to bytes of the segment. Half a surrogate pair becomes U+FFFD.
   *
   * @param address first byte, from the start of the segment
   * @param byteLength how many the text may take
   * @param text the text
   * @returns how many it took
   * @throws {RangeError} if it takes more: its beginning is written then; or if the bytes are not all in
   * the segment
   * @throws {TypeError} if an argument is of the wrong kind
   */
  writeText(address: number, byteLength: number, text: string): number {
    memory.checkText("write", text);
    const written = memory.writeText(this.#arrays, address, byteLength, text);
    if (written < 0) throw memory.roomError(address, byteLength, text);
    return written;
  }

  /**
   * Allocates a block in this slice with text in it, as UTF-8. Half a surrogate pair becomes U+FFFD.
   *
   * @param text the text
   * @returns where it lies; the address is 0 if there is no room
   * @throws {TypeError} if `text` is not a string
   * @see {@linkcode Allocator.readText}, whose arguments these are
   */
  allocateText(text: string): TextBlock {
    memory.checkText("allocate", text);
    return allocateText(this, this.#arrays, text);
  }

  /**
   * Publishes every block of another slice that was freed here and not published yet. Call it at the
   * end of each turn, before the thread sleeps, and before it stops.
   */
  flushRemoteFrees(): void {
    this.remoteFrees.flush();
  }

  /**
   * Frees the blocks of this slice that other threads had published when it began. Call it often: it
   * looks with a plain read, and costs next to nothing when there are none.
   *
   * @returns how many blocks were freed
   * @throws {DoubleFreeError} if a block was freed twice: blocks queued behind it, up to its first
   * free, may then be lost, and stay among the live blocks of the statistics
   * @throws {InvalidAddressError} if a queued block or its link was overwritten; the blocks behind
   * are freed by the next call where the link can be trusted
   */
  drainRemoteFrees(): number {
    return this.#heap.drain();
  }

  /**
   * Whether blocks that other threads freed wait for {@linkcode Allocator.drainRemoteFrees}. Unlike
   * that method it misses nothing that was published before: ask it last before going to sleep. It
   * also tells other threads whether this one is short of memory, so that they wake it.
   *
   * @returns whether there is anything to drain
   */
  hasRemoteFrees(): boolean {
    return this.#heap.hasFrees();
  }

  /**
   * Has `instrument` told of the operations that it wants to see, until what is returned is disposed
   * of. What nobody wants to see costs no more than before.
   *
   * @param instrument what watches
   * @returns removes the instrument
   *
   * @experimental **UNSTABLE**: New API, yet to be vetted.
   */
  watch(instrument: Instrument): Disposable {
    this.#heap.instruments ??= new Instruments((instruments) => this.#updateLimits(instruments));
    return this.#heap.instruments.add(instrument);
  }

  /** `liveBlocks` of the statistics, quickly: two plain reads, for the thread that owns the slice. */
  get liveBlocks(): number {
    const { words } = this.#tlsf;
    return (words[Word.MALLOCS]! - words[Word.FREES]!) | 0;
  }

  /** `usedBytes` of the statistics, quickly: one plain read. */
  get usedBytes(): number {
    return this.#tlsf.words[Word.USED_GRANULES]! * layout.GRANULE_BYTES;
  }

  /**
   * The figures of this slice.
   *
   * @returns the figures at this moment
   */
  statistics(): layout.MemoryStatistics {
    return layout.readMemoryStatistics(this.buffer, this.slice);
  }

  /**
   * Walks this slice and checks every invariant of its heap. Takes time in proportion to the blocks.
   *
   * @throws {HeapCheckError} naming the first invariant that does not hold, and the address
   */
  checkHeap(): void {
    checkHeap(this.buffer, this.slice);
    this.#heap.check();
  }

  #updateLimits({ quietBytes, seesFrees }: Pick<Instruments, "quietBytes" | "seesFrees">): void {
    // A debug heap sees everything.
    const heapBytes = this.debugHeap === undefined ? this.#heap.heapBytes : 0;
    this.#quickBytes = Math.min(quietBytes, QUICK_BYTES, heapBytes - layout.HEADER_BYTES);
    this.#heap.quietBytes = this.debugHeap === undefined ? Math.min(quietBytes, QUICK_BYTES) : -1;
    this.#quickFreeBytes = seesFrees ? 0 : heapBytes;
  }

  /** The slow path: null, blocks of other slices, watched, and what is no address. */
  #freeSlowly(address: number): void {
    // A string of digits would be subtracted from as well.
    const offset = typeof address === "number" ? address - this.#firstAddress : -1;
    const isOwn = offset >= 0 && offset < this.#heap.heapBytes && offset % 8 === 0;
    if (isOwn) this.#heap.checkAndFree(this.#tlsf.firstBlock + offset / 4);
    else if (address !== 0) this.remoteFrees.free(address);
  }
}

/** As hasFreeNeighbour() of the layout, for free(). */
function hasFreeNeighbour(words: Int32Array, block: number, firstBlock: number): boolean {
  const left = words[block - 1]!;
  const header = words[left]!;
  return left >= firstBlock && (header & Flag.FREE) !== 0 && left + (header >>> 3) * 2 === block;
}
