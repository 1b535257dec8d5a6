/**
 * Allocation programs: what a contestant replays, as flat words, so that neither the text of a
 * trace nor an object per operation is part of what is timed.
 *
 * A program has three sections. Operations before `timedFrom` prepare the heap, those up to
 * `timedTo` are timed, and the rest free what the timed ones left live, so that a program can be
 * replayed on the same heap any number of times.
 *
 * @module
 */
import { FREE, readTrace, REALLOC, type Trace, TRACE_WORDS } from "../../examples/replay/trace.ts";

/** The kinds of operation; `peers/glibc_replay.c` has the same numbers. */
export { CALLOC, FREE, MALLOC, MEMALIGN, REALLOC } from "../../examples/replay/trace.ts";

/** Words of one operation: kind, block, size in bytes, alignment in bytes. */
export const OPERATION_WORDS = 4;

/** Words are signed, and so are sizes in most of the contestants. */
const LARGEST_BLOCK_BYTES = 2 ** 31 - 1;

/** Operations on blocks that are numbered from 0. */
export interface Program {
  readonly name: string;
  /** `OPERATION_WORDS` words for each operation, in shared memory: workers get it uncopied. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Block numbers run from 0 to this, exclusive. */
  readonly blocks: number;
  /** Index of the first timed operation. */
  readonly timedFrom: number;
  /** Index after the last timed operation. */
  readonly timedTo: number;
  /** The highest sum of the sizes of live blocks. */
  readonly peakLiveBytes: number;
}

/** Collects operations into a program, and refuses those that no program could have made. */
export class ProgramBuilder {
  readonly #name: string;
  readonly #words: number[] = [];
  readonly #sizes: number[] = [];
  #liveBytes = 0;
  #peakLiveBytes = 0;
  #timedFrom = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Everything added so far prepares the heap and is not timed. */
  startTiming(): void {
    this.#timedFrom = this.#words.length / OPERATION_WORDS;
  }

  /** Adds a new block's allocation. */
  allocate(kind: number, block: number, byteLength: number, alignment = 0): void {
    if (this.#isLive(block)) throw new Error(`block ${block} is allocated while it is live`);
    this.#push(kind, block, byteLength, alignment);
    this.#resize(block, 0, byteLength);
  }

  /** Adds a resize of a live block. */
  reallocate(block: number, byteLength: number): void {
    if (!this.#isLive(block)) throw new Error(`block ${block} is resized but is not live`);
    this.#push(REALLOC, block, byteLength, 0);
    this.#resize(block, this.#sizes[block]!, byteLength);
  }

  /** Adds a live block's release. */
  free(block: number): void {
    if (!this.#isLive(block)) throw new Error(`block ${block} is freed but is not live`);
    this.#push(FREE, block, 0, 0);
    this.#liveBytes -= this.#sizes[block]!;
    this.#sizes[block] = -1;
  }

  /** Ends the timed section, frees what is live, and returns the program. */
  finish(): Program {
    const timedTo = this.#words.length / OPERATION_WORDS;
    for (const [block, byteLength] of this.#sizes.entries()) {
      if (byteLength !== undefined && byteLength >= 0) this.free(block);
    }
    const words = new Int32Array(new SharedArrayBuffer(this.#words.length * 4));
    words.set(this.#words);
    return {
      name: this.#name,
      words,
      blocks: this.#sizes.length,
      timedFrom: this.#timedFrom,
      timedTo,
      peakLiveBytes: this.#peakLiveBytes,
    };
  }

  #isLive(block: number): boolean {
    return (this.#sizes[block] ?? -1) >= 0;
  }

  #push(kind: number, block: number, byteLength: number, alignment: number): void {
    // A size of 0 becomes 1 here: the contestants disagree about what 0 means, above all in realloc.
    this.#words.push(kind, block, Math.max(byteLength, kind === FREE ? 0 : 1), alignment);
  }

  #resize(block: number, from: number, to: number): void {
    this.#sizes[block] = to;
    this.#liveBytes += to - from;
    this.#peakLiveBytes = Math.max(this.#peakLiveBytes, this.#liveBytes);
  }
}

const TRACE_SUFFIX = ".trace.gz";

/** Reads every `*.trace.gz` of a folder, in the order of their names. */
export async function readTraces(folder: string): Promise<Program[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.name.endsWith(TRACE_SUFFIX)) names.push(entry.name);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      throw new Error(`Cannot read traces from ${folder}: there is no such folder`, {
        cause: error,
      });
    }
    throw error;
  }
  if (names.length === 0) {
    throw new Error(`Cannot read traces from ${folder}: it holds no file *${TRACE_SUFFIX}`);
  }
  const programs: Program[] = [];
  for (const name of names.sort()) {
    const trace = await readTrace(`${folder}/${name}`);
    programs.push(programOf(name.slice(0, -TRACE_SUFFIX.length), trace));
  }
  return programs;
}

/** A trace without its threads: every operation is replayed by one thread on one heap. */
export function programOf(name: string, trace: Trace): Program {
  const builder = new ProgramBuilder(name);
  for (let at = 0; at < trace.words.length; at += TRACE_WORDS) {
    const [kind, , block, byteLength, alignment] = trace.words.subarray(at, at + TRACE_WORDS);
    if (byteLength! > LARGEST_BLOCK_BYTES) {
      throw new RangeError(
        `Cannot replay the trace ${name}: block ${block} has ${byteLength} bytes, ` +
          `more than the ${LARGEST_BLOCK_BYTES} that every contestant can be asked for`,
      );
    }
    if (kind === FREE) builder.free(block!);
    else if (kind === REALLOC) builder.reallocate(block!, byteLength!);
    else builder.allocate(kind!, block!, byteLength!, alignment);
  }
  return builder.finish();
}
