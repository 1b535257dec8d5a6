/**
 * A seqlock as a program writes it: a version that is odd while the values are being written, and readers that
 * look at it before and after. By JavaScript's memory model nothing keeps the plain reads before the second
 * look, so that a reader may see half a write; on x86-64 none does.
 *
 * @module
 */

const VALUES = 4;
/** Bytes of a seqlock: the version, and the values on a line of their own. */
export const SEQLOCK_BYTES = 128;

/** Four numbers that one thread writes and others read. */
export class HandSeqlock {
  readonly #words: Int32Array;
  readonly #values: Float64Array;

  /** Over bytes that are 0 at first. */
  constructor(buffer: SharedArrayBuffer, byteOffset: number) {
    this.#words = new Int32Array(buffer, byteOffset, 1);
    this.#values = new Float64Array(buffer, byteOffset + SEQLOCK_BYTES / 2, VALUES);
  }

  /** Makes all of them `value`. */
  write(value: number): void {
    Atomics.add(this.#words, 0, 1);
    for (let i = 0; i < VALUES; i++) this.#values[i] = value;
    Atomics.add(this.#words, 0, 1);
  }

  /** Their sum. */
  sum(): number {
    for (;;) {
      const version = Atomics.load(this.#words, 0);
      if ((version & 1) === 1) continue;
      const values = this.#values;
      const sum = values[0]! + values[1]! + values[2]! + values[3]!;
      if (Atomics.load(this.#words, 0) === version) return sum;
    }
  }
}
