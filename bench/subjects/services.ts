/**
 * `compare services`: a method of the instance that has a key, when it lives on the calling shard: by
 * `at(key)`, beside a direct call of the object.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import type { CompareSettings } from "../compare.ts";
import { find, measureInterleaved, ratioOf, type Trial } from "../comparison.ts";
import { counts, keyedCalls, type Way } from "../peers/keyed_calls.ts";
import type { Findings } from "../report.ts";

const WAYS: ReadonlyMap<string, Way> = new Map([
  ["await instance.add(key)", "direct"],
  ["await service.at(key).add(key)", "at"],
  ['await service.invokeOn(shard, "add", key)', "invokeOn"],
]);
const [DIRECT, AT] = [...WAYS.keys()] as [string, string];

/** Few enough to be remembered, and too many. */
const KEY_COUNTS = [64, 65_536];
const measureOf = (keyCount: number) => `a call on the own shard, ${keyCount} keys in turn`;

/** Runs the comparison. */
export async function compareServices(settings: CompareSettings): Promise<Findings> {
  const calls = settings.quick ? 1_000 : 65_536;
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  await using service = await runtime.startSharded(counts);
  const trials = KEY_COUNTS.flatMap((keyCount) =>
    [...WAYS].map(([name, way]): Trial => ({
      name,
      measure: measureOf(keyCount),
      unit: "ns/call",
      sample: () => runtime.submitTo(0, keyedCalls.run, service, way, keyCount, calls),
    }))
  );
  const measurements = await measureInterleaved(
    trials,
    settings.repetitions,
    (done, total, { name, measure }) => {
      settings.progress(`sample ${done} of ${total}: ${measure}, ${name}`);
    },
  );
  const versus = (keyCount: number) =>
    ratioOf([{
      dividend: find(measurements, AT, measureOf(keyCount)),
      divisor: find(measurements, DIRECT, measureOf(keyCount)),
    }]);
  return {
    measurements,
    ratios: {
      at_64_keys_vs_direct: versus(64),
      at_65536_keys_vs_direct: versus(65_536),
    },
    notes: [`A sample is ${calls.toLocaleString("en")} calls, each awaited, within one task.`],
  };
}
