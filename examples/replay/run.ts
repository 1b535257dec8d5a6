/**
 * The host's part of a replay: starts the runtime, has the shards run their programs, and looks at
 * every heap twice: when the most bytes are live, and at the end. There it compares what the shards
 * did with what their allocators counted, checks that each heap is sound, and that nothing is left
 * which the trace did not leave.
 *
 * @module
 */
import type { HeapBlock } from "@tidepool/core/diagnosis";
import { type MemoryStatistics, Runtime } from "@tidepool/core";
import { messageOf, ReplayError } from "./errors.ts";
import { Feeder } from "./feeder.ts";
import type { LatencySummary } from "./latency.ts";
import { type Plan, planReplay } from "./plan.ts";
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
  readonly onProgress?: (done: number) => void;
}

/** A slice at one moment. */
export interface HeapSnapshot {
  /** What the allocator counted up to then, the runtime's messages included. */
  readonly memory: MemoryStatistics;
  /** Every block, in address order. */
  readonly blocks: readonly HeapBlock[];
}

/** What one shard did, and how its slice looked. Counts are those of the trace's own blocks. */
export interface ShardResult {
  /** The shard. */
  readonly shard: number;
  /** Blocks it made, counting a block that moved when it was resized once more. */
  readonly mallocs: number;
  /** Blocks of its slice that were freed, here or by another shard. */
  readonly frees: number;
  /** Blocks of other slices that it freed. */
  readonly remoteFreesSent: number;
  /** Blocks of its slice that other shards freed. */
  readonly remoteFreesReceived: number;
  /** Foreign pointers to its blocks that were destroyed, each one here. */
  readonly destroyedAtHome: number;
  /** Blocks it gave to other shards. */
  readonly handOvers: number;
  /** Round trips of the calls that gave them. */
  readonly latency: LatencySummary;
  /** Bytes compared with their block's pattern, all of them right. */
  readonly checkedBytes: number;
  /** Its slice when the most bytes of the trace were live. */
  readonly atPeak: HeapSnapshot;
  /** Its slice when the program had ended. */
  readonly atEnd: HeapSnapshot;
  /** Blocks still live after every block of the trace was freed. */
  readonly leakedBlocks: number;
}

/** A whole replay. Every byte was right and every heap was sound, or there would be no result. */
export interface ReplayResult {
  readonly shards: readonly ShardResult[];
  readonly operations: number;
  /** How long the shards worked on their programs; start-up is not in it. */
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
  await onAll(everyShard, (shard) => {
    return runtime.submitTo(shard, replayTasks.begin, handOver, memoryToTry);
  });
  const before = everyShard.map((shard) => runtime.memoryStatistics(shard).liveBlocks);

  const feeder = new Feeder(runtime, plan, onProgress);
  await feeder.feed(plan.peakWords);
  const atPeak = await inspectHeaps(runtime, everyShard);
  await feeder.feed();
  const figures = await onAll(everyShard, (shard) => runtime.submitTo(shard, replayTasks.figures));
  const atEnd = await inspectHeaps(runtime, everyShard);
  await onAll(everyShard, (shard) => runtime.submitTo(shard, replayTasks.freeRest));
  const afterwards = await inspectHeaps(runtime, everyShard);

  const shardResults = everyShard.map((shard) => ({
    shard,
    ...countsOf(shard, figures),
    atPeak: atPeak[shard]!,
    atEnd: atEnd[shard]!,
    leakedBlocks: afterwards[shard]!.memory.liveBlocks - before[shard]!,
  }));
  for (const shard of shardResults) compareCounts(shard);
  const live = sum(shardResults, ({ shard, atEnd }) => atEnd.memory.liveBlocks - before[shard]!);
  return {
    shards: shardResults,
    operations: trace.operations,
    milliseconds: feeder.milliseconds,
    memory,
    handOvers: plan.handOvers,
    host: feeder.latency.summary(),
    unexpectedBlocks: live - trace.liveBlocks,
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

/** The results of a call to every shard, in their order. */
async function onAll<T>(
  shards: readonly number[],
  call: (shard: number) => Promise<T>,
): Promise<T[]> {
  try {
    return await Promise.all(shards.map(call));
  } catch (cause) {
    throw new ReplayError(messageOf(cause), { cause });
  }
}

/** Brings every remote free to its owner, checks every heap, and reads what is in it. */
async function inspectHeaps(
  runtime: Runtime,
  shards: readonly number[],
): Promise<HeapSnapshot[]> {
  // All publish what they freed before any takes what is its own: so nothing is on its way after.
  await onAll(shards, (shard) => runtime.submitTo(shard, replayTasks.flush));
  await onAll(shards, (shard) => runtime.submitTo(shard, replayTasks.drain));
  return shards.map((shard) => inspectHeap(runtime, shard));
}

function inspectHeap(runtime: Runtime, shard: number): HeapSnapshot {
  try {
    runtime.checkHeap(shard);
  } catch (cause) {
    throw new ReplayError(`The heap of shard ${shard} is unsound: ${messageOf(cause)}`, { cause });
  }
  const memory = runtime.memoryStatistics(shard);
  const blocks = [...runtime.walkHeap(shard)];
  const live = sum(blocks, ({ free }) => free ? 0 : 1);
  if (live !== memory.liveBlocks) {
    throw new ReplayError(
      `The heap of shard ${shard} holds ${live} live blocks, and its statistics ${memory.liveBlocks}`,
    );
  }
  return { memory, blocks };
}

/** One shard's figures, with what the others freed of its slice. */
function countsOf(shard: number, figures: readonly ShardFigures[]) {
  const { freesBySlice, ...own } = figures[shard]!;
  const freedHere = freesBySlice[shard]!;
  const frees = sum(figures, (other) => other.freesBySlice[shard]!);
  return {
    ...own,
    frees,
    remoteFreesSent: sum(freesBySlice, (count) => count) - freedHere,
    remoteFreesReceived: frees - freedHere,
  };
}

/** What was freed must have arrived: the allocator counts messages as well, so never fewer. */
function compareCounts(
  { shard, frees, remoteFreesReceived, atEnd: { memory } }: ShardResult,
): void {
  if (memory.frees >= frees && memory.remoteFreesReceived >= remoteFreesReceived) return;
  throw new ReplayError(
    `The allocator of shard ${shard} counted ${memory.frees} frees, ` +
      `${memory.remoteFreesReceived} of them remote; the shards freed ${frees} of its blocks, ` +
      `${remoteFreesReceived} of them from elsewhere`,
  );
}
