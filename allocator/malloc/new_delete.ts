/**
 * The C++ family over an allocator: `operator new` and `operator delete` with all their variants
 * (C++17, 16.6.3 [new.delete]), which Seastar overrides one by one. C++ tells the variants apart by
 * the types of arguments; here they are options:
 *
 * | C++                                              | here                                             |
 * | ------------------------------------------------ | ------------------------------------------------ |
 * | `operator new(n)`                                | `new(n)`                                         |
 * | `operator new(n, nothrow)`                       | `new(n, { nothrow: true })`                      |
 * | `operator new(n, align_val_t(a))`                | `new(n, { alignment: a })`                       |
 * | `operator new(n, align_val_t(a), nothrow)`       | `new(n, { alignment: a, nothrow: true })`        |
 * | `new T[count]`                                   | `newArray(count, sizeof T)`, and the same options |
 * | `operator delete(p)`                             | `delete(p)`                                      |
 * | `operator delete(p, n)` (sized, C++14)           | `delete(p, { byteLength: n })`                   |
 * | `operator delete(p, align_val_t(a))` (C++17)     | `delete(p, { alignment: a })`                    |
 * | `operator delete(p, n, align_val_t(a))`          | `delete(p, { byteLength: n, alignment: a })`     |
 * | `delete[] p`, sized, aligned                     | `deleteArray(p)`, with `count` and `elementBytes` |
 * | `operator delete(p, nothrow)`                    | `delete(p)`: no delete throws for want of memory |
 *
 * Where C++ leaves the behaviour undefined, a wrong size or alignment is reported. The header of a
 * block has its own size, not that of the request, so a wrong size is told to within the rounding of
 * sizes (15 bytes, or 1/32); a debug heap knows the request.
 *
 * @module
 */
import {
  checkAlignment,
  checkLength,
  GRANULE_BYTES,
  granulesFor,
  HEADER_BYTES,
  InvalidAddressError,
  roundedGranules,
} from "../layout/mod.ts";
import { badAlloc } from "./bad_alloc.ts";
import type { Allocator } from "./allocator.ts";
import type { BlockSource } from "./arena.ts";

/** How memory is asked for. */
export interface NewOptions {
  /** A power of two, in bytes; 8 unless given. */
  readonly alignment?: number;
  /** Whether 0 is returned where there is no room, instead of throwing. */
  readonly nothrow?: boolean;
}

/** What the caller knows of the memory it gives back. */
export interface DeleteOptions {
  /** Bytes that were asked for. */
  readonly byteLength?: number;
  /** The alignment that was asked for. */
  readonly alignment?: number;
}

/** What the caller knows of the array it gives back. */
export interface DeleteArrayOptions {
  /** Elements of the array. Given only with `elementBytes`. */
  readonly count?: number;
  /** Bytes of one element. Given only with `count`. */
  readonly elementBytes?: number;
  /** The alignment that was asked for. */
  readonly alignment?: number;
}

/**
 * `operator new` and `operator delete` of one slice. Blocks are those of the allocator's C family: what
 * one of them allocated, the other can free.
 *
 * @example
 * ```ts
 * import { Allocator, BadAllocError, NewDelete } from "@tidepool/core/allocator";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const heap = new NewDelete(allocator);
 *
 * const address = heap.newArray(10, 24, { alignment: 64 });
 * assertEquals(address % 64, 0);
 * heap.deleteArray(address, { count: 10, elementBytes: 24, alignment: 64 });
 *
 * assertThrows(() => heap.new(100_000), BadAllocError);
 * assertEquals(heap.new(100_000, { nothrow: true }), 0);
 * ```
 */
export class NewDelete<Source extends BlockSource = Allocator> {
  /** The allocator that has the memory, or the arena. */
  readonly allocator: Source;
  /** The allocator of the slice. */
  readonly #slice: Allocator;

  /** Makes the family over `allocator`, or over an arena. */
  constructor(allocator: Source) {
    this.allocator = allocator;
    this.#slice = "allocator" in allocator ? allocator.allocator : allocator;
  }

