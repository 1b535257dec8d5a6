/**
 * The bytes that a replayed block holds: a sequence of 32-bit words that depends on the block's
 * number and on the offset inside the block. A byte that another block's owner wrote, that came
 * from a stale copy, or that was moved by a few words is therefore found.
 *
 * Blocks are 8-byte aligned, so whole words are written and compared through one `Int32Array` over
 * the segment; only the last one to three bytes go one at a time. Plain accesses suffice: a block
 * that comes from another shard came by a message, which publishes all that was written before it.
 *
 * @module
 */

/** Odd, so that multiplying by it loses no bit; 2^32 divided by the golden ratio spreads them well. */
const BLOCK_STEP = 0x9e3779b1 | 0;
/** Odd for the same reason, and unlike the step of the blocks. */
const WORD_STEP = 0x85ebca6b | 0;

/** The first wrong byte of a block. */
export interface WrongByte {
  /** Offset in the block. */
  readonly offset: number;
  readonly expected: number;
  readonly found: number;
}

/** Fills and checks blocks of one segment. */
export class BlockPattern {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
    this.#bytes = new Uint8Array(buffer, 0, buffer.byteLength);
  }

  /**
   * Writes the pattern of `block` to its bytes `start` to `end`. Bytes before `start` that share its
   * word are written once more, with what they hold already.
   *
   * @param block The block's number.
   * @param address Its address in the segment, a multiple of 4.
   * @param start Offset of the first byte.
   * @param end Offset after the last byte.
   */
  fill(block: number, address: number, start: number, end: number): void {
    const words = this.#words;
    const firstWord = start >>> 2;
    const endWord = end >>> 2;
    const base = address / 4;
    let value = (Math.imul(block + 1, BLOCK_STEP) + Math.imul(firstWord, WORD_STEP)) | 0;
    for (let word = firstWord; word < endWord; word++) {
      words[base + word] = value;
      value = (value + WORD_STEP) | 0;
    }
    for (let offset = endWord * 4; offset < end; offset++) {
      this.#bytes[address + offset] = value >>> (8 * (offset & 3));
    }
  }

  /**
   * Compares the first `byteLength` bytes of `block` with its pattern.
   *
   * @returns The first wrong byte, or undefined when all are right.
   */
  check(block: number, address: number, byteLength: number): WrongByte | undefined {
    const words = this.#words;
    const endWord = byteLength >>> 2;
    const base = address / 4;
    let value = Math.imul(block + 1, BLOCK_STEP);
    for (let word = 0; word < endWord; word++) {
      if (words[base + word] !== value) return this.#wrongByte(address, word * 4, value);
      value = (value + WORD_STEP) | 0;
    }
    for (let offset = endWord * 4; offset < byteLength; offset++) {
      const expected = (value >>> (8 * (offset & 3))) & 0xff;
      if (this.#bytes[address + offset] !== expected) {
        return { offset, expected, found: this.#bytes[address + offset]! };
      }
    }
    return undefined;
  }

  /**
   * Looks for a byte other than 0 in the first `byteLength` bytes of a block fresh from `calloc`.
   *
   * @returns The first wrong byte, or undefined when all are 0.
   */
  checkZero(address: number, byteLength: number): WrongByte | undefined {
    const words = this.#words;
    const endWord = byteLength >>> 2;
    const base = address / 4;
    for (let word = 0; word < endWord; word++) {
      if (words[base + word] !== 0) return this.#wrongByte(address, word * 4, 0);
    }
    for (let offset = endWord * 4; offset < byteLength; offset++) {
      const found = this.#bytes[address + offset]!;
      if (found !== 0) return { offset, expected: 0, found };
    }
    return undefined;
  }

  /** The first byte of the word at `offset` that differs from `value`, low byte first. */
  #wrongByte(address: number, offset: number, value: number): WrongByte {
    for (let byte = 0; byte < 4; byte++) {
      const expected = (value >>> (8 * byte)) & 0xff;
      const found = this.#bytes[address + offset + byte]!;
      if (found !== expected) return { offset: offset + byte, expected, found };
    }
    throw new Error(`The word at address ${address + offset} changed while it was checked`);
  }
}
