/**
 * `compare placement`: what each part of the option `placement` is worth, beside the same without it.
 * Each contestant is a process of its own.
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
  reasonOf,
  type Trial,
} from "../comparison.ts";
import { memcaslapRate } from "../peers/memcached_load.ts";
import { type ServerProcess, startTidepool } from "../peers/memcached_servers.ts";
import {
  type CallTimes,
  type FirstTouch,
  type Place,
  PlacedProcess,
} from "../placement/placed_process.ts";
import { type Findings, TIDEPOOL } from "../report.ts";
import { besideBusyProcesses } from "./busy_cores.ts";

const HUGE_PAGES = "hugePages";
const PREFAULT = "prefault";
const PREFAULT_HUGE_PAGES = "prefault, hugePages";
const LOCK = "lock";
const PIN_SHARD = "pin: the shard";
const PIN_BOTH = "pin: the shard and the host";

/** Absent where there is no memcaslap, which says nothing about Tidepool: so a name of its own. */
const SERVER = "examples/memcached";
const SERVER_HUGE_PAGES = "examples/memcached, hugePages";

const INDEPENDENT = "random reads, independent";
const DEPENDENT = "random reads, each at the place that the last one says";
const MEMCACHED = "memcached, 64 connections, values of 1,000 bytes";
const START = "start";
const TOUCH = "first touch of a page";
const MEBIBYTE = 2 ** 20;

/** The traces with the longest and the shortest operations. */
const PROGRAMS = ["git-pack", "sqlite"];

/** The amount of work behind one sample. */
interface Effort {
  readonly tableBytes: number;
  readonly reads: number;
  readonly replayMs: number;
  readonly touchedBytes: number;
  readonly memcaslapSeconds: number;
  readonly callMs: number;
}

const FULL: Effort = {
  tableBytes: 1024 * MEBIBYTE,
  reads: 2 ** 21,
  replayMs: 80,
  touchedBytes: 512 * MEBIBYTE,
  memcaslapSeconds: 1,
  callMs: 400,
};

const QUICK: Effort = {
  tableBytes: 32 * MEBIBYTE,
  reads: 2 ** 16,
  replayMs: 1,
  touchedBytes: 16 * MEBIBYTE,
  memcaslapSeconds: 1,
  callMs: 20,
};

/** The contestants of one group by name; a text is the reason why one is absent. */
type Processes = ReadonlyMap<string, PlacedProcess | string>;

/** Runs the comparison. */
export async function comparePlacement(settings: CompareSettings): Promise<Findings> {
  const effort = settings.quick ? QUICK : FULL;
  const pins = await findPins();
  const table = await measureTable(effort, settings);
  const replay = await measureReplay(effort, settings);
  const memcached = await measureMemcached(effort, settings);
  const touches = await measureFirstTouch(effort, settings);
  const calls = await measureCalls(pins, effort, settings);
  const measurements = [...table, ...replay, ...memcached, ...touches, ...calls];
  return { measurements, ratios: ratiosOf(measurements, replay), notes: notesOf(effort) };
}

/** Places of a shard and of its host on a cpu each, or why there are none. */
async function findPins(): Promise<ReadonlyMap<string, Place | string>> {
  await using runtime = await Runtime.start({ shards: 1, memory: "8MiB", placement: {} });
  const { cpus, problems } = runtime.placement(0);
  const [first, second] = cpus;
  const reason = problems[0] ??
    (second === undefined ? "two threads need two cpus, and this process has one" : undefined);
  return new Map<string, Place | string>([
    [TIDEPOOL, undefined],
    [PIN_SHARD, reason ?? { pin: [second!] }],
    [PIN_BOTH, reason ?? { pin: [second!, first!] }],
  ]);
}

const HUGE_PLACES: ReadonlyMap<string, Place> = new Map<string, Place>([
  [TIDEPOOL, undefined],
  [HUGE_PAGES, { hugePages: true }],
]);

/** Starts a process in each place, and gives them to `work`. */
async function withProcesses<Result>(
  places: ReadonlyMap<string, Place>,
  open: (place: Place) => Promise<PlacedProcess>,
  work: (processes: Processes) => Promise<Result>,
): Promise<Result> {
  const processes = new Map<string, PlacedProcess | string>();
  try {
    for (const [name, place] of places) {
      try {
        processes.set(name, await open(place));
      } catch (error) {
        processes.set(name, reasonOf(error));
      }
    }
    return await work(processes);
  } finally {
    for (const process of processes.values()) {
      if (typeof process !== "string") await process.close();
    }
  }
}

/** A contestant that is there, or the reason why it is not, thrown. */
function presentIn(processes: Processes, name: string): PlacedProcess {
  const process = processes.get(name)!;
  if (typeof process === "string") throw new Error(process);
  return process;
}

/** A trial of every contestant. */
function trialsOf(
  processes: Processes,
  measure: string,
  unit: string,
  sample: (process: PlacedProcess) => Promise<number>,
): Trial[] {
  return [...processes.keys()].map((name) => ({
    name,
    measure,
    unit,
    sample: async () => await sample(presentIn(processes, name)),
  }));
}

