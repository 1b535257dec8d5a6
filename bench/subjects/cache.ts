/**
 * `compare cache`: a shared cache on its owner and on another shard, beside lru-cache on one thread and a call to
 * the owner, which is what a program does that has a cache on one thread alone.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import type { CompareSettings } from "../compare.ts";
import {
  figureOf,
  find,
  measureInterleaved,
  type Ratio,
  ratioOf,
  type Trial,
} from "../comparison.ts";
import { cacheTasks, ENTRIES } from "../peers/cache_tasks.ts";
import { type Findings, TIDEPOOL } from "../report.ts";

const LRU = "lru-cache, on one thread";
const OWNER = `${TIDEPOOL}, on its owner`;
const READER = `${TIDEPOOL}, on another shard`;
const CALL = "a call to the owner";

const HIT = "a hit of a number";
const HIT_ENDING = "a hit of a number that ends in an hour";
const HIT_STRUCT = "a hit of a struct of 24 bytes, as an object";
const READ_STRUCT = "a field of that struct, read where it lies";
const SET = "a set by which another goes";
const SET_ENDING = "a set by which another goes, which ends in an hour";
const HIT_RATE = "hits of a Zipf trace, with room for a tenth of the keys";

/** Runs the comparison. */
export async function compareCache(settings: CompareSettings): Promise<Findings> {
  const rounds = settings.quick ? 1 : 30;
  const calls = settings.quick ? 200 : 20_000;
  const accesses = settings.quick ? 20_000 : 500_000;
  await using runtime = await Runtime.start({ shards: 4, memory: "64MiB" });
  // Each reads one kind, as the engine compiles what it has seen.
  const [owner, reader, endingReader, structReader] = [0, 1, 2, 3];
  const addresses = await runtime.submitTo(owner, cacheTasks.open);
  for (const shard of [reader, endingReader, structReader]) {
    await runtime.submitTo(shard, cacheTasks.enter, addresses);
  }
  const on = (
    name: string,
    measure: string,
    sample: () => Promise<number>,
    unit = "ns",
  ): Trial => ({ name, measure, unit, sample });
  const trials = [
    on(LRU, HIT, () => runtime.submitTo(owner, cacheTasks.hitOfLru, rounds)),
    on(OWNER, HIT, () => runtime.submitTo(owner, cacheTasks.hitOnOwner, rounds, "numbers")),
    on(READER, HIT, () => runtime.submitTo(reader, cacheTasks.hitOnReader, rounds, "numbers")),
    on(CALL, HIT, () => runtime.submitTo(reader, cacheTasks.callOwner, calls, owner)),
    on(OWNER, HIT_ENDING, () => runtime.submitTo(owner, cacheTasks.hitOnOwner, rounds, "ending")),
    on(READER, HIT_ENDING, () => {
      return runtime.submitTo(endingReader, cacheTasks.hitOnReader, rounds, "ending");
    }),
    on(OWNER, HIT_STRUCT, () => runtime.submitTo(owner, cacheTasks.hitOnOwner, rounds, "users")),
    on(
      READER,
      HIT_STRUCT,
      () => runtime.submitTo(structReader, cacheTasks.hitOnReader, rounds, "users"),
    ),
    on(READER, READ_STRUCT, () => runtime.submitTo(structReader, cacheTasks.readOnReader, rounds)),
    on(LRU, SET, () => runtime.submitTo(owner, cacheTasks.setOfLru, rounds)),
    on(OWNER, SET, () => runtime.submitTo(owner, cacheTasks.set, rounds, "numbers")),
    on(OWNER, SET_ENDING, () => runtime.submitTo(owner, cacheTasks.set, rounds, "ending")),
    on(LRU, HIT_RATE, () => runtime.submitTo(owner, cacheTasks.hitRateOfLru, accesses), "of all"),
    on(OWNER, HIT_RATE, () => runtime.submitTo(owner, cacheTasks.hitRate, accesses), "of all"),
  ];
  const measurements = await measureInterleaved(
    trials,
    settings.repetitions,
    (done, total, { name, measure }) => {
      settings.progress(`sample ${done} of ${total}: ${measure}, ${name}`);
    },
  );
  const microseconds = (measure: string): Ratio => {
    const { value, reason } = figureOf(find(measurements, READER, measure));
    return { value: value === null ? null : value / 1000, reason };
  };
  const versus = (dividend: string, divisor: string, measure: string) =>
    ratioOf([{
      dividend: find(measurements, dividend, measure),
      divisor: find(measurements, divisor, measure),
    }]);
  return {
    measurements,
    ratios: {
      cache_hit_reader_us: microseconds(HIT),
      cache_hit_ending_reader_us: microseconds(HIT_ENDING),
      cache_hit_struct_reader_us: microseconds(HIT_STRUCT),
      cache_read_struct_reader_us: microseconds(READ_STRUCT),
      cache_hit_vs_call: versus(CALL, READER, HIT),
      cache_hit_owner_vs_lru_cache: versus(OWNER, LRU, HIT),
      cache_hit_reader_vs_lru_cache: versus(READER, LRU, HIT),
      cache_set_vs_lru_cache: versus(OWNER, LRU, SET),
      hit_rate_vs_lru: versus(OWNER, LRU, HIT_RATE),
    },
    notes: [
      `A hit is one of ${ENTRIES.toLocaleString("en")} keys like "user:7919", in a random order.`,
      `A call is awaited before the next; a sample is ${calls.toLocaleString("en")} of them.`,
      `The trace asks for the n-th of 100,000 keys 1/n times as often as for the first, ` +
      `${accesses.toLocaleString("en")} times; what is not there is set.`,
    ],
  };
}
