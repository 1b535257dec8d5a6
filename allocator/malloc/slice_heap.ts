/**
 * The blocks of one slice, as its owner sees them: TLSF, what other threads have freed, and all that
 * is tried before a request fails, in this order:
 *
 * 1. the list of remote frees is drained;
 * 2. small classes, and the quarantine of a debug heap, give back what they hold, and what was left
 *    fallow at the start of the heap is taken into use (former_life.ts);
 * 3. a bounded number of blocks is looked at that may fit though their list does not promise it;
 * 4. reclaimers are asked for the bytes wanted, then for twice as many, and so on while they free
 *    anything; memory that they free need not lie in a row at the first try.
 *
 * `Allocator` has the common case of `malloc` and `free` written out over the same parts.
 *
 * @module
 */
import * as layout from "../layout/mod.ts";
import * as control from "../layout/mod.ts";
import type { DebugHeap } from "../debug_heap/mod.ts";
import { SmallCache, type Tlsf } from "../placement/mod.ts";
import { checkLength, GRANULE_BYTES, granulesFor, roundedGranules } from "../layout/mod.ts";
import type { Instruments } from "./instruments.ts";
import { Reclaimers } from "./reclaimers.ts";
import { RemoteFreeReceiver } from "./remote_free_receiver.ts";
import { type SystemPages, Trimmer } from "./trimmer.ts";

/** The heap of one slice, for its owner. */
export class SliceHeap {
  readonly words: Int32Array;
  readonly tlsf: Tlsf;
  readonly debugHeap: DebugHeap | undefined;
  readonly reclaimers: Reclaimers;
  readonly small: SmallCache;
  readonly trimmer: Trimmer;
  /** Bytes of the whole heap. */
  readonly heapBytes: number;
  /** Those that programs can have: all but the map of starts of a debug heap. */
  readonly #mostBytes: number;
  /** Requests of up to this many bytes are seen by nobody: -1 in a debug heap, which sees all. */
  quietBytes = 0;
  /** How many blocks were resized, or tried to be: a wrapping counter. */
  resizes = 0;
  /** How many lives arenas have begun here. */
  arenaLives = 0;
  /** What watches, if anything does. */
  instruments: Instruments | undefined;
  readonly #receiver: RemoteFreeReceiver;
  readonly #sliceIndex: number;

  constructor(
    tlsf: Tlsf,
    sliceIndex: number,
    debugHeap: DebugHeap | undefined,
    pages: SystemPages | undefined,
  ) {
    this.words = tlsf.words;
    this.#sliceIndex = sliceIndex;
    this.tlsf = tlsf;
    this.debugHeap = debugHeap;
    this.heapBytes = tlsf.heapGranules * 8;
    // The map of starts lies between the fallow and the rest for good.
    const fallow = debugHeap !== undefined && tlsf.hasFallow ? this.words[tlsf.firstBlock]! : 0;
    this.#mostBytes = this.freeBytes - layout.granulesOf(fallow) * GRANULE_BYTES;
    this.reclaimers = new Reclaimers(this);
    // A debug heap keeps freed blocks for longer, and looks at each.
    this.small = new SmallCache(tlsf, debugHeap === undefined);
    this.#receiver = new RemoteFreeReceiver(tlsf, sliceIndex, debugHeap);
    this.trimmer = new Trimmer(this, pages);
  }

  /** Bytes that are free. */
  get freeBytes(): number {
    return this.heapBytes - this.words[control.USED_GRANULES_WORD]! * GRANULE_BYTES;
  }

  /** The slow path: lengths that are none, that no slice can hold, or that somebody watches. */
  malloc(byteLength: number): number {
    return this.memalign(8, byteLength);
  }

  /** The same at a multiple of `alignment`. */
  memalign(alignment: number, byteLength: number): number {
    checkLength(byteLength, "bytes");
    if (this.instruments?.wants(byteLength, alignment) === false) return this.fail();
    return this.place(byteLength, alignment);
  }

  /** The end of a malloc() that TLSF had no block for. */
  mallocAtLast(granules: number, byteLength: number): number {
    const block = this.allocateAtLast(granules, 8);
    if (block === 0) return 0;
    control.count(this.words, control.MALLOCS_WORD);
    control.add(this.words, control.REQUESTED_BYTES_WORD, byteLength);
    return layout.addressOf(this.words, block);
  }

  /**
   * Carries to the upper words of the two counters of malloc(), which has written the lower ones.
   *
   * @param requested what the lower word of the bytes requested was before
   */
  carry(requested: number): void {
    const words = this.words;
    if ((words[control.MALLOCS_WORD]! & 0x7fffffff) === 0) words[control.MALLOCS_WORD + 1]! += 1;
    const flipped = words[control.REQUESTED_BYTES_WORD]! ^ requested;
    if (flipped < 0) words[control.REQUESTED_BYTES_WORD + 1]! += 1;
  }

  /**
   * Serves a request that instruments have let through.
   *
   * @returns the address, 0 if there is no room: the failure is counted then
   */
  place(byteLength: number, alignment: number): number {
    const { words, debugHeap, instruments } = this;
    if (!this.canHold(byteLength, alignment)) {
      control.count(words, control.OVERSIZED_WORD);
      return this.fail();
    }
    const granules = granulesFor(this.#blockBytes(byteLength));
    const block = this.#find(granules, alignment) || this.allocateAtLast(granules, alignment);
    if (block === 0) return 0;
    if (debugHeap !== undefined) debugHeap["allocated"](block, byteLength);
    control.count(words, control.MALLOCS_WORD);
    control.add(words, control.REQUESTED_BYTES_WORD, byteLength);
    const address = layout.addressOf(words, block);
    if (instruments !== undefined) this.#tellOf(block, address, byteLength);
    return address;
  }

  #tellOf(block: number, address: number, byteLength: number): void {
    try {
      this.instruments!.allocated(address, byteLength);
    } catch (error) {
      this.free(block); // nobody else has its address
      throw error;
    }
  }

