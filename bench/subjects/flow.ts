/**
 * `compare flow`: pipelines and bounded maps beside the windows that a program writes by hand, for many
 * calls of a trivial task to one shard.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { mapCalls } from "../../shard/flow/map_limit.ts";
import { Pipeline } from "../../shard/flow/pipeline.ts";
import type { CompareSettings } from "../compare.ts";
import {
  bestOf,
  find,
  measureInterleaved,
  type Ratio,
  ratioOf,
  type Trial,
} from "../comparison.ts";
import { arithmetic } from "../peers/tidepool_tasks.ts";
import type { Findings } from "../report.ts";

/** One call; `n` is both its item and its argument. */
type Call = (n: number) => Promise<number>;

/** Makes a call for each item, so many at a time; resolves to the sum of the results. */
type Way = (items: readonly number[], inFlight: number, call: Call) => Promise<number>;

const ORDERED = "pipeline, ordered";
const UNORDERED = "pipeline, not ordered";
const MAP_LIMIT = "mapLimit";
const LOOPS = "by hand: loops that share an iterator";
const COUNTER = "by hand: a counter and a promise";
const CHUNKS = "by hand: Promise.all in chunks";
const GENERATOR = "by hand: an async generator";

const BY_HAND = [LOOPS, COUNTER, CHUNKS];

const WAYS: ReadonlyMap<string, Way> = new Map<string, Way>([
  [ORDERED, (items, inFlight, call) => sumOf(new Pipeline(items, call, { inFlight }))],
  [UNORDERED, (items, inFlight, call) => {
    return sumOf(new Pipeline(items, call, { inFlight, ordered: false }));
  }],
  [MAP_LIMIT, async (items, inFlight, call) => {
    const results = await mapCalls(items, call, { inFlight });
    return results.reduce((sum, result) => sum + result, 0);
  }],
  [LOOPS, async (items, inFlight, call) => {
    const iterator = items[Symbol.iterator]();
    let sum = 0;
    const loop = async () => {
      for (const item of iterator) {
        const result = await call(item);
        sum += result;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, loop));
    return sum;
  }],
  [COUNTER, async (items, inFlight, call) => {
    let sum = 0;
    let underWay = 0;
    let wake: () => void = () => {};
    for (const item of items) {
      if (underWay === inFlight) await new Promise<void>((resolve) => wake = resolve);
      underWay++;
      call(item).then((result) => {
        sum += result;
        underWay--;
        wake();
      });
    }
    while (underWay > 0) await new Promise<void>((resolve) => wake = resolve);
    return sum;
  }],
  [CHUNKS, async (items, inFlight, call) => {
    let sum = 0;
    for (let from = 0; from < items.length; from += inFlight) {
      const results = await Promise.all(items.slice(from, from + inFlight).map(call));
      for (const result of results) sum += result;
    }
    return sum;
  }],
  [GENERATOR, (items, inFlight, call) => sumOf(byGenerator(items, inFlight, call))],
]);

/** What a program writes that wants its results in order, one by one. */
async function* byGenerator(
  items: readonly number[],
  inFlight: number,
  call: Call,
): AsyncGenerator<number> {
  const underWay: Promise<number>[] = [];
  for (const item of items) {
    underWay.push(call(item));
    if (underWay.length === inFlight) yield await underWay.shift()!;
  }
  for (const result of underWay) yield await result;
}

async function sumOf(results: AsyncIterable<number>): Promise<number> {
  let sum = 0;
  for await (const result of results) sum += result;
  return sum;
}

const ALL_IN_FLIGHT = [16, 64, 256, 512];
/** What pipelines have unless told otherwise. */
const DEFAULT_IN_FLIGHT = 256;

const measureOf = (inFlight: number) => `add(n, 1), ${inFlight} in flight`;

/** Runs the comparison. */
export async function compareFlow(settings: CompareSettings): Promise<Findings> {
  const calls = settings.quick ? 2_000 : 200_000;
  const items = Array.from({ length: calls }, (_, n) => n);
  await using runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  const call: Call = (n) => runtime.submitTo(0, arithmetic.add, n, 1);
  const trials = ALL_IN_FLIGHT.flatMap((inFlight) =>
    [...WAYS].map(([name, way]): Trial => ({
      name,
      measure: measureOf(inFlight),
      unit: "calls/s",
      sample: async () => {
        const begin = performance.now();
        const sum = await way(items, inFlight, call);
        const seconds = (performance.now() - begin) / 1e3;
        const expected = calls * (calls + 1) / 2;
        if (sum !== expected) throw new Error(`The sum is ${sum}, expected ${expected}`);
        return calls / seconds;
      },
    }))
  );
  const measurements = await measureInterleaved(
    trials,
    settings.repetitions,
    (done, total, { name, measure }) => {
      settings.progress(`sample ${done} of ${total}: ${measure}, ${name}`);
    },
  );
  const versus = (name: string, others: readonly string[], inFlight: number): Ratio => {
    const measure = measureOf(inFlight);
    const divisor = bestOf(others.map((other) => find(measurements, other, measure)), "highest");
    return ratioOf([{ dividend: find(measurements, name, measure), divisor }]);
  };
  const ratios: Record<string, Ratio> = {};
  for (const inFlight of ALL_IN_FLIGHT) {
    ratios[`ordered_${inFlight}_vs_best_by_hand`] = versus(ORDERED, BY_HAND, inFlight);
    ratios[`unordered_${inFlight}_vs_best_by_hand`] = versus(UNORDERED, BY_HAND, inFlight);
    ratios[`map_limit_${inFlight}_vs_best_by_hand`] = versus(MAP_LIMIT, BY_HAND, inFlight);
  }
  ratios.ordered_vs_generator_by_hand = versus(ORDERED, [GENERATOR], DEFAULT_IN_FLIGHT);
  return {
    measurements,
    ratios,
    notes: [
      `A sample is ${calls.toLocaleString("en")} calls from the host to one shard.`,
      "The best by hand is the one of the three without a reader whose median is best at that number " +
      "in flight. A pipeline's results are read by for await, a turn of the microtask queue each; " +
      "so are those of the generator.",
    ],
  };
}
