/**
 * `compare partitioned`: a map over all shards. A key of another shard read in place, beside a call and
 * beside `postMessage`; a count that its owner increments, beside the same by a task of the program's own.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import type { CompareSettings } from "../compare.ts";
import {
  find,
  measureInterleaved,
  type Measurement,
  type Ratio,
  ratioOf,
  type Trial,
} from "../comparison.ts";
import { KEYS } from "../peers/partitioned_keys.ts";
import { counts, partitionedTasks, type Way } from "../peers/partitioned_tasks.ts";
import { PlainWorker } from "../peers/plain_worker.ts";
import type { Findings } from "../report.ts";
import { POST_MESSAGE, timeCalls } from "./callers.ts";

const CALL = "submitTo, a JS Map there";
const IN_PLACE = "map.get";
const UPDATE = "map.update";
const ADD = "map.add";
const IN_FLIGHT = 64;

const GET = "get of another shard's key";
const OWN_GET = "get of an own key";
const INCREMENT = "increment of another shard's count, one at a time";
const INCREMENTS = `increments of another shard's counts, ${IN_FLIGHT} in flight`;

/** Runs the comparison. */
export async function comparePartitioned(settings: CompareSettings): Promise<Findings> {
  const sampleMs = settings.quick ? 5 : 100;
  await using runtime = await Runtime.start({ shards: 1, memory: "32MiB" });
  await using map = await counts.start(runtime);
  await map.setMany(KEYS.map((key, index) => [key, index]));
  await runtime.submitTo(0, partitionedTasks.fill);
  const worker = await PlainWorker.start(
    new URL("../peers/partitioned_worker.ts", import.meta.url),
  );
  try {
    const keyOf = (index: number) => KEYS[index % KEYS.length]!;
    const gets: Record<string, (key: string) => number | undefined | Promise<number | undefined>> =
      {
        [IN_PLACE]: (key) => map.get(key),
        [CALL]: (key) => runtime.submitTo(0, partitionedTasks.get, key),
        [POST_MESSAGE]: (key) => worker.call<number>("get", [key]),
      };
    const adds: Record<string, (key: string) => Promise<number>> = {
      [ADD]: (key) => map.add(key, 1),
      [UPDATE]: (key) => map.update(key, "addTo", 1),
      [CALL]: (key) => runtime.submitTo(0, partitionedTasks.add, key, 1),
      [POST_MESSAGE]: (key) => worker.call<number>("add", [key, 1]),
    };
    await verify(gets, adds);
    const trials: Trial[] = [
      inPlaceTrial((index) => map.get(keyOf(index))!, sampleMs),
      ...[CALL, POST_MESSAGE].map((name) =>
        callTrial(name, GET, (index) => gets[name]!(keyOf(index)) as Promise<unknown>, 1, sampleMs)
      ),
      ...[INCREMENT, INCREMENTS].flatMap((measure) =>
        Object.entries(adds).map(([name, add]) =>
          callTrial(
            name,
            measure,
            (index) => add(keyOf(index)),
            measure === INCREMENT ? 1 : IN_FLIGHT,
            sampleMs,
          )
        )
      ),
      ...(["map", "JS Map"] satisfies Way[]).map((way): Trial => ({
        name: way === "map" ? IN_PLACE : way,
        measure: OWN_GET,
        unit: "ns",
        sample: () =>
          runtime.submitTo(0, partitionedTasks.read, map, way, settings.quick ? 1_000 : 200_000),
      })),
    ];
    const measurements = await measureInterleaved(
      trials,
      settings.repetitions,
      (done, total, { name, measure }) => {
        settings.progress(`sample ${done} of ${total}: ${measure}, ${name}`);
      },
    );
    return { measurements, ratios: ratiosOf(measurements), notes: notesOn(sampleMs) };
  } finally {
    await worker.close();
  }
}

/** All give the same. */
async function verify(
  gets: Record<string, (key: string) => unknown>,
  adds: Record<string, (key: string) => Promise<number>>,
): Promise<void> {
  for (const [name, get] of Object.entries(gets)) {
    const value = await get(KEYS[42]!);
    if (value !== 42) throw new Error(`${name} gives ${value} of 42`);
  }
  for (const [name, add] of Object.entries(adds)) {
    const [before, after] = [await add(KEYS[7]!), await add(KEYS[7]!)];
    if (after !== before + 1) throw new Error(`${name} gives ${after} after ${before}`);
  }
}

/** Reads without a promise, which a call always has. */
function inPlaceTrial(get: (index: number) => number, sampleMs: number): Trial {
  let reads = 0;
  return {
    name: IN_PLACE,
    measure: GET,
    unit: "ns",
    sample: () => {
      const first = reads;
      let sum = 0;
      const begin = performance.now();
      while (performance.now() - begin < sampleMs) {
        for (let turn = 0; turn < 1_000; turn++) sum += get(reads++);
      }
      if (!(sum > 0)) throw new Error(`The sum is ${sum}`);
      return (performance.now() - begin) * 1e6 / (reads - first);
    },
  };
}

function callTrial(
  name: string,
  measure: string,
  call: (index: number) => Promise<unknown>,
  inFlight: number,
  sampleMs: number,
): Trial {
  return {
    name,
    measure,
    unit: "ns",
    sample: async () => {
      return 1e9 * await timeCalls((_, index) => call(index), undefined, inFlight, sampleMs);
    },
  };
}

function ratiosOf(measurements: readonly Measurement[]): Record<string, Ratio> {
  const ratio = (measure: string, dividend: string, divisor: string) =>
    ratioOf([{
      dividend: find(measurements, dividend, measure),
      divisor: find(measurements, divisor, measure),
    }]);
  return {
    get_time_vs_call: ratio(GET, IN_PLACE, CALL),
    get_time_vs_postmessage: ratio(GET, IN_PLACE, POST_MESSAGE),
    own_get_time_vs_js_map: ratio(OWN_GET, IN_PLACE, "JS Map"),
    add_time_vs_call: ratio(INCREMENT, ADD, CALL),
    add_time_vs_call_in_flight: ratio(INCREMENTS, ADD, CALL),
    update_time_vs_call: ratio(INCREMENT, UPDATE, CALL),
    update_time_vs_call_in_flight: ratio(INCREMENTS, UPDATE, CALL),
    update_time_vs_postmessage_in_flight: ratio(INCREMENTS, UPDATE, POST_MESSAGE),
  };
}

function notesOn(sampleMs: number): string[] {
  return [
    `One caller, the host, and one thread that owns ${
      KEYS.length.toLocaleString("en")
    } text keys; ` +
    `a sample is ${sampleMs} ms. The JS Map is on that thread, and reads of own keys run there.`,
  ];
}
