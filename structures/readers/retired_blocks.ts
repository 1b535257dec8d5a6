/**
 * Blocks that no reader can find any more, until none uses them: see reading.ts.
 *
 * The owner puts what it has unlinked into a batch. Then it makes a round: it adds to READING of every
 * endpoint, and finds who is reading. The batch is free when each of them has ended that reading, or has
 * died. Mostly nobody reads, and it is free at once.
 *
 * @module
 */
import { isReading, LIFE_WORD, READING_WORD, READINGS_MASK, ROUND_ONE } from "./readings_layout.ts";

/** So many blocks are freed in one round, which takes an atomic addition an endpoint. */
export const BATCH_BLOCKS = 64;

/** So many looks collectWithin() makes before it sleeps: readings take less than a microsecond, mostly. */
const SPINS = 100;
/** So long it sleeps at a time, in milliseconds. */
const PAUSE_MS = 0.1;

/** One life of a reader, as the owner sees it. */
export interface ReadersLife {
  /** Whether its thread has ended. */
  readonly hasEnded: boolean;
}

/** What the owner of a block does with it when nobody can read it any more. */
export interface RetiredOwner {
  /** Frees the block at `address`. */
  release(address: number): void;
}

/** A reading that was under way at the round of a batch. */
interface Blocker {
  readonly word: number;
  readonly value: number;
  readonly life: ReadersLife;
}

class Batch {
  readonly addresses: number[] = [];
  readonly owners: RetiredOwner[] = [];
  blockers: Blocker[] = [];
}

/** The retired blocks of one owner. */
export class RetiredBlocks {
  readonly #words: Int32Array;
  readonly #lines: readonly number[];
  readonly #lifeOf: (endpoint: number, epoch: number) => ReadersLife;
  readonly #waiting: Batch[] = [];
  #batch = new Batch();
  #isFreeing = false;
  /** How many blocks were released. */
  #released = 0;

  /**
   * @param words The control words of the segment.
   * @param lines Index of the line about each endpoint, by endpoint.
   * @param lifeOf Gives a life of an endpoint.
   */
  constructor(
    words: Int32Array,
    lines: readonly number[],
    lifeOf: (endpoint: number, epoch: number) => ReadersLife,
  ) {
    this.#words = words;
    this.#lines = lines;
    this.#lifeOf = lifeOf;
  }

  /** How many blocks are not free yet. */
  get count(): number {
    return this.#waiting.reduce((sum, { addresses }) => sum + addresses.length, 0) +
      this.#batch.addresses.length;
  }

  /** Addresses of the blocks that are not free yet. */
  *addresses(): Iterable<number> {
    for (const batch of this.#waiting) yield* batch.addresses;
    yield* this.#batch.addresses;
  }

  /** The block at `address`, which nobody can find from now on, is to be released by `owner`. O(1). */
  retire(address: number, owner: RetiredOwner): void {
    this.#batch.addresses.push(address);
    this.#batch.owners.push(owner);
    if (this.#batch.addresses.length >= BATCH_BLOCKS) this.collect();
  }

  /** Releases what nobody reads any more. O(endpoints + blocks released). */
  collect(): void {
    // What releases a block may retire others: they are taken with the next batch.
    if (this.#isFreeing) return;
    this.#isFreeing = true;
    try {
      while (this.#waiting.length > 0 && this.#isFree(this.#waiting[0]!)) {
        this.#release(this.#waiting.shift()!);
      }
      if (this.#batch.addresses.length === 0) return;
      const batch = this.#batch;
      this.#batch = new Batch();
      batch.blockers = this.round();
      // Earlier ones first: who blocks them blocks this one, or has ended.
      if (batch.blockers.length === 0 && this.#waiting.length === 0) this.#release(batch);
      else this.#waiting.push(batch);
    } finally {
      this.#isFreeing = false;
    }
  }

  /**
   * As collect(), but if nothing can be released, waits for a reading to end, up to `ms` milliseconds: who reads
   * may need this core. For who has no memory else.
   */
  collectWithin(ms: number): void {
    const before = this.#released;
    this.collect();
    if (this.#isFreeing) return;
    const end = performance.now() + ms;
    for (let look = 0; this.#released === before && this.#waiting.length > 0; look++) {
      const { word } = this.#waiting[0]!.blockers[0]!;
      if (look >= SPINS) {
        if (performance.now() > end) return;
        // Nobody notifies there: this is a sleep, and none if the reading has gone on.
        Atomics.wait(this.#words, word, Atomics.load(this.#words, word), PAUSE_MS);
      }
      this.collect();
    }
  }

  /** Tells every endpoint that things are gone. @returns Who reads. */
  round(): Blocker[] {
    const blockers: Blocker[] = [];
    for (let endpoint = 0; endpoint < this.#lines.length; endpoint++) {
      const line = this.#lines[endpoint]!;
      const word = line + READING_WORD;
      const value = Atomics.add(this.#words, word, ROUND_ONE);
      if (!isReading(value)) continue;
      // Written before READING became odd in that life, and the addition that read it comes before this.
      const life = this.#lifeOf(endpoint, this.#words[line + LIFE_WORD]!);
      if (!life.hasEnded) blockers.push({ word, value, life });
    }
    return blockers;
  }

  #isFree(batch: Batch): boolean {
    batch.blockers = batch.blockers.filter(({ word, value, life }) =>
      ((Atomics.load(this.#words, word) ^ value) & READINGS_MASK) === 0 && !life.hasEnded
    );
    return batch.blockers.length === 0;
  }

  #release({ addresses, owners }: Batch): void {
    this.#released += addresses.length;
    for (let i = 0; i < addresses.length; i++) owners[i]!.release(addresses[i]!);
  }
}
