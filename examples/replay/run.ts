/**
 * The host's part of a replay: starts the runtime, feeds each shard its program in parts so that
 * only a few are on their way, and at the end looks at every heap: what the shards counted, whether
 * each heap is sound, and whether anything is left that the trace did not leave.
 *
 * @module
 */
import { type HeapBlock, type MemoryStatistics, Runtime } from "@tidepool/core";
import { LatencySamples, type LatencySummary } from "./latency.ts";
import { type Plan, planReplay, PROGRAM_WORDS } from "./plan.ts";
import { replayTasks } from "./replay_tasks.ts";
import type { HandOverMode, ShardFigures } from "./shard_replay.ts";
import { sum } from "./sum.ts";
import type { Trace } from "./trace.ts";

/** How to replay a trace. */
export interface ReplayOptions {
  /** How many shards; trace thread `t` runs on shard `t mod shards`. */
  readonly shards: number;
  /** Total memory in bytes, divided equally. By default what the plan of the trace says it needs. */
  readonly memory?: number | undefined;
  /** How blocks go from shard to shard. */
  readonly handOver: HandOverMode;
  /** Called after each part of a program, with the operations that are done. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** One shard at the end of the program, before what the trace leaves live is freed. */
export interface ShardResult extends ShardFigures {
  /** The shard. */
  readonly shard: number;
  /** What the shard's allocator counted. */
  readonly memory: MemoryStatistics;
  /** Every block of the slice, in address order. */
  readonly heap: readonly HeapBlock[];
  /** Blocks still live after every block of the trace was freed. */
  readonly leakedBlocks: number;
}

/** A whole replay. Every byte was right and every heap was sound, or there would be no result. */
export interface ReplayResult {
  readonly shards: readonly ShardResult[];
  readonly operations: number;
  /** From the first part sent to the last part done; start-up is not in it. */
  readonly milliseconds: number;
  /** Total memory of the slices, in bytes. */
  readonly memory: number;
  /** How often a block went from one shard to another. */
  readonly handOvers: number;
  /** Round trips of the host's calls, each with the work of a part of a program. */
  readonly host: LatencySummary;
  /** Blocks live at the end of the program, beyond or short of what the trace leaves live. */
  readonly unexpectedBlocks: number;
  /** Blocks still live after every block of the trace was freed. */
  readonly leakedBlocks: number;
}

/** The replay ended early, or could not start. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
}

/** Operations in one part of a program: about a millisecond, after which the shard hears calls. */
const PART_OPERATIONS = 512;
/** Parts of one shard on their way at once: one that runs, and one that waits for its turn. */
const PARTS_IN_FLIGHT = 2;

/**
 * Replays `trace` over real shards, from start to stop of a runtime of its own.
 *
 * @param trace The trace.
 * @param options Shards, memory and the way blocks are handed over.
 * @returns What happened on each shard.
 * @throws {ReplayError} A wrong byte, an unsound heap, memory that does not suffice, or a runtime
 * that does not start.
 */
export async function replayTrace(trace: Trace, options: ReplayOptions): Promise<ReplayResult> {
  const plan = planReplay(trace, options.shards);
  const memory = options.memory ?? plan.memoryNeeded;
  await using runtime = await start(options.shards, memory);
  return await replayPlan(runtime, trace, plan, { ...options, memory });
}

/**
 * As {@linkcode replayTrace}, on a runtime that is running: one that was started with
 * `options.shards` and `options.memory`, and on which nothing else allocates.
 *
 * @param runtime The runtime.
 * @param trace The trace.
 * @param plan The plan of the trace for that many shards.
 * @param options As for {@linkcode replayTrace}.
 * @returns What happened on each shard.
 * @throws {ReplayError} A wrong byte, an unsound heap, or memory that does not suffice.
 */
export async function replayPlan(
  runtime: Runtime,
  trace: Trace,
  plan: Plan,
  { shards, memory, handOver, onProgress }: ReplayOptions & { readonly memory: number },
): Promise<ReplayResult> {
  const memoryToTry = memory < plan.memoryNeeded ? plan.memoryNeeded : 2 * memory;
  const everyShard = Array.from({ length: shards }, (_, shard) => shard);
  await Promise.all(
    everyShard.map((shard) => runtime.submitTo(shard, replayTasks.begin, handOver, memoryToTry)),
  );
  const before = everyShard.map((shard) => runtime.memoryStatistics(shard).liveBlocks);

  const feeder = new Feeder(runtime, onProgress);
  const milliseconds = await feeder.feed(plan);
  const figures = await Promise.all(
    everyShard.map((shard) => runtime.submitTo(shard, replayTasks.figures)),
  );
  await bringHome(runtime, everyShard);
  const atEnd = everyShard.map((shard) => inspect(runtime, shard));

  await Promise.all(everyShard.map((shard) => runtime.submitTo(shard, replayTasks.freeRest)));
  await bringHome(runtime, everyShard);
  const shardResults = everyShard.map((shard): ShardResult => {
    const { memory } = inspect(runtime, shard);
    return {
      shard,
      ...figures[shard]!,
      ...atEnd[shard]!,
      leakedBlocks: memory.liveBlocks - before[shard]!,
    };
  });
  const liveAtEnd = sum(shardResults, ({ shard, memory }) => memory.liveBlocks - before[shard]!);
  return {
    shards: shardResults,
    operations: trace.operations,
    milliseconds,
    memory,
    handOvers: plan.handOvers,
    host: feeder.latency.summary(),
    unexpectedBlocks: liveAtEnd - trace.liveBlocks,
    leakedBlocks: sum(shardResults, ({ leakedBlocks }) => leakedBlocks),
  };
}

async function start(shards: number, memory: number): Promise<Runtime> {
  try {
    return await Runtime.start({ shards, memory });
  } catch (cause) {
    throw new ReplayError(`The shards do not start: ${messageOf(cause)}`, { cause });
  }
}

/** Sends every shard its program, a few parts at a time, and stops all when one fails. */
class Feeder {
  readonly latency = new LatencySamples();
  readonly #runtime: Runtime;
  readonly #onProgress: ((done: number) => void) | undefined;
  #done = 0;
  #failure: ReplayError | undefined;
  #abandoned: Promise<unknown> = Promise.resolve();

