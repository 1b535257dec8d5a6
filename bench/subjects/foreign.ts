/**
 * `compare foreign`: holding, calling and giving up objects of another thread, by Tidepool's foreign
 * pointers, by comlink's proxies and by a registry over postMessage.
 *
 * @module
 */
import type { CompareSettings } from "../compare.ts";
import {
  answerOf,
  find,
  measureInterleaved,
  type Measurement,
  type Ratio,
  ratioOf,
  reasonOf,
  type Trial,
} from "../comparison.ts";
import type { ObjectHolder } from "../peers/foreign_holder.ts";
import type { TidepoolHolder } from "../peers/foreign_tidepool.ts";
import { type Findings, TIDEPOOL } from "../report.ts";

const COMLINK = "comlink";
const REGISTRY = "postMessage registry";
const TYPED_ARRAY = "Float64Array";

const TRANSFER = "make, transfer, destroy, 64 in flight";
const INVOKE = "invoke a method, one at a time";
const CALL = "call of a task, one at a time";
const COPY = "copy(), one at a time";
const COPY_ALONE = "copy(), each after a clean-up";
const COPY_64 = "copy(64), each after a clean-up";
const READ = "read a field of a struct of the other thread";

const IN_FLIGHT = 64;
/** Operations between two looks at the clock. */
const CHUNK = 64;
/** Copies that are put away at each clean-up, untimed: some more are made for it if need be. */
const HELD_COPIES = 64;

type SharedPointer = Awaited<ReturnType<TidepoolHolder["makeShared"]>>;
/** A pointer, and copies of it until they are put away. */
interface Copied {
  readonly pointer: SharedPointer;
  copies: SharedPointer[];
}

interface Holders {
  readonly tidepool: TidepoolHolder;
  readonly all: ReadonlyMap<string, ObjectHolder>;
  readonly reasons: ReadonlyMap<string, string>;
}

/** Runs the comparison. */
export async function compareForeign(settings: CompareSettings): Promise<Findings> {
  const sampleMs = settings.quick ? 10 : 150;
  const holders = await openAll(settings);
  const measurements = await measureInterleaved(
    [...sharedTrials(holders, sampleMs), ...ownTrials(holders.tidepool, sampleMs)],
    settings.repetitions,
    (done, total, trial) => {
      settings.progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
    },
  );
  for (const holder of holders.all.values()) await holder.close();
  return {
    measurements,
    ratios: ratiosOf(measurements),
    notes: [
      "One thread that holds, one that owns the objects; each contestant has a worker of its own, " +
      "and all of them are up while one is measured.",
      `A sample is ${sampleMs} ms of operations. The rate counts objects that were made, held here ` +
      "and destroyed there; the sample ends when the owner says that all of them are.",
      `Calls and copies are timed under the same conditions: between two stretches of ${HELD_COPIES} ` +
      `there is a clean-up, untimed, that destroys ${HELD_COPIES} copies. copy(64) is compared with a ` +
      "copy() that is alone in its stretch too.",
    ],
  };
}

async function openAll(settings: CompareSettings): Promise<Holders> {
  settings.progress(`starting ${TIDEPOOL}`);
  const tidepool = await (await import("../peers/foreign_tidepool.ts")).openTidepoolHolder();
  const all = new Map<string, ObjectHolder>([[TIDEPOOL, tidepool]]);
  const reasons = new Map<string, string>();
  const open = async (name: string, load: () => Promise<ObjectHolder>) => {
    settings.progress(`starting ${name}`);
    try {
      const holder = await answerOf(load());
      all.set(name, holder);
      await answerOf(verify(holder));
    } catch (error) {
      reasons.set(name, reasonOf(error));
    }
  };
  await verify(tidepool);
  await open(COMLINK, async () => {
    return await (await import("../peers/foreign_comlink.ts")).openComlinkHolder();
  });
  await open(REGISTRY, async () => {
    return await (await import("../peers/foreign_registry.ts")).openRegistryHolder();
  });
  return { tidepool, all, reasons };
}

/** A contestant that answers wrongly is as good as one that does not start. */
async function verify(holder: ObjectHolder): Promise<void> {
  const before = await holder.destroyed();
  const object = await holder.make();
  await object.add(2);
  const sum = await object.add(3);
  if (sum !== 5) throw new Error(`It answers 2 + 3 with ${sum}`);
  object.release();
  await untilDestroyed(holder, before + 1);
}

async function untilDestroyed(holder: ObjectHolder, count: number): Promise<void> {
  while (await holder.destroyed() < count);
}

function sharedTrials({ all, reasons }: Holders, sampleMs: number): Trial[] {
  return [TIDEPOOL, COMLINK, REGISTRY].flatMap((name): Trial[] => {
    const holder = all.get(name);
    const refusal = () => Promise.reject(new Error(reasons.get(name) ?? "It was not started"));
    const run = (sample: (holder: ObjectHolder) => Promise<number>) =>
      holder === undefined || reasons.has(name) ? refusal : () => answerOf(sample(holder));
    return [
      {
        name,
        measure: TRANSFER,
        unit: "objects/s",
        sample: run((each) => transferRate(each, sampleMs)),
      },
      { name, measure: INVOKE, unit: "µs/call", sample: run((each) => invokeTime(each, sampleMs)) },
    ];
  });
}

