/**
 * A segment and its slices: which of them holds an address, and views of their memory. Slices need not
 * be equal, adjacent or in order.
 *
 * @module
 */
import {
  MAGIC,
  MAGIC_WORD,
  MAX_SLICE_BYTES,
  MIN_SLICE_BYTES,
  SLICE_ALIGNMENT_BYTES,
} from "./control_layout.ts";

/** Where a slice lies in the segment. Its offset and its length are multiples of 64. */
export interface SliceSpan {
  /** First byte of the slice, from the start of the segment. */
  readonly byteOffset: number;
  /** Bytes of the slice: 1024 to 4 GiB. */
  readonly byteLength: number;
}

/** The slices of a segment, by index and by address. */
export class SliceTable {
  /** Where the slices lie, by index. */
  readonly spans: readonly SliceSpan[];
  readonly #buffer: SharedArrayBuffer;
  readonly #words: (Int32Array | undefined)[];
  readonly #starts: number[];
  readonly #ends: number[];
  readonly #indices: number[];
  #last = 0;

  constructor(buffer: SharedArrayBuffer, spans: readonly SliceSpan[]) {
    spans.forEach((span, index) => checkSliceSpan(buffer, span, index));
    const order = spans.map((_, index) => index);
    order.sort((a, b) => spans[a]!.byteOffset - spans[b]!.byteOffset);
    this.#buffer = buffer;
    this.#words = spans.map(() => undefined);
    this.spans = spans.map(({ byteOffset, byteLength }) => ({ byteOffset, byteLength }));
    this.#indices = order;
    this.#starts = order.map((index) => spans[index]!.byteOffset);
    this.#ends = order.map((index) => spans[index]!.byteOffset + spans[index]!.byteLength);
    for (let i = 1; i < order.length; i++) {
      if (this.#starts[i]! < this.#ends[i - 1]!) {
        throw new RangeError(
          `Cannot divide a segment into slices that overlap: slice ${order[i - 1]} ends at ` +
            `${this.#ends[i - 1]}, slice ${order[i]} begins at ${this.#starts[i]}`,
        );
      }
    }
  }

  /**
   * The index of the slice that holds the address, -1 if none does. Real programs free runs of
   * blocks to one owner, so the slice found last is looked at first; then a binary search.
   */
  find(address: number): number {
    const last = this.#last;
    if (address >= this.#starts[last]! && address < this.#ends[last]!) return this.#indices[last]!;
    let low = 0;
    let high = this.#starts.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      // The second comparison is so written that no slice holds NaN, which compares false.
      if (address < this.#starts[middle]!) high = middle - 1;
      else if (!(address < this.#ends[middle]!)) low = middle + 1;
      else {
        this.#last = middle;
        return this.#indices[middle]!;
      }
    }
    return -1;
  }

  /** The same for a caller whose address may be anything. */
  owner(address: number): number {
    if (typeof address !== "number") {
      throw new TypeError(`Cannot tell the owner of ${String(address)}: expected an address`);
    }
    return this.find(address);
  }

  /** A view of bytes of the segment, wherever slices lie. */
  bytes(address: number, byteLength: number): Uint8Array {
    if (typeof address !== "number" || typeof byteLength !== "number") {
      throw new TypeError(
        `Cannot view ${String(byteLength)} bytes at address ${String(address)}: expected numbers`,
      );
    }
    const isWhole = Number.isSafeInteger(address) && Number.isSafeInteger(byteLength);
    const segmentBytes = this.#buffer.byteLength;
    if (!isWhole || address < 0 || byteLength < 0 || address + byteLength > segmentBytes) {
      throw new RangeError(
        `Cannot view ${byteLength} bytes at address ${address}: ` +
          `the segment has ${segmentBytes} bytes`,
      );
    }
    return new Uint8Array(this.#buffer, address, byteLength);
  }

  /** The words of a slice; mapped when they are first asked for, as most pairs never meet. */
  words(index: number): Int32Array {
    let words = this.#words[index];
    if (words === undefined) {
      words = wordsOf(this.#buffer, this.spans[index]!);
      this.#words[index] = words;
    }
    return words;
  }

  /** From the first byte of any slice to the last, for messages. */
  get extent(): string {
    return `${this.#starts[0]} to ${this.#ends[this.#ends.length - 1]}`;
  }
}

/** Throws unless the span can be a slice of the buffer. */
function checkSliceSpan(buffer: SharedArrayBuffer, span: SliceSpan, index?: number): void {
  // Over anything else a typed array is made too, of memory that no other thread sees.
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new TypeError("Cannot use a segment that is not a SharedArrayBuffer");
  }
  const { byteOffset, byteLength } = span;
  const name = index === undefined ? "a slice" : `slice ${index}`;
  if (!isMultiple(byteOffset) || !isMultiple(byteLength)) {
    throw new RangeError(
      `Cannot place ${name} at ${String(byteOffset)} with ${String(byteLength)} bytes: ` +
        `both must be multiples of ${SLICE_ALIGNMENT_BYTES}`,
    );
  }
  if (byteLength < MIN_SLICE_BYTES || byteLength > MAX_SLICE_BYTES) {
    throw new RangeError(
      `Cannot make ${name} of ${byteLength} bytes: ` +
        `a slice has ${MIN_SLICE_BYTES} to ${MAX_SLICE_BYTES}`,
    );
  }
  if (byteOffset + byteLength > buffer.byteLength) {
    throw new RangeError(
      `Cannot place ${name} at ${byteOffset} with ${byteLength} bytes: ` +
        `the segment ends at ${buffer.byteLength}`,
    );
  }
}

function isMultiple(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value % SLICE_ALIGNMENT_BYTES === 0;
}

/**
 * The words of a slice, for those who look at it from outside of its allocator.
 *
 * @throws {RangeError} if the span is no slice of the buffer, or is not formatted
 */
export function openSlice(buffer: SharedArrayBuffer, span: SliceSpan): Int32Array {
  checkSliceSpan(buffer, span);
  const words = wordsOf(buffer, span);
  if (isFormatted(words)) return words;
  throw new RangeError(
    `Cannot read the slice at ${words.byteOffset} as it is not formatted: ` +
      `Allocator.create() has not run on it`,
  );
}

/**
 * Any thread: whether an allocator has formatted the slice. What tells a thread of the slice orders the
 * word too, which its owner writes before anything is told, so a plain read does: it is asked at each
 * free of a block that lies in another slice than the one before.
 */
export function isFormatted(words: Int32Array): boolean {
  return words[MAGIC_WORD] === MAGIC;
}

function wordsOf(buffer: SharedArrayBuffer, span: SliceSpan): Int32Array {
  return new Int32Array(buffer, span.byteOffset, span.byteLength / Int32Array.BYTES_PER_ELEMENT);
}
