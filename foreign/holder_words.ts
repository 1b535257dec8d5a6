/**
 * Who holds each pointer that a shard has given away: words in shared memory, one a handle, in a
 * region of its own for each shard. Seastar has nothing like it: there a thread never dies alone, and
 * nobody can tell who has the pointers to whose objects.
 *
 * ```
 * byte   0  USED         owner: handles that were ever in use
 *        8  OPENED       owner, float64: handles opened
 *       16  LOST         owner, float64: pointers that came home by way of the garbage collector
 *       24  FAILED       owner, float64: destructors that threw
 *      128  HOLDER       word 0, word 1, …: bits 0-8 endpoint + 1, or 0; bits 9-31 generation
 * ```
 *
 * Invariant: the endpoint named by HOLDER answers for the pointer. A message's pointers are the
 * sender's until the receiver has taken them, by one compare-exchange; when an endpoint dies the owner
 * takes what it held, by the same. So whatever happens between two endpoints, one of them has the
 * pointer, never both. The owner alone opens and closes a handle, and writes the generation.
 *
 * The words outlive the shard: a shard that is started again goes on with the next generation, so no
 * pointer into its old life is ever taken for one into the new.
 *
 * The views are arguments and nothing here waits, so that the model checker runs this very code.
 *
 * @module
 */

/** Bytes from the region's start to USED. */
export const USED_BYTES = 0;
/** Bytes from the region's start to OPENED. */
export const OPENED_BYTES = 8;
/** Bytes from the region's start to LOST. */
export const LOST_BYTES = 16;
/** Bytes from the region's start to FAILED. */
export const FAILED_BYTES = 24;
/** Bytes from the region's start to the HOLDER of handle 0. */
export const HOLDER_BYTES = 128;

/** What `holder()` gives, and `pass()` takes, for no endpoint. */
export const NOBODY = -1;

const HOLDER_BITS = 9;
const HOLDER_MASK = 2 ** HOLDER_BITS - 1;
/** The last generation: a handle that has reached it is not used again. */
export const MAX_GENERATION: number = 2 ** (32 - HOLDER_BITS) - 1;

/** Where the region of one shard lies. */
export interface HolderRegion {
  /** Bytes from the segment's start. */
  readonly byteOffset: number;
  /** Bytes. */
  readonly byteLength: number;
}

/** The holder words of every shard, as any endpoint uses them. */
export class HolderWords {
  /** How many handles each shard has at most. */
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #figures: Float64Array;
  /** Word index of the region, by shard. */
  readonly #regions: readonly number[];

  /**
   * Takes the same memory as `words` and as `figures`, from the segment's start, and a region for each
   * shard, all of one length.
   */
  constructor(words: Int32Array, figures: Float64Array, regions: readonly HolderRegion[]) {
    this.#words = words;
    this.#figures = figures;
    this.#regions = regions.map(({ byteOffset }) => byteOffset >> 2);
    this.capacity = (regions[0]!.byteLength - HOLDER_BYTES) >> 2;
  }

  /**
   * Hands a pointer on: true if it was the endpoint `from` that held it, and now is `to`. O(1).
   * The receiver of a message calls it before it uses what the pointer names.
   */
  pass(owner: number, handle: number, generation: number, from: number, to: number): boolean {
    const held = wordOf(generation, from);
    return Atomics.compareExchange(
      this.#words,
      this.#word(owner, handle),
      held,
      wordOf(generation, to),
    ) === held;
  }

  /**
   * Whether the handle is still open. A plain look: it may lag behind the owner, who looks again when
   * a message arrives.
   */
  isOpen(owner: number, handle: number, generation: number): boolean {
    const word = this.#words[this.#word(owner, handle)]!;
    return (word >>> HOLDER_BITS) === generation && (word & HOLDER_MASK) !== 0;
  }

  /** Who holds the pointer, or NOBODY. A plain look: exact for the owner once the holder is dead or itself. */
  holder(owner: number, handle: number): number {
    return (this.#words[this.#word(owner, handle)]! & HOLDER_MASK) - 1;
  }

  /** The generation of a handle. Only the owner writes it; a plain read is exact there and for holders. */
  generation(owner: number, handle: number): number {
    return this.#words[this.#word(owner, handle)]! >>> HOLDER_BITS;
  }

  /** Opens a handle of the owner's own, held by `holder`, with the next generation, which it returns. */
  open(owner: number, handle: number, holder: number): number {
    const generation = this.generation(owner, handle) + 1;
    // The message that carries the pointer away publishes this; who reads it looks here after that.
    this.#words[this.#word(owner, handle)] = wordOf(generation, holder);
    const region = this.#regions[owner]!;
    if (handle >= this.used(owner)) this.#words[region + (USED_BYTES >> 2)] = handle + 1;
    this.#figures[(region >> 1) + (OPENED_BYTES >> 3)]!++;
    return generation;
  }

  /** Closes a handle of the owner's own. Atomic, as a dying holder may just be passing it on. */
  close(owner: number, handle: number): void {
    const generation = this.generation(owner, handle);
    Atomics.store(this.#words, this.#word(owner, handle), generation << HOLDER_BITS);
  }

  /** Handles of `owner` that were ever in use. */
  used(owner: number): number {
    return this.#words[this.#regions[owner]! + (USED_BYTES >> 2)]!;
  }

  /** Adds to LOST or FAILED of the owner's own. */
  count(owner: number, figureBytes: number): void {
    this.#figures[(this.#regions[owner]! >> 1) + (figureBytes >> 3)]!++;
  }

  /** OPENED, LOST or FAILED of `owner`. */
  figure(owner: number, figureBytes: number): number {
    return this.#figures[(this.#regions[owner]! >> 1) + (figureBytes >> 3)]!;
  }

  #word(owner: number, handle: number): number {
    return this.#regions[owner]! + (HOLDER_BYTES >> 2) + handle;
  }
}

function wordOf(generation: number, endpoint: number): number {
  return (generation << HOLDER_BITS) | (endpoint + 1);
}