async function transferRate(holder: ObjectHolder, sampleMs: number): Promise<number> {
  const before = await holder.destroyed();
  let made = 0;
  const begin = performance.now();
  const deadline = begin + sampleMs;
  const loop = async () => {
    do {
      const object = await holder.make();
      made++;
      object.release();
    } while (performance.now() < deadline);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
  await untilDestroyed(holder, before + made);
  return made / (performance.now() - begin) * 1e3;
}

async function invokeTime(holder: ObjectHolder, sampleMs: number): Promise<number> {
  const object = await holder.make();
  const microseconds = await timeOf(sampleMs, () => object.add(1));
  object.release();
  return microseconds;
}

function ownTrials(tidepool: TidepoolHolder, sampleMs: number): Trial[] {
  const reads = Math.round(sampleMs * 200_000);
  const nanoseconds = ({ sum, milliseconds }: { sum: number; milliseconds: number }) => {
    if (sum !== reads) throw new Error(`${reads} fields of 1 add up to ${sum}`);
    return milliseconds * 1e6 / reads;
  };
  /** Microseconds of `operate`, so many in a row between two clean-ups of HELD_COPIES copies. */
  const timeBetweenCleanUps = async (
    inARow: number,
    operate: (copied: Copied) => Promise<unknown>,
  ): Promise<number> => {
    const pointer = await tidepool.makeShared();
    const copied: Copied = { pointer, copies: [] };
    const cleanUp = async () => {
      while (copied.copies.length < HELD_COPIES) await copy(copied);
      await Promise.all(copied.copies.splice(0).map((each) => each.destroy()));
    };
    // A clean-up takes a hundred times as long as what is alone between two of them.
    const timedMs = inARow === 1 ? sampleMs / 10 : sampleMs;
    const microseconds = await timeOf(timedMs, () => operate(copied), inARow, cleanUp);
    await pointer.destroy();
    return microseconds;
  };
  const copy = async ({ pointer, copies }: Copied) => {
    copies.push(await pointer.copy());
  };
  const copyMany = async (copied: Copied) => {
    copied.copies = await copied.pointer.copy(HELD_COPIES);
  };
  const own = (measure: string, unit: string, sample: () => Promise<number>): Trial => ({
    name: TIDEPOOL,
    measure,
    unit,
    sample,
  });
  return [
    own(CALL, "µs/call", () => timeBetweenCleanUps(HELD_COPIES, () => tidepool.call())),
    own(COPY, "µs/call", () => timeBetweenCleanUps(HELD_COPIES, copy)),
    own(COPY_ALONE, "µs/call", () => timeBetweenCleanUps(1, copy)),
    own(COPY_64, "µs/call", () => timeBetweenCleanUps(1, copyMany)),
    own(READ, "ns/read", async () => nanoseconds(await tidepool.readField(reads))),
    {
      name: TYPED_ARRAY,
      measure: READ,
      unit: "ns/read",
      sample: async () =>
        nanoseconds((await import("../peers/foreign_tidepool.ts")).readTypedArray(reads)),
    },
  ];
}

/** Microseconds that one operation takes, one at a time; `cleanUp` runs after each chunk, untimed. */
async function timeOf(
  sampleMs: number,
  operate: () => Promise<unknown>,
  chunk = CHUNK,
  cleanUp?: () => Promise<unknown>,
): Promise<number> {
  let operations = 0;
  let milliseconds = 0;
  while (milliseconds < sampleMs) {
    const begin = performance.now();
    for (let i = 0; i < chunk; i++) await operate();
    milliseconds += performance.now() - begin;
    operations += chunk;
    await cleanUp?.();
  }
  return milliseconds * 1e3 / operations;
}

function ratiosOf(measurements: readonly Measurement[]): Record<string, Ratio> {
  const versus = (dividend: [string, string], divisor: [string, string]) =>
    ratioOf([{
      dividend: find(measurements, ...dividend),
      divisor: find(measurements, ...divisor),
    }]);
  return {
    transfer_destroy_rate_vs_comlink: versus([TIDEPOOL, TRANSFER], [COMLINK, TRANSFER]),
    invoke_time_vs_comlink: versus([TIDEPOOL, INVOKE], [COMLINK, INVOKE]),
    copy_time_vs_call: versus([TIDEPOOL, COPY], [TIDEPOOL, CALL]),
    copy64_time_vs_copy: versus([TIDEPOOL, COPY_64], [TIDEPOOL, COPY_ALONE]),
    field_read_time_vs_typed_array: versus([TIDEPOOL, READ], [TYPED_ARRAY, READ]),
  };
}
