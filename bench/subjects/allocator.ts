/**
 * `compare allocator`: traces of real programs and patterns, replayed by Tidepool's allocator and
 * by what a user would pick instead.
 *
 * @module
 */
import type { CompareSettings } from "../compare.ts";
import {
  figureOf,
  find,
  measured,
  measureInterleaved,
  type Measurement,
  type Ratio,
  ratioOf,
  reasonOf,
  type Trial,
  unavailable,
} from "../comparison.ts";
import {
  ARRAYS,
  ASSEMBLYSCRIPT,
  Contestants,
  type Effort,
  GLIBC,
  NATIVE_TLSF,
  THING,
  WASM_TLSF,
} from "../replay/contestants.ts";
import { LONG_US } from "../replay/interference.ts";
import type { SingleOperationTimes } from "../replay/latency.ts";
import { makePatterns, PAIRS_BESIDE_10K_LIVE } from "../replay/patterns.ts";
import { type Program, readTraces } from "../replay/program.ts";
import { type Findings, TIDEPOOL } from "../report.ts";

const NS_PER_OPERATION = "ns/op";
const SPACE_UNIT = "peak live ÷ space";
const REMOTE_FREE = "remote free";
const LOCAL_FREE = "local free";
const HAND_OVER = "producer and consumer, malloc to free on another thread";
const SLOWEST = "slowest operation that repeats";

const FULL: Effort = {
  sampleMs: 40,
  budgetMs: 3_000,
  patternShare: 1,
  latencyReplays: 9,
  freeBatches: 64,
};

const QUICK: Effort = {
  sampleMs: 1,
  budgetMs: 500,
  patternShare: 0.01,
  latencyReplays: 2,
  freeBatches: 4,
};

/** Runs the comparison. */
export async function compareAllocator(settings: CompareSettings): Promise<Findings> {
  const effort = settings.quick ? QUICK : FULL;
  const traces = await readTraces(settings.traces);
  const patterns = makePatterns(effort.patternShare);
  const programs = [...traces, ...patterns];
  settings.progress("starting the contestants");
  await using contestants = await Contestants.start(programs, effort);
  const trials = [
    ...programs.flatMap((program) => warmTrials(contestants, program)),
    ...traces.flatMap((program) => freshTrials(contestants, program)),
    ...freeTrials(contestants, effort),
    ...handOverTrials(contestants, effort),
  ];
  const timed = await measureInterleaved(trials, settings.repetitions, (done, total, trial) => {
    settings.progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
  });
  const space: Measurement[] = [];
  const latency: Measurement[] = [];
  for (const trace of traces) {
    settings.progress(`space and single operations, ${trace.name}`);
    space.push(...await measureSpace(contestants, trace));
    latency.push(...await measureLatency(contestants, trace, effort));
  }
  return {
    measurements: [...timed, ...space, ...latency],
    ratios: ratiosOf(timed, space, latency, { traces, patterns }),
    notes: notesOf(effort),
  };
}

function warmTrials({ present, absent }: Contestants, program: Program): Trial[] {
  const measure = program.name;
  const unit = NS_PER_OPERATION;
  return [
    ...present.map(({ name, time }) => ({ name, measure, unit, sample: () => time(program) })),
    ...absent.map(({ name, reason }) => refused(name, measure, unit, reason)),
  ];
}

function freshTrials({ present, absent }: Contestants, program: Program): Trial[] {
  const measure = `${program.name}, fresh memory`;
  const unit = NS_PER_OPERATION;
  return [
    ...present.map(({ name, timeFresh }) => {
      return typeof timeFresh === "string"
        ? refused(name, measure, unit, timeFresh)
        : { name, measure, unit, sample: () => timeFresh(program) };
    }),
    ...absent.map(({ name, reason }) => refused(name, measure, unit, reason)),
  ];
}

function refused(name: string, measure: string, unit: string, reason: string): Trial {
  return { name, measure, unit, sample: () => Promise.reject(new Error(reason)) };
}

function freeTrials({ tidepool }: Contestants, effort: Effort): Trial[] {
  return (["local", "remote"] as const).map((side) => ({
    name: TIDEPOOL,
    measure: side === "local" ? LOCAL_FREE : REMOTE_FREE,
    unit: "ns/block",
    sample: () => tidepool.free(side, effort.freeBatches),
  }));
}

function handOverTrials({ present, absent }: Contestants, effort: Effort): Trial[] {
  const unit = "ns/block";
  return [
    ...present.map(({ name, handOver }) => {
      return typeof handOver === "string"
        ? refused(name, HAND_OVER, unit, handOver)
        : { name, measure: HAND_OVER, unit, sample: () => handOver(4 * effort.freeBatches) };
    }),
    ...absent.map(({ name, reason }) => refused(name, HAND_OVER, unit, reason)),
  ];
}

async function measureSpace(contestants: Contestants, program: Program): Promise<Measurement[]> {
  const measure = `space, ${program.name}`;
  const measurements: Measurement[] = [];
  for (const { name, space } of contestants.present) {
    if (typeof space === "string") {
      measurements.push(unavailable(name, measure, SPACE_UNIT, space));
      continue;
    }
    try {
      const byteLength = await space(program);
      if (byteLength === 0) throw new Error("the trace fits in what the heap held before it began");
      const note = `${byteLength.toLocaleString("en-US")} bytes`;
      const share = program.peakLiveBytes / byteLength;
      measurements.push(measured(name, measure, SPACE_UNIT, [share], note));
    } catch (error) {
      measurements.push(unavailable(name, measure, SPACE_UNIT, reasonOf(error)));
    }
  }
  for (const { name, reason } of contestants.absent) {
    measurements.push(unavailable(name, measure, SPACE_UNIT, reason));
  }
  return measurements;
}

