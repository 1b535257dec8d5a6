/**
 * Freed blocks that are held back, the oldest first: so many bytes of them that what a program does to
 * memory it has freed is found before the memory is another's.
 *
 * @module
 */
import { GRANULE_BYTES } from "../layout/mod.ts";

/** A queue of blocks, and the bytes that they have together. */
export class Quarantine<Block extends { readonly granules: number }> {
  readonly #limitBytes: number;
  /** The oldest is at `#oldest`; those before it have left. */
  #blocks: Block[] = [];
  #oldest = 0;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes of the blocks, 0 if it has none: no block is empty. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether it has more bytes than it should, so that blocks must leave. */
  get isOver(): boolean {
    return this.#bytes > this.#limitBytes;
  }

  /** Puts a block behind the others. */
  push(block: Block): void {
    this.#blocks.push(block);
    this.#bytes += block.granules * GRANULE_BYTES;
  }

  /** Takes the block out that has been in for longest. There must be one. */
  shift(): Block {
    const block = this.#blocks[this.#oldest++]!;
    this.#bytes -= block.granules * GRANULE_BYTES;
    // Now and then only, so that a block costs the same however many there are.
    if (this.#oldest * 2 > this.#blocks.length) {
      this.#blocks = this.#blocks.slice(this.#oldest);
      this.#oldest = 0;
    }
    return block;
  }
}
