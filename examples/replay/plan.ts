/**
 * Divides a trace among shards: trace thread `t` runs on shard `t mod N`, and the shards meet only
 * where the trace makes them meet. A block that the next operation finds on another shard is *handed
 * over*: the shard that is done with it tells the next one, which waits for the block when it gets
 * there first. So the order of the operations on one block is the trace's own, and blocks that stay
 * on one shard cost no message.
 *
 * No division of a trace can deadlock. Every shard runs its own operations in trace order, and an
 * operation waits only for an earlier operation of the trace. So of all the operations that are not
 * done yet, the earliest one waits for nothing.
 *
 * @module
 */
import { FREE, MEMALIGN, REALLOC, type Trace, TRACE_WORDS } from "./trace.ts";

/** Words of one operation in a shard's program: action, block, size, alignment. */
export const PROGRAM_WORDS = 4;

/** Bits of an action word that hold the kind of the operation, as in the trace. */
export const KIND_MASK = 0b111;
/** Bit of an action word: the block comes from another shard, wait for it. */
export const WAITS = 0b1000;
/** The rest of an action word, shifted: one more than the shard that gets the block next, or 0. */
export const HAND_OVER_SHIFT = 4;

/** What each shard has to do, and what the whole needs. */
export interface Plan {
  /** The program of each shard: `PROGRAM_WORDS` words for each operation. */
  readonly programs: readonly Uint32Array<ArrayBuffer>[];
  /**
   * Where each shard stands when the most bytes of the trace are live: the words of its program that
   * lie before that moment.
   */
  readonly peakWords: readonly number[];
  /** How often a block goes from one shard to another. */
  readonly handOvers: number;
  /**
   * The most bytes that each shard's heap may hold, counting a block that another shard frees as
   * never freed: a shard may run ahead of those that free its memory.
   */
  readonly peakHeapBytes: readonly number[];
  /** Total memory, in bytes, with which the replay completes: equal slices, with some to spare. */
  readonly memoryNeeded: number;
}

const MIB = 2 ** 20;
/** A slice's share of the memory that no plan can know: fragmentation, messages, control words. */
const SPARE_FACTOR = 1.25;

/**
 * Plans the replay of `trace` over `shards` shards. Takes time in proportion to the trace.
 *
 * @param trace The trace.
 * @param shards How many shards share the work, at least 1.
 * @returns The plan.
 */
export function planReplay(trace: Trace, shards: number): Plan {
  const { words, operations } = trace;
  const programs = measurePrograms(trace, shards);
  const ends = new Uint32Array(shards);
  const lastUse = new Map<number, { shard: number; at: number }>();
  const heaps = new HeapEstimate(shards);
  let handOvers = 0;
  let peakWords: readonly number[] = [];
  for (let index = 0; index < operations; index++) {
    const from = index * TRACE_WORDS;
    const kind = words[from]!;
    const shard = words[from + 1]! % shards;
    const block = words[from + 2]!;
    const program = programs[shard]!;
    const at = ends[shard]!;
    ends[shard] = at + PROGRAM_WORDS;
    program[at] = kind;
    program[at + 1] = block;
    program[at + 2] = words[from + 3]!;
    program[at + 3] = words[from + 4]!;
    const last = lastUse.get(block);
    if (last === undefined) {
      lastUse.set(block, { shard, at });
    } else {
      if (last.shard !== shard) {
        programs[last.shard]![last.at]! |= (shard + 1) << HAND_OVER_SHIFT;
        program[at]! |= WAITS;
        handOvers++;
      }
      last.shard = shard;
      last.at = at;
      if (kind === FREE) lastUse.delete(block);
    }
    heaps.apply(kind, shard, block, words[from + 3]!, words[from + 4]!);
    if (index + 1 === trace.peakOperations) peakWords = [...ends];
  }
  const slice = Math.max(...heaps.peaks) * SPARE_FACTOR + MIB;
  return {
    programs,
    peakWords,
    handOvers,
    peakHeapBytes: heaps.peaks,
    memoryNeeded: shards * Math.ceil(slice / MIB) * MIB,
  };
}

/** An empty program of the right length for each shard. */
function measurePrograms(trace: Trace, shards: number): Uint32Array<ArrayBuffer>[] {
  const lengths = new Uint32Array(shards);
  for (let index = 0; index < trace.operations; index++) {
    lengths[trace.words[index * TRACE_WORDS + 1]! % shards]! += PROGRAM_WORDS;
  }
  return Array.from(lengths, (length) => new Uint32Array(length));
}

/** What the blocks of each shard take up, header and rounding included, at most. */
class HeapEstimate {
  readonly peaks: number[];
  readonly #used: number[];
  readonly #blocks = new Map<number, { shard: number; bytes: number }>();

  constructor(shards: number) {
    this.peaks = new Array<number>(shards).fill(0);
    this.#used = new Array<number>(shards).fill(0);
  }

  apply(kind: number, shard: number, block: number, size: number, alignment: number): void {
    const before = this.#blocks.get(block);
    // What another shard frees comes back late, perhaps not before the end: it stays counted.
    if (before !== undefined && before.shard === shard) this.#used[shard]! -= before.bytes;
    if (kind === FREE) {
      this.#blocks.delete(block);
      return;
    }
    const bytes = blockBytes(size) + (kind === MEMALIGN ? alignment : 0);
    this.#blocks.set(block, { shard, bytes });
    this.#used[shard]! += bytes;
    // A block that grows is copied, so that for a moment both are there.
    const moving = kind === REALLOC && before?.shard === shard ? before.bytes : 0;
    this.peaks[shard] = Math.max(this.peaks[shard]!, this.#used[shard]! + moving);
  }
}

/** Header, 8-byte rounding and, from 256 bytes on, the 32nd that a size class may round up by. */
function blockBytes(size: number): number {
  const bytes = Math.max(16, Math.ceil((size + 4) / 8) * 8);
  return bytes < 256 ? bytes : Math.ceil(bytes * (33 / 32));
}
