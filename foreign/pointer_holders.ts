/**
 * Who holds each pointer that a shard has given away: words in shared memory, one a handle, in a
 * region of its own for each shard, whose descriptor is shard/calls/given_away_region.ts. Seastar has
 * nothing like it: there a thread never dies alone, and nobody can tell who has the pointers to whose
 * objects.
 *
 * Invariant: the endpoint that a pointer's word names answers for it. A message's pointers are the
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

import { GivenAwayRegion } from "../shard/unstable_layers.ts";

/** What `holder()` gives, and `pass()` takes, for no endpoint. */
export const NOBODY = -1;

/** Who holds the pointers to the objects of every shard, as any endpoint sees and changes it. */
export class PointerHolders {
  /** How many handles each shard has at most. */
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #figures: Float64Array;
  readonly #regions: readonly GivenAwayRegion[];
  /** Index of the word of handle 0, by shard. */
  readonly #firstWords: readonly number[];

  /**
   * Takes the same memory as `words` and as `figures`, from the segment's start, and a region for each
   * shard, all of one length.
   */
  constructor(words: Int32Array, figures: Float64Array, regions: readonly GivenAwayRegion[]) {
    this.#words = words;
    this.#figures = figures;
    this.#regions = regions;
    this.#firstWords = regions.map(({ holdersWord }) => holdersWord);
    this.capacity = regions[0]!.capacity;
  }

  /**
   * Hands a pointer on: true if it was the endpoint `from` that held it, and now is `to`. O(1).
   * The receiver of a message calls it before it uses what the pointer names.
   */
  pass(owner: number, handle: number, generation: number, from: number, to: number): boolean {
    const held = GivenAwayRegion.wordOf(generation, from);
    return Atomics.compareExchange(
      this.#words,
      this.#firstWords[owner]! + handle,
      held,
      GivenAwayRegion.wordOf(generation, to),
    ) === held;
  }

  /**
   * Whether the handle is still open. A plain look: it may lag behind the owner, who looks again when
   * a message arrives.
   */
  isOpen(owner: number, handle: number, generation: number): boolean {
    const word = this.#wordOf(owner, handle);
    return GivenAwayRegion.generationIn(word) === generation &&
      GivenAwayRegion.holderIn(word) !== NOBODY;
  }

  /** Who holds the pointer, or NOBODY. A plain look: exact for the owner once the holder is dead or itself. */
  holder(owner: number, handle: number): number {
    return GivenAwayRegion.holderIn(this.#wordOf(owner, handle));
  }

  /** The generation of a handle. Only the owner writes it; a plain read is exact there and for holders. */
  generation(owner: number, handle: number): number {
    return GivenAwayRegion.generationIn(this.#wordOf(owner, handle));
  }

  /** Opens a handle of the owner's own, held by `holder`, with the next generation, which it returns. */
  open(owner: number, handle: number, holder: number): number {
    const generation = this.generation(owner, handle) + 1;
    // The message that carries the pointer away publishes this; who reads it looks here after that.
    this.#words[this.#firstWords[owner]! + handle] = GivenAwayRegion.wordOf(generation, holder);
    const { openedFigure, usedWord } = this.#regions[owner]!;
    if (handle >= this.#words[usedWord]!) this.#words[usedWord] = handle + 1;
    this.#figures[openedFigure]!++;
    return generation;
  }

  /** Closes a handle of the owner's own. Atomic, as a dying holder may just be passing it on. */
  close(owner: number, handle: number): void {
    const generation = this.generation(owner, handle);
    Atomics.store(
      this.#words,
      this.#firstWords[owner]! + handle,
      GivenAwayRegion.wordOf(generation, NOBODY),
    );
  }

  /** Handles of `owner` that were ever in use; none of the host, which gives no pointers away. */
  used(owner: number): number {
    const region = this.#regions[owner];
    return region === undefined ? 0 : this.#words[region.usedWord]!;
  }

  /** Counts a pointer of the owner's own that was lost to the garbage collector. */
  countLost(owner: number): void {
    this.#figures[this.#regions[owner]!.lostFigure]!++;
  }

  /** Counts a destructor of the owner's own that threw. */
  countFailed(owner: number): void {
    this.#figures[this.#regions[owner]!.failedFigure]!++;
  }

  #wordOf(owner: number, handle: number): number {
    return this.#words[this.#firstWords[owner]! + handle]!;
  }
}
