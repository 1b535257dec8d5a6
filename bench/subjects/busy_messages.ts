/**
 * `compare messages --busy`: the calls of `compare messages` on a machine whose cores other programs
 * want too. A thread that waits must then be woken and given a core, and one that spins keeps the
 * core from the thread that it waits for.
 *
 * @module
 */
import type { CompareSettings } from "../compare.ts";
import {
  bestOf,
  find,
  measureInterleaved,
  type Measurement,
  type Ratio,
  ratioOf,
  type Trial,
} from "../comparison.ts";
import { type Findings, TIDEPOOL } from "../report.ts";
import { besideBusyProcesses } from "./busy_cores.ts";
import {
  Callers,
  CONTESTANTS,
  type Latencies,
  LIBRARIES,
  openWithoutSpinning,
  POST_MESSAGE,
  timeCalls,
  timeEach,
  WITHOUT_SPINNING,
} from "./callers.ts";

const MEDIAN = "add(a, b), one at a time, busy: median";
const P99 = "add(a, b), one at a time, busy: p99";
const RATE_64 = "add(a, b), 64 in flight, busy";

/** Runs the comparison. */
export async function compareBusyMessages(settings: CompareSettings): Promise<Findings> {
  const sampleMs = settings.quick ? 50 : 1_000;
  const cores = navigator.hardwareConcurrency;
  const callers = await Callers.open(
    [...CONTESTANTS, [WITHOUT_SPINNING, openWithoutSpinning]],
    settings.progress,
  );
  settings.progress("starting the busy processes");
  const measurements = await besideBusyProcesses(cores, () => {
    return measureCalls(callers, settings, sampleMs);
  });
  const unclosed = await callers.close();
  return {
    measurements,
    ratios: ratiosOf(measurements),
    notes: [
      `Busy: beside the contestants ran ${cores} processes that never wait, one for each core, under ` +
      "the same scheduling policy. They spun before the first sample began and until the last had " +
      "ended.",
      "One caller, one thread that is called; each contestant has a worker of its own, and all of " +
      "them are up while one is measured.",
      `A sample is ${sampleMs} ms of calls, each of which is timed: its median and its p99 are over ` +
      `all of its calls. A sample with 64 in flight is ${sampleMs / 2} ms.`,
      "The best peer is the library with the best median; postMessage by hand has ratios of its own.",
      ...unclosed,
    ],
  };
}

async function measureCalls(
  callers: Callers,
  settings: CompareSettings,
  sampleMs: number,
): Promise<Measurement[]> {
  const names = [...CONTESTANTS.keys(), WITHOUT_SPINNING];
  const pairs = names.map((name) => latencyTrials(name, callers, sampleMs));
  const rates = names.map((name): Trial => ({
    name,
    measure: RATE_64,
    unit: "calls/s",
    sample: () =>
      callers.ask(name, async (caller) => {
        return 1 /
          await timeCalls((caller, index) => caller.add(index, 1), caller, 64, sampleMs / 2);
      }),
  }));
  // Within a repetition a p99 comes after the median whose sample it is of.
  const trials = [...pairs.map(({ median }) => median), ...pairs.map(({ p99 }) => p99), ...rates];
  const { repetitions, progress } = settings;
  const measurements = await measureInterleaved(trials, repetitions, (done, total, trial) => {
    progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
  });
  return measurements.map((measurement) => {
    if (measurement.measure !== P99 || measurement.reason !== null) return measurement;
    const { fewestCalls } = pairs[names.indexOf(measurement.name)]!;
    return { ...measurement, note: `of at least ${fewestCalls()} calls a sample` };
  });
}

/** Two figures of the same samples. */
interface LatencyTrials {
  readonly median: Trial;
  readonly p99: Trial;
  /** The fewest calls that a sample had. */
  readonly fewestCalls: () => number;
}

function latencyTrials(name: string, callers: Callers, sampleMs: number): LatencyTrials {
  let fewest = Infinity;
  let latest: Latencies | undefined;
  return {
    median: {
      name,
      measure: MEDIAN,
      unit: "µs/call",
      sample: async () => {
        latest = undefined;
        latest = await callers.ask(name, (caller) => timeEach(caller, sampleMs));
        fewest = Math.min(fewest, latest.calls);
        return latest.median;
      },
    },
    p99: {
      name,
      measure: P99,
      unit: "µs/call",
      sample: () => {
        if (latest === undefined) throw new Error("It has no sample: its median says why");
        return latest.p99;
      },
    },
    fewestCalls: () => fewest,
  };
}

function ratiosOf(measurements: readonly Measurement[]): Record<string, Ratio> {
  const versus = (measure: string, divisor: Measurement) =>
    ratioOf([{ dividend: find(measurements, TIDEPOOL, measure), divisor }]);
  const versusHand = (measure: string) =>
    versus(measure, find(measurements, POST_MESSAGE, measure));
  const libraries = LIBRARIES.map((name) => find(measurements, name, MEDIAN));
  return {
    busy_seq_vs_postmessage: versusHand(MEDIAN),
    busy_p99_vs_postmessage: versusHand(P99),
    busy_seq_vs_best_peer: versus(MEDIAN, bestOf(libraries, "lowest")),
    busy_rate64_vs_postmessage: versusHand(RATE_64),
  };
}
