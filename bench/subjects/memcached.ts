/**
 * `compare memcached`: the memcached of `examples/memcached/` beside memcached itself, and beside a
 * server over a Map on one thread of Deno.
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
import { fill, measureLatencies, memcaslapRate } from "../peers/memcached_load.ts";
import {
  type ServerProcess,
  startMemcached,
  startPlain,
  startTidepool,
} from "../peers/memcached_servers.ts";
import { type Findings, TIDEPOOL } from "../report.ts";

const MEMCACHED = "memcached";
const PLAIN = "Deno with a Map";

const SHARDS = 2;
/** Enough for all that memcaslap stores: nothing is evicted while rates are measured. */
const MEMORY_MEBIBYTES = 512;

const FILLED = "peak RSS ÷ memory, filled 10 times over";
const FILL_VALUE_BYTES = 1000;

/** Connections and sizes of values that rates are measured with. */
interface Load {
  readonly measure: string;
  readonly connections: number;
  readonly valueBytes: number;
}

const LOADS: readonly Load[] = [16, 64].flatMap((connections) =>
  [100, 1000].map((valueBytes) => ({
    measure: `${connections} connections, values of ${valueBytes} bytes`,
    connections,
    valueBytes,
  }))
);
const LATENCY_LOAD = LOADS[0]!;
const P50 = `get, p50, ${LATENCY_LOAD.measure}`;
const P99 = `get, p99, ${LATENCY_LOAD.measure}`;

/** Runs the comparison. */
export async function compareMemcached(settings: CompareSettings): Promise<Findings> {
  const loads = settings.quick ? LOADS.slice(0, 1) : LOADS;
  const servers = new Map<string, ServerProcess>();
  const reasons = new Map<string, string>();
  await startAll(servers, reasons, settings);
  let sampled: Measurement[];
  try {
    const trials = [...servers.keys(), ...reasons.keys()].flatMap((name) => [
      ...loads.map((load) => rateTrial(name, load, servers, reasons, settings)),
      ...latencyTrials(name, servers, reasons, settings),
    ]);
    // In the order of the measures, so that contestants take turns.
    trials.sort((a, b) => order(a.measure, loads) - order(b.measure, loads));
    sampled = await measureInterleaved(trials, settings.repetitions, (done, total, trial) => {
      settings.progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
    });
  } finally {
    for (const server of servers.values()) await server.close();
  }
  const memory = settings.quick ? 32 : 256;
  const filled = await measureFill(memory, settings);
  return {
    measurements: [...sampled, filled],
    ratios: { ...ratiosOf(sampled, loads), rss_over_memory: figureOf(filled) },
    notes: [
      `${SHARDS} shards, ${SHARDS} threads of memcached, one thread of Deno; each server is a process ` +
      "of its own, and all of them are up while one is measured. The load runs on the same cores.",
      "Rates are memcaslap's, with a thread for each core: nine `get` for each `set`, one command " +
      "under way on each connection. Latencies are those of a client in Deno, whose own time is part " +
      "of them.",
      "rate_vs_… are means over all loads.",
      `Filled: values of ${FILL_VALUE_BYTES} bytes, ten times ${memory} MiB of them. Beside the ` +
      `memory for items it is Deno itself, some 100 MB whatever the memory.`,
    ],
  };
}

function order(measure: string, loads: readonly Load[]): number {
  const index = loads.findIndex((load) => load.measure === measure);
  return index === -1 ? loads.length + (measure === P99 ? 1 : 0) : index;
}

async function startAll(
  servers: Map<string, ServerProcess>,
  reasons: Map<string, string>,
  settings: CompareSettings,
): Promise<void> {
  const options = { shards: SHARDS, memoryMebibytes: MEMORY_MEBIBYTES };
  for (
    const [name, start] of [
      [TIDEPOOL, () => startTidepool(options)],
      [MEMCACHED, () => startMemcached(options)],
      [PLAIN, startPlain],
    ] as const
  ) {
    settings.progress(`starting ${name}`);
    try {
      servers.set(name, await start());
    } catch (error) {
      reasons.set(name, reasonOf(error));
    }
  }
}

/** The port of a server, or why there is none. */
function portOf(
  name: string,
  servers: ReadonlyMap<string, ServerProcess>,
  reasons: ReadonlyMap<string, string>,
): number {
  const server = servers.get(name);
  if (server === undefined) throw new Error(reasons.get(name) ?? "It was not started");
  return server.port;
}

function rateTrial(
  name: string,
  { measure, connections, valueBytes }: Load,
  servers: ReadonlyMap<string, ServerProcess>,
  reasons: ReadonlyMap<string, string>,
  settings: CompareSettings,
): Trial {
  const seconds = settings.quick ? 1 : 2;
  return {
    name,
    measure,
    unit: "operations/s",
    sample: async () =>
      await memcaslapRate(portOf(name, servers, reasons), connections, valueBytes, seconds),
  };
}

/** Both quantiles come out of one sample: that of p99 is the one taken for p50 just before. */
function latencyTrials(
  name: string,
  servers: ReadonlyMap<string, ServerProcess>,
  reasons: ReadonlyMap<string, string>,
  settings: CompareSettings,
): Trial[] {
  const { connections, valueBytes } = LATENCY_LOAD;
  const milliseconds = settings.quick ? 200 : 1000;
  let p99 = NaN;
  return [
    {
      name,
      measure: P50,
      unit: "µs",
      sample: async () => {
        const port = portOf(name, servers, reasons);
        const latencies = await measureLatencies(port, connections, valueBytes, milliseconds);
        p99 = latencies.p99;
        return latencies.p50;
      },
    },
    {
      name,
      measure: P99,
      unit: "µs",
      sample: () => {
        portOf(name, servers, reasons);
        return p99;
      },
    },
  ];
}

/** A server of its own, which is given ten times as much as it has memory for. */
async function measureFill(mebibytes: number, settings: CompareSettings): Promise<Measurement> {
  settings.progress(FILLED);
  try {
    const server = await startTidepool({ shards: SHARDS, memoryMebibytes: mebibytes });
    try {
      const memory = mebibytes * 2 ** 20;
      await fill(server.port, 10 * memory, FILL_VALUE_BYTES);
      const resident = await server.peakResidentBytes();
      const megabytes = (bytes: number) => Math.round(bytes / 1e6);
      return measured(
        TIDEPOOL,
        FILLED,
        "",
        [resident / memory],
        `${megabytes(resident)} MB of ` +
          `RSS, ${megabytes(memory)} MB of memory; wanted: ${
            megabytes(1.3 * memory + 150e6)
          } MB at most`,
      );
    } finally {
      await server.close();
    }
  } catch (error) {
    return unavailable(TIDEPOOL, FILLED, "", reasonOf(error));
  }
}

function ratiosOf(
  sampled: readonly Measurement[],
  loads: readonly Load[],
): Record<string, Ratio> {
  const rateVersus = (peer: string) =>
    ratioOf(loads.map(({ measure }) => ({
      dividend: find(sampled, TIDEPOOL, measure),
      divisor: find(sampled, peer, measure),
    })));
  return {
    rate_vs_memcached: rateVersus(MEMCACHED),
    rate_vs_plain_deno: rateVersus(PLAIN),
    p99_vs_memcached: ratioOf([{
      dividend: find(sampled, TIDEPOOL, P99),
      divisor: find(sampled, MEMCACHED, P99),
    }]),
  };
}