  /**
   * Allocates memory for one object.
   *
   * @param byteLength bytes wanted; 0 gives an address of its own too
   * @param options alignment, and whether to throw
   * @returns the address; 0 only with `nothrow`
   * @throws {BadAllocError} if there is no room, unless `nothrow`
   * @throws {RangeError} if the length or the alignment is not valid
   */
  new(byteLength: number, options: NewOptions = {}): number {
    const { alignment = 8, nothrow = false } = options;
    const address = alignment === 8
      ? this.allocator.malloc(byteLength)
      : this.allocator.memalign(alignment, byteLength);
    if (address === 0 && !nothrow) throw badAlloc(this.allocator, byteLength, alignment);
    return address;
  }

  /**
   * Allocates memory for an array. A product too large for any slice fails like one that finds no room.
   *
   * @param count elements; 0 gives an address of its own too
   * @param elementBytes bytes of one element
   * @param options alignment, and whether to throw
   * @returns the address; 0 only with `nothrow`
   * @throws {BadAllocError} if there is no room, unless `nothrow`
   * @throws {RangeError} if a length or the alignment is not valid
   */
  newArray(count: number, elementBytes: number, options: NewOptions = {}): number {
    checkLength(count, "elements");
    checkLength(elementBytes, "bytes");
    return this.new(Math.min(count * elementBytes, Number.MAX_SAFE_INTEGER), options);
  }

  /**
   * Frees memory that {@linkcode NewDelete.new} allocated, in any slice. A wrong size is reported to
   * within the rounding of block sizes, and exactly by a debug heap.
   *
   * @param address the memory; 0 does nothing
   * @param options what the caller knows of it
   * @throws {InvalidAddressError} if no such memory is allocated there, or what the caller knows is wrong
   * @throws {DoubleFreeError} if it was freed before
   * @throws {RangeError} if the length or the alignment given is not valid
   */
  delete(address: number, options: DeleteOptions = {}): void {
    const { byteLength, alignment = 8 } = options;
    checkAlignment(alignment);
    if (byteLength !== undefined) checkLength(byteLength, "bytes");
    const fault = address === 0 ? undefined : this.#fault(address, byteLength, alignment);
    if (fault !== undefined) {
      throw new InvalidAddressError("delete", address, this.#slice.owner(address), fault);
    }
    this.allocator.free(address);
  }

  /**
   * Frees an array that {@linkcode NewDelete.newArray} allocated, in any slice.
   *
   * @param address the array; 0 does nothing
   * @param options what the caller knows of it
   * @throws {TypeError} if only one of `count` and `elementBytes` is given
   * @throws {InvalidAddressError} if no such memory is allocated there, or what the caller knows is wrong
   * @throws {DoubleFreeError} if it was freed before
   * @throws {RangeError} if a length or the alignment given is none
   */
  deleteArray(address: number, options: DeleteArrayOptions = {}): void {
    const { count, elementBytes, alignment = 8 } = options;
    if (count === undefined && elementBytes === undefined) {
      this.delete(address, { alignment });
      return;
    }
    if (count === undefined || elementBytes === undefined) {
      const missing = count === undefined ? "count" : "elementBytes";
      throw new TypeError(
        `Cannot delete an array by half its size: ${missing} is missing beside the other`,
      );
    }
    checkLength(count, "elements");
    checkLength(elementBytes, "bytes");
    const byteLength = Math.min(count * elementBytes, Number.MAX_SAFE_INTEGER);
    this.delete(address, { byteLength, alignment });
  }

  /** Why the caller is wrong about a block, if that can be told. */
  #fault(address: number, byteLength: number | undefined, alignment: number): string | undefined {
    if (alignment > 8 && address % alignment !== 0) {
      return `it was not allocated with an alignment of ${alignment} bytes`;
    }
    if (byteLength === undefined) return undefined;
    const usable = this.allocator.mallocUsableSize(address);
    if (this.#slice.debugHeap !== undefined) {
      if (usable === byteLength) return undefined;
      return `it was allocated with ${usable} bytes, not with ${byteLength}`;
    }
    // Invariant: a block has no fewer granules than were asked for, and at most one more than those of
    // the class that was searched, as a rest too small to be a block stays with it.
    const granules = (usable + HEADER_BYTES) / GRANULE_BYTES;
    const fits = byteLength <= usable;
    if (fits && granules <= roundedGranules(granulesFor(byteLength)) + 1) return undefined;
    return `it was not allocated with ${byteLength} bytes: its block holds ${usable}`;
  }
}