  constructor(runtime: Runtime, onProgress: ((done: number) => void) | undefined) {
    this.#runtime = runtime;
    this.#onProgress = onProgress;
  }

  /** Runs every program to its end; returns the milliseconds that took. */
  async feed(plan: Plan): Promise<number> {
    const started = performance.now();
    const shards = plan.programs.length;
    await Promise.all(plan.programs.map((program, shard) => this.#feed(shard, shards, program)));
    await this.#abandoned;
    if (this.#failure !== undefined) throw this.#failure;
    return performance.now() - started;
  }

  async #feed(shard: number, shards: number, program: Uint32Array): Promise<void> {
    const inFlight: Promise<void>[] = [];
    const partWords = PART_OPERATIONS * PROGRAM_WORDS;
    for (let at = 0; at < program.length && this.#failure === undefined; at += partWords) {
      if (inFlight.length === PARTS_IN_FLIGHT) await inFlight.shift();
      inFlight.push(this.#run(shard, shards, program.slice(at, at + partWords)));
    }
    await Promise.all(inFlight);
  }

  /** Never rejects: the first failure is kept, and those that it causes elsewhere are not. */
  async #run(shard: number, shards: number, part: Uint32Array): Promise<void> {
    const sent = performance.now();
    try {
      this.#done += await this.#runtime.submitTo(shard, replayTasks.run, part);
      this.latency.add(performance.now() - sent);
      this.#onProgress?.(this.#done);
    } catch (cause) {
      if (this.#failure !== undefined) return;
      this.#failure = new ReplayError(messageOf(cause), { cause });
      this.#abandoned = this.#abandon(shard, shards);
    }
  }

  /** The other shards may wait for blocks of the failed one: nothing would ever wake them. */
  #abandon(failed: number, shards: number): Promise<unknown> {
    const calls: Promise<void>[] = [];
    for (let shard = 0; shard < shards; shard++) {
      const reason = `Shard ${failed} failed`;
      calls.push(this.#runtime.submitTo(shard, replayTasks.abandon, reason));
    }
    // A shard that cannot be told has ended, and its callers with it; the first failure is thrown.
    return Promise.allSettled(calls);
  }
}

/** Brings every remote free to its owner: all publish first, then all take what is theirs. */
async function bringHome(runtime: Runtime, shards: readonly number[]): Promise<void> {
  await Promise.all(shards.map((shard) => runtime.submitTo(shard, replayTasks.flush)));
  await Promise.all(shards.map((shard) => runtime.submitTo(shard, replayTasks.drain)));
}

/** Checks a quiet shard's heap and reads what is in it. */
function inspect(runtime: Runtime, shard: number): Pick<ShardResult, "memory" | "heap"> {
  try {
    runtime.checkHeap(shard);
  } catch (cause) {
    throw new ReplayError(`The heap of shard ${shard} is unsound: ${messageOf(cause)}`, { cause });
  }
  const memory = runtime.memoryStatistics(shard);
  const heap = [...runtime.walkHeap(shard)];
  const live = heap.reduce((count, block) => block.free ? count : count + 1, 0);
  if (live !== memory.liveBlocks) {
    throw new ReplayError(
      `The heap of shard ${shard} holds ${live} live blocks, and its statistics ${memory.liveBlocks}`,
    );
  }
  return { memory, heap };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