async function measureLatency(
  { tidepool }: Contestants,
  program: Program,
  effort: Effort,
): Promise<Measurement[]> {
  const row = (what: string, ns: number, note?: string) => {
    return measured(TIDEPOOL, `${what}, ${program.name}`, "µs", [ns / 1e3], note);
  };
  try {
    const times = await tidepool.latency(program, effort.latencyReplays);
    return [
      row("single operations p50", times.p50, `the clock alone: ${times.clock.toFixed(0)} ns`),
      row("single operations p99", times.p99),
      row("single operations p99.9", times.p999),
      row("single operations max", times.maximum, describeLong(times)),
      row(SLOWEST, times.repeatableMaximum, times.slowest),
    ];
  } catch (error) {
    return [unavailable(TIDEPOOL, `${SLOWEST}, ${program.name}`, "µs", reasonOf(error))];
  }
}

/** Which of the long readings were the allocator's own doing, as far as that can be told. */
function describeLong({ readings, long, longIdle }: SingleOperationTimes): string {
  const { total, collections, pageFaults, preemptions, unexplained } = long;
  return `${total} of ${readings.toLocaleString("en-US")} over ${LONG_US} µs: ` +
    `${collections} beside a collection, ${pageFaults} beside a page fault, ` +
    `${preemptions} preempted, ${unexplained} beside none of these; ` +
    `of as many readings of nothing, ${longIdle}`;
}

function ratiosOf(
  timed: readonly Measurement[],
  space: readonly Measurement[],
  latency: readonly Measurement[],
  { traces, patterns }: Record<"traces" | "patterns", readonly Program[]>,
): Record<string, Ratio> {
  const over = (dividend: string, divisor: string, measures: readonly string[]) => {
    return ratioOf(measures.map((measure) => {
      return {
        dividend: find(timed, dividend, measure),
        divisor: find(timed, divisor, measure),
      };
    }));
  };
  const names = traces.map((trace) => trace.name);
  const spaces = names.map((name) => figureOf(find(space, TIDEPOOL, `space, ${name}`)));
  const slowest = names.map((name) => figureOf(find(latency, TIDEPOOL, `${SLOWEST}, ${name}`)));
  return {
    time_vs_assemblyscript: over(TIDEPOOL, ASSEMBLYSCRIPT, names),
    time_vs_glibc: over(TIDEPOOL, GLIBC, names),
    time_vs_native_tlsf: over(TIDEPOOL, NATIVE_TLSF, names),
    time_vs_wasm_tlsf: over(TIDEPOOL, WASM_TLSF, names),
    patterns_vs_wasm_tlsf: over(TIDEPOOL, WASM_TLSF, patterns.map((pattern) => pattern.name)),
    // The rate of one over the rate of the other is the time of the other over the time of the one.
    rate_vs_thing_10k_live: over(THING, TIDEPOOL, [PAIRS_BESIDE_10K_LIVE]),
    rate_vs_gc_arrays: over(ARRAYS, TIDEPOOL, names),
    space_mean: combine(spaces, (shares) => shares.reduce((a, b) => a + b) / shares.length),
    space_min: combine(spaces, (shares) => Math.min(...shares)),
    remote_free_vs_local: ratioOf([{
      dividend: find(timed, TIDEPOOL, REMOTE_FREE),
      divisor: find(timed, TIDEPOOL, LOCAL_FREE),
    }]),
    max_op_us: combine(slowest, (times) => Math.max(...times)),
  };
}

function combine(figures: readonly Ratio[], reduce: (values: number[]) => number): Ratio {
  const values: number[] = [];
  for (const figure of figures) {
    if (figure.value === null) return figure;
    values.push(figure.value);
  }
  return { value: reduce(values), reason: null };
}

function notesOf(effort: Effort): string[] {
  return [
    "Every operation of every thread of a trace runs on one thread and one heap, with the recorded " +
    "sizes (0 counts as 1). Blocks are not written to, other than by calloc and realloc.",
    "Each JavaScript contestant runs the same loop in a worker of its own; AssemblyScript's TLSF " +
    "(-O3 --runtime minimal, assertions on) is called from JavaScript; glibc runs the same loop in C, and so does " +
    "a TLSF written in C for this, which checks and counts nothing. The same TLSF, compiled to WebAssembly by " +
    "clang -O3, is called from JavaScript.",
    `A sample is at least ${effort.sampleMs} ms of replays on a warm heap, or one replay on fresh ` +
    "memory. Time ratios are geometric means over the traces, on warm heaps. " +
    `A peer that needs more than ${
      effort.budgetMs / 1e3
    } s for one replay is out; of the pairs beside ` +
    `10,000 live blocks @thi.ng/malloc does what it can in ${effort.sampleMs} ms.`,
    "Space is the smallest slice that completes the trace, control words included, found by " +
    "bisection; for AssemblyScript the smallest memory, in pages of 64 KiB; for glibc the most bytes " +
    "held from the system.",
    `max_op_us is the slowest of all operations, each by the least of ${effort.latencyReplays} ` +
    "readings from the same state: a collection or a page fault does not repeat at the same operation. " +
    "Readings include the clock's own cost. Of readings over 50 µs, the heap of the engine tells whether " +
    "a collection fell among the 64 operations around, the system whether the process had a page fault " +
    "or lost its core.",
    "Remote and local frees run on one thread in batches of 1,024 blocks of 16 to 256 bytes; a " +
    "remote one counts from free() to the end of the owner's drain.",
    "Producer and consumer are two threads that hand over batches of 1,024 such blocks, four of them " +
    "under way at most: the time of both, and of waking each other, divided by the blocks.",
  ];
}
