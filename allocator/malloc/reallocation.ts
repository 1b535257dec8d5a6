/**
 * The part of `realloc` that is more than `malloc` or `free`: a block of any slice resized where it
 * lies, or moved to the slice of the caller.
 *
 * @module
 */
import type { Allocator } from "./allocator.ts";
import {
  blockAt,
  faultError,
  FREE_ALREADY,
  granulesFor,
  HEADER_BYTES,
  locateBlock,
  looksLive,
  RECLAIMS_WORD,
  type SliceTable,
} from "../layout/mod.ts";
import { copyWords, usableBytes } from "./payload.ts";
import type { SliceHeap } from "./slice_heap.ts";

/** Resizes blocks for one allocator, which holds the heap. */
export class Reallocation {
  readonly #allocator: Allocator;
  readonly #heap: SliceHeap;
  readonly #slices: SliceTable;
  #segmentBytes: Uint8Array | undefined;

  constructor(allocator: Allocator, heap: SliceHeap, slices: SliceTable) {
    this.#allocator = allocator;
    this.#heap = heap;
    this.#slices = slices;
  }

  /** Resizes a block to more than 0 bytes. The address it has then, 0 if there is no room. */
  resize(address: number, byteLength: number): number {
    const { sliceIndex, debugHeap } = this.#allocator;
    const heap = this.#heap;
    if (debugHeap !== undefined && this.#allocator.owner(address) === sliceIndex) {
      debugHeap["verify"](blockAt(this.#heap.words, address));
    }
    const index = this.#isOwn(address)
      ? sliceIndex
      : locateBlock("reallocate", address, this.#slices, sliceIndex);
    const { instruments } = heap;
    if (instruments !== undefined && !instruments.wants(byteLength, 8)) return heap.fail();
    const fits = byteLength <= heap.heapBytes - HEADER_BYTES;
    // A debug heap moves every block, so that who holds on to the old address is found out.
    if (index === sliceIndex && fits && debugHeap === undefined) {
      if (heap.resize(blockAt(heap.words, address), granulesFor(byteLength))) {
        if (instruments !== undefined) instruments.resized(address, byteLength);
        return address;
      }
    }
    return this.#move(address, index, byteLength);
  }

  /** Whether the address is that of a live block of this slice: what locateBlock() tells at length. */
  #isOwn(address: number): boolean {
    if (typeof address !== "number" || this.#allocator.debugHeap !== undefined) return false;
    const { words, tlsf } = this.#heap;
    const offset = address - words.byteOffset;
    // A fraction is not a multiple of 8 here, and would be one for `&`.
    return offset > 0 && offset < words.byteLength && offset % 8 === 0 &&
      looksLive(words, offset / 4 - 1, tlsf.firstBlock, tlsf.sentinel);
  }

  #move(address: number, index: number, byteLength: number): number {
    const { sliceIndex, debugHeap } = this.#allocator;
    const { words, instruments } = this.#heap;
    const reclaims = words[RECLAIMS_WORD];
    const moved = instruments === undefined
      ? this.#allocator.malloc(byteLength)
      : this.#heap.place(byteLength, 8);
    if (words[RECLAIMS_WORD] !== reclaims) this.#checkKept(address, moved);
    if (moved === 0) return this.#shrinkAtLast(address, index, byteLength);
    const usable = usableBytes(this.#slices.words(index), address);
    if (index === sliceIndex && debugHeap === undefined) {
      // Only a block that grows moves within the slice, so all of it is kept.
      copyWords(words, blockAt(words, moved) + 1, blockAt(words, address) + 1, usable >>> 2);
    } else {
      const { buffer } = this.#allocator;
      this.#segmentBytes ??= new Uint8Array(buffer, 0, buffer.byteLength);
      this.#segmentBytes.copyWithin(moved, address, address + Math.min(usable, byteLength));
    }
    this.#allocator.free(address);
    return moved;
  }

  /** Reclaimers have run since a block that is to move was looked at: theirs it must not be. */
  #checkKept(address: number, moved: number): void {
    const { sliceIndex } = this.#allocator;
    try {
      // The memory may have been handed out again, as the block that was to be moved to.
      const end = moved + this.#allocator.mallocUsableSize(moved);
      if (moved !== 0 && address >= moved && address < end) {
        throw faultError("reallocate", address, sliceIndex, FREE_ALREADY);
      }
      locateBlock("reallocate", address, this.#slices, sliceIndex);
    } catch (error) {
      this.#allocator.free(moved);
      throw error;
    }
  }

  /** A debug heap that has no room to move a block which shrinks leaves it where it is. */
  #shrinkAtLast(address: number, index: number, byteLength: number): number {
    const { sliceIndex, debugHeap } = this.#allocator;
    if (debugHeap === undefined || index !== sliceIndex) return 0;
    return debugHeap["shrink"](blockAt(this.#heap.words, address), byteLength) ? address : 0;
  }
}
