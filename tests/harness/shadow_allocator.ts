/**
 * An oracle for allocators, too simple to be wrong, after the ShadowAllocator of yvt/rlsf: one byte
 * of state for each byte of the segment says whether a live block covers it. Every block it is told
 * of is filled with a pattern of its own, which must be there when the block is resized or freed.
 *
 * @module
 */

/** A block the allocator handed out and has not got back. */
interface LiveBlock {
  readonly byteLength: number;
  readonly usable: number;
  readonly pattern: number;
}

/** What a correct allocator has handed out. Its methods throw where the allocator was wrong. */
export class ShadowAllocator {
  readonly #segment: Uint8Array;
  /** 1 for each byte that a live block covers. */
  readonly #taken: Uint8Array;
  readonly #live = new Map<number, LiveBlock>();
  #patterns = 0;

  constructor(segment: SharedArrayBuffer) {
    this.#segment = new Uint8Array(segment);
    this.#taken = new Uint8Array(segment.byteLength);
  }

  /** Addresses of the live blocks, in the order they were handed out. */
  get addresses(): number[] {
    return [...this.#live.keys()];
  }

  /** Requested bytes of a live block. */
  byteLength(address: number): number {
    return this.#block(address).byteLength;
  }

  /**
   * Takes note of a block, checks it and fills it.
   *
   * @param slice first byte of the slice it must lie in, and the first one after
   */
  allocated(
    address: number,
    byteLength: number,
    usable: number,
    alignment: number,
    slice: readonly [number, number],
  ): void {
    const where = `block of ${byteLength} bytes at ${address}`;
    if (address % alignment !== 0) throw new Error(`${where} is not aligned to ${alignment}`);
    if (usable < byteLength) throw new Error(`${where} has only ${usable} bytes`);
    if (address < slice[0] || address + usable > slice[1]) {
      throw new Error(`${where} lies outside the slice ${slice.join(" to ")}`);
    }
    if (this.#live.has(address)) throw new Error(`${where} was handed out already`);
    for (let byte = address; byte < address + usable; byte++) {
      if (this.#taken[byte] === 1) throw new Error(`${where} overlaps a block at byte ${byte}`);
      this.#taken[byte] = 1;
    }
    const pattern = this.#patterns = (this.#patterns + 101) & 0xff;
    this.#live.set(address, { byteLength, usable, pattern });
    for (let i = 0; i < byteLength; i++) this.#segment[address + i] = (pattern + i) & 0xff;
  }

  /** Checks that every byte of a new block is 0; call it before `allocated()`. */
  cleared(address: number, byteLength: number): void {
    for (let i = 0; i < byteLength; i++) {
      const found = this.#segment[address + i];
      if (found !== 0) throw new Error(`byte ${i} of the cleared block at ${address} is ${found}`);
    }
  }

  /** Checks what a block holds, and that it is known; call it before the allocator frees it. */
  verify(address: number): void {
    const { byteLength, pattern } = this.#block(address);
    this.#verifyBytes(address, byteLength, pattern);
  }

  /** Forgets a block that was freed. */
  freed(address: number): void {
    const { usable } = this.#block(address);
    this.#taken.fill(0, address, address + usable);
    this.#live.delete(address);
  }

  /** Checks that `byteLength` bytes of the block at `from` were kept by its copy at `to`. */
  kept(from: number, to: number, byteLength: number): void {
    this.#verifyBytes(to, byteLength, this.#block(from).pattern);
  }

  #block(address: number): LiveBlock {
    const block = this.#live.get(address);
    if (block === undefined) throw new Error(`no block was handed out at ${address}`);
    return block;
  }

  #verifyBytes(address: number, byteLength: number, pattern: number): void {
    for (let i = 0; i < byteLength; i++) {
      const found = this.#segment[address + i];
      const expected = (pattern + i) & 0xff;
      if (found !== expected) {
        throw new Error(`byte ${i} of the block at ${address} is ${found}, not ${expected}`);
      }
    }
  }
}