  /** Whether the heap could serve such a request if all of it were free. */
  canHold(byteLength: number, alignment: number): boolean {
    const blockBytes = this.#blockBytes(byteLength);
    // Beyond the heap, an alignment would not fit in the 32 bits of a size either.
    if (Math.max(blockBytes + layout.HEADER_BYTES, alignment) > this.#mostBytes) return false;
    return contiguousBytes(granulesFor(blockBytes), alignment) <= this.#mostBytes;
  }

  /** The path to failure: see above. The header of a block, or 0. */
  allocateAtLast(granules: number, alignment: number): number {
    let block = 0;
    if (this.drain() > 0) block = this.#find(granules, alignment);
    if (block === 0 && this.flush()) block = this.#find(granules, alignment);
    if (block === 0 && alignment <= 8) block = this.tlsf.allocateTight(granules);
    if (block === 0) block = this.#reclaimFor(granules, alignment);
    if (block !== 0) return block;
    this.reclaimers["missed"](granules * 8);
    return this.fail();
  }

  /** Resizes a live block where it lies, and says whether it could. */
  resize(block: number, granules: number): boolean {
    this.resizes = (this.resizes + 1) | 0;
    if (this.tlsf.resize(block, granules)) return true;
    const { words, small } = this;
    const following = layout.blockAfter(block, layout.granulesOf(words[block]!));
    // What a small class keeps is free, and in the way here.
    const isKept = (words[following]! & layout.CACHED) !== 0;
    return isKept && small.release(following) && this.tlsf.resize(block, granules);
  }

  /** Checks what the heap alone does not tell. */
  check(): void {
    if (this.debugHeap !== undefined) this.debugHeap["check"]();
    else this.small.check();
  }

  /** Has all that keeps free memory give it back, and returns whether there was any. */
  flush(): boolean {
    // Either: a debug heap has no small classes.
    const some = this.small.flush() || this.debugHeap?.flushQuarantine() === true;
    return this.#flushFallow() || some;
  }

  #flushFallow(): boolean {
    const block = this.tlsf.takeFallow();
    if (block === 0) return false;
    if (this.debugHeap === undefined) this.tlsf.release(block, this.words[block]!);
    else this.debugHeap["giveBack"](block);
    return true;
  }

  /** Counts a request that gets no memory. */
  fail(): 0 {
    control.count(this.words, control.FAILED_WORD);
    return 0;
  }

  /** Frees a block of this slice on the slow path, when somebody watches or checks, if it is live. */
  checkAndFree(block: number): void {
    this.debugHeap?.["verify"](block);
    const fault = this.freeFault(block);
    if (fault !== undefined) throw fault;
    this.free(block);
  }

  /** Why a block of this slice cannot be freed, if it cannot. */
  freeFault(block: number): Error | undefined {
    const fault = layout.blockFault(this.words, block);
    if (fault === undefined) return undefined;
    return layout.faultError("free", layout.addressOf(this.words, block), this.#sliceIndex, fault);
  }

  /** Frees a live block of this slice. */
  free(block: number): void {
    this.instruments?.freeing(layout.addressOf(this.words, block));
    if (this.debugHeap !== undefined) {
      this.debugHeap["freed"](block);
      return;
    }
    this.tlsf.release(block, this.words[block]!);
    control.count(this.words, control.FREES_WORD);
  }

  /** Frees what other threads had published, and returns how many blocks that were. */
  drain(): number {
    const drained = this.#receiver.drain(this);
    if (drained > 0) this.reclaimers["relieved"]();
    return drained;
  }

  /**
   * Whether blocks wait that others freed, exactly. If memory is short, others are told so first: who
   * publishes after this has looked wakes the owner.
   */
  hasFrees(): boolean {
    const shortage = this.reclaimers.isShort() ? 1 : 0;
    // Only the owner writes the word, so a plain read is exact. The store comes before the look at the
    // head of the list; RemoteFreeOutbox.flush() pushes there, then looks at this word.
    if (this.words[control.SHORTAGE_WORD] !== shortage) {
      Atomics.store(this.words, control.SHORTAGE_WORD, shortage);
    }
    return this.#receiver.hasFrees();
  }

  /** Bytes that a block has to hold, those of a debug heap included. */
  #blockBytes(byteLength: number): number {
    return byteLength + (this.debugHeap === undefined ? 0 : this.debugHeap.extraBytes);
  }

  /** A block of TLSF. */
  #find(granules: number, alignment: number): number {
    if (alignment <= 8) return this.tlsf.allocate(granules);
    const phase = (this.words.byteOffset % alignment) / 8;
    return this.tlsf.allocateAligned(granules, alignment / 8, phase);
  }

  #reclaimFor(granules: number, alignment: number): number {
    const contiguous = contiguousBytes(granules, alignment);
    for (let byteLength = contiguous;; byteLength *= 2) {
      const before = this.freeBytes;
      if (!this.reclaimers["runSync"](byteLength, contiguous, alignment)) return 0;
      this.drain();
      this.flush();
      let block = this.#find(granules, alignment);
      if (block === 0 && alignment <= 8) block = this.tlsf.allocateTight(granules);
      if (block !== 0 || this.freeBytes <= before) return block;
    }
  }
}

/** Bytes that must be free in a row; `Tlsf.allocateAligned()` searches for these and rounds up. */
function contiguousBytes(granules: number, alignment: number): number {
  const enough = alignment > 8 ? roundedGranules(granules + alignment / 8 + 1) : granules;
  return enough * GRANULE_BYTES;
}
