/**
 * `compare messages`: calls from this thread to one other, by Tidepool, by hand and by the worker
 * libraries; and what Tidepool does with several shards.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import type { CompareSettings } from "../compare.ts";
import {
  answerOf,
  bestOf,
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
import type { Caller } from "../peers/caller.ts";
import { type Findings, TIDEPOOL } from "../report.ts";
import {
  Callers,
  CONTESTANTS,
  LIBRARIES,
  openWithoutSpinning,
  POST_MESSAGE,
  timeCalls,
  WITHOUT_SPINNING,
} from "./callers.ts";

/** Other ways to call with Tidepool, measured beside the plain one. */
const WITH_OPTIONS = "Tidepool, with timeoutMs and signal";
const WAYS: ReadonlyMap<string, () => Promise<Caller>> = new Map([
  [WITHOUT_SPINNING, openWithoutSpinning],
  [WITH_OPTIONS, async () => await (await import("../peers/tidepool_caller.ts")).openWithOptions()],
]);

/** A pattern of calls, and the unit that its samples are in. */
interface Exercise {
  readonly measure: string;
  readonly unit: "µs/call" | "calls/s";
  readonly inFlight: number;
  /** One call; `index` counts the calls of a sample. */
  readonly call: (caller: Caller, index: number) => Promise<unknown>;
}

const SEQUENTIAL = add("add(a, b), one at a time", 1);
const IN_FLIGHT_64 = add("add(a, b), 64 in flight", 64);
const IN_FLIGHT_1024 = add("add(a, b), 1,024 in flight", 1_024);
const ECHO_1K = echo("echo of 1 KiB, one at a time", 1_024);
const ECHO_64K = echo("echo of 64 KiB, one at a time", 65_536);
const EXERCISES = [SEQUENTIAL, IN_FLIGHT_64, IN_FLIGHT_1024, ECHO_1K, ECHO_64K];
/** What the other ways are measured at. */
const EXERCISES_OF_WAYS = [SEQUENTIAL, IN_FLIGHT_64];

const rateOf = (shards: number, inFlight: string) =>
  `add(a, b) on ${shards} shards, ${inFlight} in flight in all`;
const RATE_BETWEEN = "add(a, b) from shard to shard, 64 in flight";
const FAN_OUT = "invokeOnAll of 2 shards, one at a time";

const IDLE = "CPU of 4 idle shards";
const IDLE_UNIT = "% of one core";

function add(measure: string, inFlight: number): Exercise {
  return {
    measure,
    unit: inFlight === 1 ? "µs/call" : "calls/s",
    inFlight,
    call: (caller, index) => caller.add(index, 1),
  };
}

function echo(measure: string, byteLength: number): Exercise {
  const bytes = new Uint8Array(byteLength).map((_, index) => index % 251);
  return { measure, unit: "µs/call", inFlight: 1, call: (caller) => caller.echo(bytes) };
}

/** Runs the comparison. */
export async function compareMessages(settings: CompareSettings): Promise<Findings> {
  const sampleMs = settings.quick ? 10 : 120;
  const callers = await Callers.open([...CONTESTANTS, ...WAYS], settings.progress);
  const timed = await measureCalls(callers, settings, sampleMs);
  const unclosed = await callers.close();
  const spread = await measureManyShards(settings, sampleMs);
  // After the others have gone: the time is that of the whole process.
  settings.progress(IDLE);
  const idle = await measureIdle(settings.quick ? 200 : 5_000);
  return {
    measurements: [...timed, ...spread, idle],
    ratios: {
      ...ratiosOf(timed),
      rate_of_8_shards_vs_2: rateOf8Versus2(spread, "1,024"),
      rate_of_8_shards_vs_2_at_128: rateOf8Versus2(spread, "128"),
      idle_cpu_percent: figureOf(idle),
    },
    notes: [
      "One caller, one thread that is called; each contestant has a worker of its own, and all " +
      "of them are up while one is measured.",
      `A sample is ${sampleMs} ms of calls. "In flight" is that many loops, each of which awaits ` +
      "its call before it makes the next.",
      "Bytes travel by copy, there and back, in every contestant.",
      "Both numbers of shards are called as often in flight, so 8 of them get a quarter each of what " +
      "2 get: with 128 in all a shard is woken for 16 calls, with 1,024 for 128. Each shard has " +
      "answered some 50,000 calls before it is measured, since each compiles its code for itself.",
      "The best peer is the library with the best median at that measure; postMessage by hand has " +
      "ratios of its own.",
      ...unclosed,
    ],
  };
}

function rateOf8Versus2(spread: readonly Measurement[], inFlight: string): Ratio {
  return ratioOf([{
    dividend: find(spread, TIDEPOOL, rateOf(8, inFlight)),
    divisor: find(spread, TIDEPOOL, rateOf(2, inFlight)),
  }]);
}

