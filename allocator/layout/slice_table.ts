/**
 * Which slice of a segment holds an address. Slices need not be equal, adjacent or in order.
 *
 * @module
 */
import { MAX_SLICE_BYTES, MIN_SLICE_BYTES, SLICE_ALIGNMENT_BYTES } from "./control_layout.ts";

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

  /** The words of a slice; mapped when they are first asked for, as most pairs never meet. */
  words(index: number): Int32Array {
    let words = this.#words[index];
    if (words === undefined) {
      words = wordsOf(this.#buffer, this.spans[index]!);
      this.#words[index] = words;
    }
    return words;
  }

  /** "slices cover 4096 to 1052672", for messages. */
  describe(): string {
    return `slices cover ${this.#starts[0]} to ${this.#ends[this.#ends.length - 1]}`;
  }
}

/** Throws unless the span can be a slice of the buffer. */
export function checkSliceSpan(buffer: SharedArrayBuffer, span: SliceSpan, index?: number): void {
  // Over anything else a typed array is made too, of memory that no other thread sees.
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new TypeError("Cannot use a segment that is no SharedArrayBuffer");
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

/** The Int32 words of a slice. */
export function wordsOf(buffer: SharedArrayBuffer, span: SliceSpan): Int32Array {
  return new Int32Array(buffer, span.byteOffset, span.byteLength / Int32Array.BYTES_PER_ELEMENT);
}
