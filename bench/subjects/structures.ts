/**
 * `compare structures`: maps of strings to numbers. A shared map on its owner, and on another thread while the
 * owner changes it, beside a `Map` of one thread and the maps in shared memory that npm has.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { fileURLToPath } from "node:url";
import type { CompareSettings } from "../compare.ts";
import {
  bestOf,
  find,
  measureInterleaved,
  type Measurement,
  type Ratio,
  ratioOf,
  reasonOf,
  type Trial,
} from "../comparison.ts";
import {
  type MapContestant,
  openMap,
  openObjectBuffer,
  openOwned,
  openReader,
  openShareableMap,
  openSharedMap,
} from "../peers/map_contestants.ts";
import { keysOf, randomOrder } from "../peers/map_keys.ts";
import { mapTasks } from "../peers/map_tasks.ts";
import { type Findings, TIDEPOOL } from "../report.ts";

const MAP = "Map";
const OWNER = `${TIDEPOOL}, on its owner`;
const READER = `${TIDEPOOL}, read while its owner writes`;
const SHARED_MAP = "sharedmap";
const SHAREABLE_MAP = "ShareableMap";
const OBJECT_BUFFER = "@bnaya/objectbuffer";
const PEERS = [SHARED_MAP, SHAREABLE_MAP, OBJECT_BUFFER];

const FEW = 10_000;
const MANY = 1_000_000;
/** Accesses between two looks at the time. */
const ACCESSES_A_LOOK = 1_000;

const getOf = (keys: number) => `get, ${keys.toLocaleString("en")} keys`;
const setOf = (keys: number) => `set, ${keys.toLocaleString("en")} keys`;
const BYTES = "memory of a key and its number";
const READS = "reads a second by shards";
const ONE_READER = `${TIDEPOOL}, one reader`;
const TWO_READERS = `${TIDEPOOL}, two readers`;

type Opening = () => MapContestant | Promise<MapContestant>;

/** Runs the comparison. */
export async function compareStructures(settings: CompareSettings): Promise<Findings> {
  const sampleMs = settings.quick ? 5 : 50;
  const many = settings.quick ? 50_000 : MANY;
  const measurements: Measurement[] = [];
  for (const count of [FEW, many]) {
    await using runtime = await Runtime.start({
      shards: 2,
      memory: "512MiB",
      hostMemory: "256MiB",
    });
    const trials = trialsOf(runtime, count, count === FEW, sampleMs);
    if (count === FEW) trials.push(...readerTrials(runtime, count, sampleMs));
    measurements.push(...await measureTrials(trials, settings));
  }
  // Each sample is a process, and all are alike.
  const few = { ...settings, repetitions: Math.min(settings.repetitions, 3) };
  measurements.push(...await measureTrials(memoryTrials(many), few));
  return {
    measurements,
    ratios: ratiosOf(measurements, many),
    notes: [
      `A sample is ${sampleMs} ms of accesses on one thread, to keys in a random order; what is read by ` +
      "another thread is read while its owner sets values all the time, and deletes one key in ten and sets " +
      "it anew.",
      "Keys are like user:7919, and the same strings as were set: a Map has their hashes at hand.",
      "Memory of a Map is what the heap holds more, its keys among it; of a shared map it is blocks in use.",
      "Readers that are counted read with no writer beside them: there is a core for each.",
    ],
  };
}

async function measureTrials(
  trials: readonly Trial[],
  settings: CompareSettings,
): Promise<Measurement[]> {
  return await measureInterleaved(trials, settings.repetitions, (done, total, trial) => {
    settings.progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
  });
}

/** Trials of every contestant with so many keys; the peers from npm only if told to. */
function trialsOf(runtime: Runtime, count: number, withPeers: boolean, sampleMs: number): Trial[] {
  const keys = keysOf(count);
  const order = randomOrder(count);
  const openings: [string, Opening][] = [
    [MAP, () => openMap(keys)],
    [OWNER, () => openOwned(runtime, keys)],
  ];
  if (withPeers) {
    openings.push(
      [SHARED_MAP, () => openSharedMap(keys)],
      [SHAREABLE_MAP, () => openShareableMap(keys)],
      [OBJECT_BUFFER, () => openObjectBuffer(keys)],
    );
  }
  const trials = openings.flatMap(([name, open]) => {
    let opened: Promise<MapContestant> | undefined;
    const contestant = () => opened ??= openVerified(open, keys);
    return [getOf(count), setOf(count)].map((measure, isSet): Trial => ({
      name,
      measure,
      unit: "ns",
      sample: async () => {
        const map = await contestant();
        return isSet === 1
          ? timeSets(map, keys, order, sampleMs)
          : timeGets(map, keys, order, sampleMs);
      },
    }));
  });
  let reader: Promise<MapContestant> | undefined;
  trials.splice(2, 0, {
    name: READER,
    measure: getOf(count),
    unit: "ns",
    sample: async () => {
      const map = await (reader ??= openVerified(() => openReader(runtime, keys), keys));
      // The owner writes for longer than the sample takes.
      const writing = runtime.submitTo(0, mapTasks.write, sampleMs * 2);
      const time = timeGets(map, keys, order, sampleMs);
      await writing;
      return time;
    },
  });
  return trials;
}