function measureTrials(
  trials: readonly Trial[],
  settings: CompareSettings,
): Promise<Measurement[]> {
  return measureInterleaved(trials, settings.repetitions, (done, total, trial) => {
    settings.progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
  });
}

const rssOf = (what: string) => `RSS, ${what}`;

/** The memory of each contestant now. */
async function residents(processes: Processes, what: string): Promise<Measurement[]> {
  const trials = trialsOf(processes, rssOf(what), "MB", async (process) => {
    return await process.residentBytes() / 1e6;
  });
  return await measureInterleaved(trials, 1);
}

async function measureTable(effort: Effort, settings: CompareSettings): Promise<Measurement[]> {
  settings.progress("filling the tables");
  const open = (place: Place) => PlacedProcess.withTable(place, effort.tableBytes);
  return await withProcesses(HUGE_PLACES, open, async (processes) => {
    const trials = [[INDEPENDENT, "independent"], [DEPENDENT, "dependent"]] as const;
    const times = await measureTrials(
      trials.flatMap(([measure, kind]) => {
        return trialsOf(processes, measure, "ns/read", (each) => each.read(kind, effort.reads));
      }),
      settings,
    );
    return [...times, ...await residents(processes, "table")];
  });
}

async function measureReplay(effort: Effort, settings: CompareSettings): Promise<Measurement[]> {
  settings.progress("reading the traces");
  const limits = { minimumMs: effort.replayMs, budgetMs: 3_000 };
  const open = (place: Place) => PlacedProcess.withPrograms(place, settings.traces, PROGRAMS);
  return await withProcesses(HUGE_PLACES, open, async (processes) => {
    const times = await measureTrials(
      PROGRAMS.flatMap((program) => {
        return trialsOf(processes, program, "ns/op", (each) => each.replay(program, limits));
      }),
      settings,
    );
    return [...times, ...await residents(processes, "replay")];
  });
}

async function measureMemcached(
  effort: Effort,
  settings: CompareSettings,
): Promise<Measurement[]> {
  const places = new Map<string, Place>([[SERVER, undefined], [SERVER_HUGE_PAGES, {
    hugePages: true,
  }]]);
  const servers = new Map<string, ServerProcess | string>();
  const serverOf = (name: string): ServerProcess => {
    const server = servers.get(name)!;
    if (typeof server === "string") throw new Error(server);
    return server;
  };
  try {
    for (const [name, place] of places) {
      settings.progress(`starting ${name}`);
      try {
        const hugePages = place !== undefined;
        if (hugePages) await PlacedProcess.firstTouch(place, MEBIBYTE); // a server runs on without them
        servers.set(name, await startTidepool({ shards: 2, memoryMebibytes: 512, hugePages }));
      } catch (error) {
        servers.set(name, reasonOf(error));
      }
    }
    const rates = await measureTrials(
      [...places.keys()].map((name) => ({
        name,
        measure: MEMCACHED,
        unit: "operations/s",
        sample: async () =>
          await memcaslapRate(serverOf(name).port, 64, 1000, effort.memcaslapSeconds),
      })),
      settings,
    );
    const memory = await measureInterleaved(
      [...places.keys()].map((name) => ({
        name,
        measure: rssOf("memcached"),
        unit: "MB",
        sample: async () => await serverOf(name).peakResidentBytes() / 1e6,
      })),
      1,
    );
    return [...rates, ...memory];
  } finally {
    for (const server of servers.values()) if (typeof server !== "string") await server.close();
  }
}

/** A process for each sample: only one that has just started has pages that nobody has touched. */
async function measureFirstTouch(
  effort: Effort,
  settings: CompareSettings,
): Promise<Measurement[]> {
  const places = new Map<string, Place>([
    [TIDEPOOL, undefined],
    [HUGE_PAGES, { hugePages: true }],
    [PREFAULT, { prefault: true }],
    [PREFAULT_HUGE_PAGES, { prefault: true, hugePages: true }],
    [LOCK, { lock: true }],
  ]);
  const groups = [...places].map(([name, place]) =>
    trialsOfOneSample<FirstTouch>(
      name,
      () => PlacedProcess.firstTouch(place, effort.touchedBytes),
      [
        [START, "ms", ({ startMs }) => startMs],
        [TOUCH, "ns", ({ touchNs }) => touchNs],
        [rssOf(START), "MB", ({ startedBytes }) => startedBytes / 1e6],
      ],
    )
  );
  return await measureTrials(inTurns(groups), settings);
}

/** A process for each sample: where the kernel puts both ends of a call, it leaves them for long. */
async function measureCalls(
  pins: ReadonlyMap<string, Place | string>,
  effort: Effort,
  settings: CompareSettings,
): Promise<Measurement[]> {
  const measure = async (busy: "" | ", busy") => {
    const groups = [...pins].map(([name, place]) =>
      trialsOfOneSample<CallTimes>(
        name,
        async () => {
          if (typeof place === "string") throw new Error(place);
          return await PlacedProcess.calls(place, effort.callMs);
        },
        [
          [medianOf(busy), "µs/call", ({ median }) => median],
          [p99Of(busy), "µs/call", ({ p99 }) => p99],
          [rateOf(busy), "calls/s", ({ rate }) => rate],
        ],
      )
    );
    return await measureTrials(inTurns(groups), settings);
  };
  const quiet = await measure("");
  const busy = await besideBusyProcesses(navigator.hardwareConcurrency, () => measure(", busy"));
  return [...quiet, ...busy];
}