async function measureCalls(
  callers: Callers,
  settings: CompareSettings,
  sampleMs: number,
): Promise<Measurement[]> {
  const trials = EXERCISES.flatMap((exercise) => {
    const ways = EXERCISES_OF_WAYS.includes(exercise) ? WAYS.keys() : [];
    return [...CONTESTANTS.keys(), ...ways].map((name): Trial => {
      const { measure, unit } = exercise;
      const sample = () => callers.ask(name, (caller) => sampleCalls(exercise, caller, sampleMs));
      return { name, measure, unit, sample };
    });
  });
  return await measureInterleaved(trials, settings.repetitions, (done, total, trial) => {
    settings.progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
  });
}

/** Several shards at once, more of them than cores in one case, and calls between two. */
async function measureManyShards(
  settings: CompareSettings,
  sampleMs: number,
): Promise<Measurement[]> {
  const { openMany } = await import("../peers/tidepool_caller.ts");
  const [two, eight] = [await openMany(2), await openMany(8)];
  const trial = (measure: string, unit: string, sample: () => Promise<number>): Trial => {
    return { name: TIDEPOOL, measure, unit, sample: () => answerOf(sample()) };
  };
  try {
    for (const many of [two, eight]) await answerOf(many.warmUp(settings.quick ? 64 : 51_200));
    return await measureInterleaved(
      [
        trial(rateOf(2, "1,024"), "calls/s", () => two.rateToAll(1_024, sampleMs)),
        trial(rateOf(8, "1,024"), "calls/s", () => eight.rateToAll(1_024, sampleMs)),
        trial(rateOf(2, "128"), "calls/s", () => two.rateToAll(128, sampleMs)),
        trial(rateOf(8, "128"), "calls/s", () => eight.rateToAll(128, sampleMs)),
        trial(RATE_BETWEEN, "calls/s", () => two.rateBetween(64, sampleMs)),
        trial(FAN_OUT, "µs/call", async () => {
          let calls = 0;
          const begin = performance.now();
          do {
            await two.fanOut();
            calls++;
          } while (performance.now() - begin < sampleMs);
          return (performance.now() - begin) * 1e3 / calls;
        }),
      ],
      settings.repetitions,
      (done, total, { measure }) => settings.progress(`sample ${done} of ${total}: ${measure}`),
    );
  } finally {
    await Promise.all([two.close(), eight.close()]);
  }
}

async function sampleCalls(exercise: Exercise, caller: Caller, sampleMs: number): Promise<number> {
  const secondsPerCall = await timeCalls(exercise.call, caller, exercise.inFlight, sampleMs);
  return exercise.unit === "µs/call" ? secondsPerCall * 1e6 : 1 / secondsPerCall;
}

async function measureIdle(durationMs: number): Promise<Measurement> {
  try {
    const { besideIdleShards } = await import("../peers/tidepool_caller.ts");
    const percent = await besideIdleShards(4, durationMs / 5, async () => {
      const before = performance.now();
      const used = cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, durationMs));
      const { user, system } = cpuUsage(used);
      return (user + system) / ((performance.now() - before) * 1e3) * 100;
    });
    return measured(TIDEPOOL, IDLE, IDLE_UNIT, [percent], `over ${durationMs / 1e3} s`);
  } catch (error) {
    return unavailable(TIDEPOOL, IDLE, IDLE_UNIT, reasonOf(error));
  }
}

function ratiosOf(timed: readonly Measurement[]): Record<string, Ratio> {
  const own = ({ measure }: Exercise) => find(timed, TIDEPOOL, measure);
  const versusHand = (exercise: Exercise) => {
    const divisor = find(timed, POST_MESSAGE, exercise.measure);
    return ratioOf([{ dividend: own(exercise), divisor }]);
  };
  const versusBest = (exercise: Exercise, best: "lowest" | "highest") => {
    const libraries = LIBRARIES.map((name) => find(timed, name, exercise.measure));
    return ratioOf([{ dividend: own(exercise), divisor: bestOf(libraries, best) }]);
  };
  const versusPlain = (exercise: Exercise) =>
    ratioOf([{ dividend: find(timed, WITH_OPTIONS, exercise.measure), divisor: own(exercise) }]);
  return {
    seq_time_vs_postmessage: versusHand(SEQUENTIAL),
    seq_time_vs_postmessage_spinning_off: ratioOf([{
      dividend: find(timed, WITHOUT_SPINNING, SEQUENTIAL.measure),
      divisor: find(timed, POST_MESSAGE, SEQUENTIAL.measure),
    }]),
    seq_time_with_options_vs_plain: versusPlain(SEQUENTIAL),
    rate64_vs_postmessage: versusHand(IN_FLIGHT_64),
    rate1024_vs_postmessage: versusHand(IN_FLIGHT_1024),
    echo1k_time_vs_postmessage: versusHand(ECHO_1K),
    echo64k_time_vs_postmessage: versusHand(ECHO_64K),
    seq_time_vs_best_peer: versusBest(SEQUENTIAL, "lowest"),
    rate64_vs_best_peer: versusBest(IN_FLIGHT_64, "highest"),
  };
}
