/**
 * What the allocator throws when a caller breaks a rule. Running out of memory is no error here:
 * the family returns 0.
 *
 * @module
 */

/** An address that names no live block was given where one is needed. */
export class InvalidAddressError extends RangeError {
  /** The name of the class. */
  override name = "InvalidAddressError";
  /** The address given, in bytes from the start of the segment. */
  readonly address: number;
  /** The slice that holds the address, -1 if none does. */
  readonly sliceIndex: number;
  /** What is wrong with the address, as in the message. */
  readonly reason: string;

  /** Composes the message `Cannot <operation> address <address> of slice <index> as <reason>`. */
  constructor(operation: string, address: number, sliceIndex: number, reason: string) {
    const where = sliceIndex < 0 ? "" : ` of slice ${sliceIndex}`;
    super(`Cannot ${operation} address ${address}${where} as ${reason}`);
    this.address = address;
    this.sliceIndex = sliceIndex;
    this.reason = reason;
  }
}

/** The block at the address was freed before, and its memory was not handed out again since. */
export class DoubleFreeError extends InvalidAddressError {
  /** The name of the class. */
  override name = "DoubleFreeError";
}

/** A heap contradicts itself: something wrote outside the blocks it owned. */
export class HeapCheckError extends Error {
  /** The name of the class. */
  override name = "HeapCheckError";
  /** The violated invariant, in the words of `heap_check.ts`. */
  readonly invariant: string;
  /** Where, in bytes from the start of the segment. */
  readonly address: number;

  /** Composes the message `Heap check failed at address <address>: <invariant>, but <found>`. */
  constructor(invariant: string, address: number, found: string) {
    super(`Heap check failed at address ${address}: ${invariant}, but ${found}`);
    this.invariant = invariant;
    this.address = address;
  }
}

/** What a {@linkcode BadAllocError} says of the request, and of the slice that had no room for it. */
export interface BadAllocDetails {
  /** Bytes asked for. */
  readonly byteLength: number;
  /** The alignment asked for, in bytes. */
  readonly alignment: number;
  /** Bytes that were free in the slice. */
  readonly freeBytes: number;
  /** Bytes of the largest free block, to within 1/32. */
  readonly largestFreeBytes: number;
  /** Bytes of the whole heap. */
  readonly totalBytes: number;
  /** Whether the slice could not hold so much if all of it were free. */
  readonly oversized: boolean;
}

/** Thrown where there is no room, by what cannot return 0: the C++ family, and `make()` of a type. */
export class BadAllocError extends RangeError implements BadAllocDetails {
  /** The name of the class. */
  override name = "BadAllocError";
  /** Bytes asked for. */
  readonly byteLength: number;
  /** The alignment asked for, in bytes. */
  readonly alignment: number;
  /** Bytes that were free in the slice. */
  readonly freeBytes: number;
  /** Bytes of the largest free block, to within 1/32. */
  readonly largestFreeBytes: number;
  /** Bytes of the whole heap. */
  readonly totalBytes: number;
  /** Whether the slice could not hold so much if all of it were free: to try again is no use. */
  readonly oversized: boolean;

  /** Composes the message from the details; `what` names what the memory is for. */
  constructor(details: BadAllocDetails, what = "") {
    const { byteLength, alignment, freeBytes, largestFreeBytes, totalBytes, oversized } = details;
    super(
      `Cannot allocate ${byteLength} bytes aligned to ${alignment}${what && ` for ${what}`}: ` +
        (oversized
          ? `the whole slice has ${totalBytes}`
          : `${freeBytes} bytes are free, the largest block has ${largestFreeBytes}`),
    );
    this.byteLength = byteLength;
    this.alignment = alignment;
    this.freeBytes = freeBytes;
    this.largestFreeBytes = largestFreeBytes;
    this.totalBytes = totalBytes;
    this.oversized = oversized;
  }
}

/** Throws unless `value` can be a length or a count: C's `size_t` has no other values. */
export function checkLength(value: number, unit: string): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot allocate ${String(value)} ${unit}: expected a number`);
  }
  if (!(Number.isInteger(value) && value >= 0)) {
    throw new RangeError(`Cannot allocate ${value} ${unit}: expected a whole number, 0 or more`);
  }
}