const medianOf = (busy: string) => `add(a, b), one at a time${busy}: median`;
const p99Of = (busy: string) => `add(a, b), one at a time${busy}: p99`;
const rateOf = (busy: string) => `add(a, b), 64 in flight${busy}`;

/** Trials of several figures that come out of one sample, which the first of them takes. */
function trialsOfOneSample<Sample>(
  name: string,
  take: () => Promise<Sample>,
  figures: readonly (readonly [measure: string, unit: string, of: (sample: Sample) => number])[],
): Trial[] {
  let latest: Sample | undefined;
  return figures.map(([measure, unit, figure], index) => ({
    name,
    measure,
    unit,
    sample: async () => {
      if (index === 0) {
        latest = undefined;
        latest = await take();
      }
      if (latest === undefined) throw new Error(`It has no sample: "${figures[0]![0]}" says why`);
      return figure(latest);
    },
  }));
}

/** The first trial of each contestant, then the second of each. */
function inTurns(groups: readonly Trial[][]): Trial[] {
  return groups[0]!.flatMap((_, index) => groups.map((trials) => trials[index]!));
}

function ratiosOf(
  measurements: readonly Measurement[],
  replay: readonly Measurement[],
): Record<string, Ratio> {
  const between = (dividend: string, divisor: string, ...measures: string[]): Ratio =>
    ratioOf(measures.map((measure) => ({
      dividend: find(measurements, dividend, measure),
      divisor: find(measurements, divisor, measure),
    })));
  const versus = (name: string, ...measures: string[]) => between(name, TIDEPOOL, ...measures);
  const programs = replay.filter(({ name, unit }) => name === TIDEPOOL && unit === "ns/op")
    .map(({ measure }) => measure);
  const starts = [HUGE_PAGES, PREFAULT, PREFAULT_HUGE_PAGES, LOCK].flatMap((name) =>
    [["start_time", START], ["first_touch_time", TOUCH], ["start_rss", rssOf(START)]].map((
      [figure, measure],
    ) => [`${keyOf(name)}_${figure}`, versus(name, measure!)])
  );
  const calls = [["pin", PIN_SHARD], ["pin_both", PIN_BOTH]].flatMap(([key, name]) =>
    [["", ""], ["busy_", ", busy"]].flatMap(([prefix, busy]) => [
      [`${key}_${prefix}seq_time`, versus(name!, medianOf(busy!))],
      [`${key}_${prefix}p99_time`, versus(name!, p99Of(busy!))],
      [`${key}_${prefix}rate64`, versus(name!, rateOf(busy!))],
    ])
  );
  return {
    huge_pages_random_reads_time: versus(HUGE_PAGES, INDEPENDENT),
    huge_pages_dependent_reads_time: versus(HUGE_PAGES, DEPENDENT),
    huge_pages_table_rss: versus(HUGE_PAGES, rssOf("table")),
    huge_pages_replay_time: versus(HUGE_PAGES, ...programs),
    huge_pages_replay_rss: versus(HUGE_PAGES, rssOf("replay")),
    huge_pages_memcached_rate: between(SERVER_HUGE_PAGES, SERVER, MEMCACHED),
    huge_pages_memcached_rss: between(SERVER_HUGE_PAGES, SERVER, rssOf("memcached")),
    ...Object.fromEntries([...starts, ...calls]),
  };
}

/** "prefault, hugePages" as a key. */
function keyOf(name: string): string {
  return name.replaceAll(", ", "_").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function notesOf({ tableBytes, touchedBytes, callMs, reads }: Effort): string[] {
  return [
    "Each contestant is a process of its own with one shard (memcached: two), in which everything is as " +
    `in "${TIDEPOOL}" or "${SERVER}" but the parts of \`placement\` that are its name. Ratios are against these.`,
    `The table has ${tableBytes / 64} structs of 64 bytes, ${
      tableBytes / MEBIBYTE
    } MiB, in the shard's ` +
    `slice; the shard reads ${reads} of them a sample, in an order that no prefetcher follows, through ` +
    "struct views.",
    "Replays run on the shard's own allocator, on a warm heap. Memcached's load is memcaslap's, on the " +
    "same cores.",
    `Start and first touch: a new process for each sample, with ${
      touchedBytes / MEBIBYTE
    } MiB, to every ` +
    "page of which the shard writes a word once it is up. RSS at the start is that of the whole " +
    "process, before those writes.",
    `Calls: from the host to its shard, in a new process for each sample, ${callMs} ms one at a time and half of that 64 in flight. Busy: ` +
    "beside a process for each core that never waits, under the same scheduling policy.",
  ];
}