/** What does not give back what was set has no time. */
async function openVerified(open: Opening, keys: readonly string[]): Promise<MapContestant> {
  const map = await open();
  for (let index = 0; index < keys.length; index += 997) {
    if (Number(map.get(keys[index]!)) !== index) throw new Error("A value is not what was set");
  }
  return map;
}

/** Nanoseconds of a get. */
function timeGets(
  { get }: MapContestant,
  keys: readonly string[],
  order: Uint32Array,
  sampleMs: number,
): number {
  let next = 0;
  let accesses = 0;
  const begin = performance.now();
  do {
    for (let i = 0; i < ACCESSES_A_LOOK; i++) {
      get(keys[order[next]!]!);
      if (++next === keys.length) next = 0;
    }
    accesses += ACCESSES_A_LOOK;
  } while (performance.now() - begin < sampleMs);
  return (performance.now() - begin) * 1e6 / accesses;
}

/** Nanoseconds of a set of a key that is there. */
function timeSets(
  { set }: MapContestant,
  keys: readonly string[],
  order: Uint32Array,
  sampleMs: number,
): number {
  let next = 0;
  let accesses = 0;
  const begin = performance.now();
  do {
    for (let i = 0; i < ACCESSES_A_LOOK; i++) {
      set!(keys[order[next]!]!, order[next]!);
      if (++next === keys.length) next = 0;
    }
    accesses += ACCESSES_A_LOOK;
  } while (performance.now() - begin < sampleMs);
  return (performance.now() - begin) * 1e6 / accesses;
}

/** One shard reads what the host owns, and two. */
function readerTrials(runtime: Runtime, count: number, sampleMs: number): Trial[] {
  let address: number | undefined;
  const prepared = async (): Promise<number> => {
    if (address !== undefined) return address;
    // Shard 0 owns the map that is read above, and 1 has read nothing yet.
    address = await runtime.submitTo(1, mapTasks.open, count);
    await runtime.submitTo(0, mapTasks.prepare, count);
    return address;
  };
  const readBy = async (shards: readonly number[]): Promise<number> => {
    const at = await prepared();
    const rates = await Promise.all(
      shards.map((shard) => runtime.submitTo(shard, mapTasks.read, at, sampleMs * 2)),
    );
    return rates.reduce((sum, rate) => sum + rate, 0);
  };
  return [
    { name: ONE_READER, measure: READS, unit: "reads/s", sample: () => readBy([0]) },
    { name: TWO_READERS, measure: READS, unit: "reads/s", sample: () => readBy([0, 1]) },
  ];
}

function memoryTrials(count: number): Trial[] {
  return [[MAP, "map"], [TIDEPOOL, "shared"]].map(([name, kind]): Trial => ({
    name: name!,
    measure: BYTES,
    unit: "bytes",
    sample: () => measureMemory(kind!, count),
  }));
}

async function measureMemory(kind: string, count: number): Promise<number> {
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", `--lock=${path("../deno.lock")}`, "--no-check", "--quiet", "--allow-read"],
      ...["--v8-flags=--expose-gc", path("../peers/map_memory_main.ts"), kind, `${count}`],
    ],
  }).output();
  if (!success) throw new Error(reasonOf(new Error(new TextDecoder().decode(stderr))));
  return Number(new TextDecoder().decode(stdout));
}

function ratiosOf(measurements: readonly Measurement[], many: number): Record<string, Ratio> {
  const versus = (name: string, other: string, measure: string) =>
    ratioOf([{
      dividend: find(measurements, name, measure),
      divisor: find(measurements, other, measure),
    }]);
  const peers = PEERS.map((name) => find(measurements, name, getOf(FEW)));
  const best = bestOf(peers, "lowest");
  return {
    get10k_owner_vs_map: versus(OWNER, MAP, getOf(FEW)),
    get10k_reader_vs_map: versus(READER, MAP, getOf(FEW)),
    set10k_owner_vs_map: versus(OWNER, MAP, setOf(FEW)),
    get1m_owner_vs_map: versus(OWNER, MAP, getOf(many)),
    get1m_reader_vs_map: versus(READER, MAP, getOf(many)),
    set1m_owner_vs_map: versus(OWNER, MAP, setOf(many)),
    get_vs_best_peer: ratioOf([{
      dividend: best,
      divisor: find(measurements, READER, getOf(FEW)),
    }]),
    get_vs_sharedmap: versus(SHARED_MAP, READER, getOf(FEW)),
    bytes_per_key_vs_map: versus(TIDEPOOL, MAP, BYTES),
    two_readers_scale: versus(TWO_READERS, ONE_READER, READS),
  };
}
