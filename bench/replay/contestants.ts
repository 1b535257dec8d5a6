/**
 * Starts whoever replays programs: Tidepool, and what a user would pick instead.
 *
 * A peer that cannot be started (no compiler, a package that does not load) is an absentee with a
 * reason, and the comparison goes on without it. Without Tidepool there is nothing to compare, so
 * that failure is thrown.
 *
 * @module
 */
import { reasonOf } from "../comparison.ts";
import { TIDEPOOL } from "../report.ts";
import { compileAssemblyScriptTlsf } from "../peers/assemblyscript_tlsf.ts";
import { GlibcReplayer } from "../peers/glibc_malloc.ts";
import { compileWasmTlsf } from "../peers/wasm_tlsf.ts";
import { PAIRS_BESIDE_10K_LIVE } from "./patterns.ts";
import type { Program } from "./program.ts";
import { ReplayHost } from "./replay_host.ts";
import type { ReplayContestant } from "./replay_worker.ts";

export const ASSEMBLYSCRIPT = "AssemblyScript TLSF";
export const THING = "@thi.ng/malloc";
export const ARRAYS = "new Uint8Array(n)";
export const GLIBC = "glibc malloc";
export const NATIVE_TLSF = "TLSF in C";
export const WASM_TLSF = "TLSF in C, as WebAssembly";

/** The amount of work that stands behind one sample. */
export interface Effort {
  /** A sample repeats the replay until its timed sections add up to this. */
  readonly sampleMs: number;
  /** A replay that takes longer is given up. */
  readonly budgetMs: number;
  /** Part of the patterns' usual number of operations. */
  readonly patternShare: number;
  /** Readings of each single operation. */
  readonly latencyReplays: number;
  /** Batches of remote and local frees in a sample. */
  readonly freeBatches: number;
}

/** What a contestant can do; times are nanoseconds per operation. */
export interface Contestant {
  readonly name: string;
  /** Replays on a warm heap. */
  time(program: Program): Promise<number>;
  /** One replay on memory that nobody has touched, or why that is not measured. */
  readonly timeFresh: ((program: Program) => Promise<number>) | string;
  /** Fewest bytes that suffice, or most bytes held from the system, or why that is not measured. */
  readonly space: ((program: Program) => Promise<number>) | string;
  /** Blocks that another thread frees, in so many batches, or why that is not measured. */
  readonly handOver: ((batches: number) => Promise<number>) | string;
}

const ONE_THREAD = "a block cannot be freed by another thread than its own";
const ONE_SIZE = "not measured: it has a heap of one size, for its time alone";
const ONLY_WARM = "not measured: only its warm figure is compared";

/** A contestant that could not be started. */
export interface Absentee {
  readonly name: string;
  readonly reason: string;
}

/** Everyone who was asked, until disposed. */
export class Contestants {
  readonly present: Contestant[] = [];
  readonly absent: Absentee[] = [];
  /** Tidepool's worker, for what only Tidepool measures. */
  readonly tidepool: ReplayHost;
  readonly #resources = new AsyncDisposableStack();
  readonly #heapBytes: number;
  readonly #effort: Effort;

  private constructor(tidepool: ReplayHost, heapBytes: number, effort: Effort) {
    this.tidepool = this.#resources.use(tidepool);
    this.#heapBytes = heapBytes;
    this.#effort = effort;
    this.present.push(this.#wholeOf(TIDEPOOL, tidepool));
  }

  /** Starts them all, with room for the largest of the programs. */
  static async start(programs: readonly Program[], effort: Effort): Promise<Contestants> {
    const heapBytes = heapFor(programs);
    const tidepool = await ReplayHost.start({ kind: "tidepool" }, heapBytes);
    const contestants = new Contestants(tidepool, heapBytes, effort);
    await contestants.#enter(ASSEMBLYSCRIPT, async () => {
      const binary = new Uint8Array(await compileAssemblyScriptTlsf());
      const host = await contestants.#start({ kind: "assemblyscript", binary });
      return contestants.#wholeOf(ASSEMBLYSCRIPT, host);
    });
    await contestants.#enter(WASM_TLSF, async () => {
      const host = await contestants.#start({ kind: "wasm-tlsf", binary: await compileWasmTlsf() });
      return { ...contestants.#wholeOf(WASM_TLSF, host), space: ONE_SIZE };
    });
    await contestants.#enter(THING, async () => {
      const host = await contestants.#start({ kind: "thing" });
      const space = "not measured: most traces take it too long to search for a size";
      const whole = contestants.#wholeOf(THING, host);
      // Its frees walk all live blocks: a whole replay takes seconds, and with bad luck too many.
      const time = (program: Program) => {
        return program.name === PAIRS_BESIDE_10K_LIVE
          ? host.timePart(program, effort.sampleMs)
          : whole.time(program);
      };
      return { ...whole, time, timeFresh: ONLY_WARM, space };
    });
    await contestants.#enter(ARRAYS, async () => {
      const host = await contestants.#start({ kind: "arrays" });
      const space = "not measured: the engine does not tell what an array takes";
      return { ...contestants.#wholeOf(ARRAYS, host), timeFresh: ONLY_WARM, space };
    });
    await contestants.#enter(GLIBC, () => contestants.#startGlibc());
    await contestants.#enter(NATIVE_TLSF, () => contestants.#startNativeTlsf());
    return contestants;
  }

  /** Ends the workers, and deletes the temporary files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #enter(name: string, start: () => Promise<Contestant>): Promise<void> {
    try {
      this.present.push(await start());
    } catch (error) {
      this.absent.push({ name, reason: reasonOf(error) });
    }
  }

  async #start(contestant: ReplayContestant): Promise<ReplayHost> {
    return this.#resources.use(await ReplayHost.start(contestant, this.#heapBytes));
  }

  #wholeOf(name: string, host: ReplayHost): Contestant {
    // Without Tidepool's own figure there is nothing to compare, so it may take its time.
    const budgetMs = name === TIDEPOOL ? Infinity : this.#effort.budgetMs;
    const limits = { minimumMs: this.#effort.sampleMs, budgetMs };
    return {
      name,
      time: (program) => host.time(program, limits),
      timeFresh: (program) => host.timeFresh(program),
      space: (program) => host.space(program),
      handOver: name === TIDEPOOL ? (batches) => host.free("thread", batches) : ONE_THREAD,
    };
  }

  async #startGlibc(): Promise<Contestant> {
    const replayer = this.#resources.use(await GlibcReplayer.compile());
    return {
      name: GLIBC,
      ...this.#nativeTimes(replayer),
      space: (program) => replayer.peakFootprint(program),
      handOver: (batches) => replayer.handOver(batches),
    };
  }

  async #startNativeTlsf(): Promise<Contestant> {
    const replayer = this.#resources.use(await GlibcReplayer.compile("-DTLSF"));
    return {
      name: NATIVE_TLSF,
      ...this.#nativeTimes(replayer),
      space: ONE_SIZE,
      handOver: ONE_THREAD,
    };
  }

  #nativeTimes(replayer: GlibcReplayer): Pick<Contestant, "time" | "timeFresh"> {
    return {
      time: (program) => replayer.time(program, this.#effort.sampleMs),
      timeFresh: (program) => replayer.timeFresh(program),
    };
  }
}

/** Room for fragmentation, without asking for more than a slice may have. */
function heapFor(programs: readonly Program[]): number {
  const peak = Math.max(...programs.map((program) => program.peakLiveBytes));
  return Math.min(2 ** 32 - 64, Math.max(256 * 2 ** 20, Math.ceil(peak / 2 ** 19) * 2 ** 20));
}
