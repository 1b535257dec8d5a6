// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task compare <subject>`: measures a subject against what a user would pick instead.
 *
 * @module
 */
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { reasonOf } from "./comparison.ts";
import { type Findings, formatReport, makeReport, ownFailures } from "./report.ts";

/** How a subject is to be run. */
export interface CompareSettings {
  /** Samples of each trial. */
  readonly repetitions: number;
  /** Little work for each sample: to see that everything runs, not to learn figures. */
  readonly quick: boolean;
  /** Folder of `*.trace.gz` files, for the subjects that replay traces. */
  readonly traces: string;
  /** Takes a short line on what is being measured. */
  readonly progress: (text: string) => void;
}

type Compare = (settings: CompareSettings) => Promise<Findings>;

interface Subject {
  readonly summary: string;
  readonly load: () => Promise<Compare>;
  /** The same with a process beside the contestants that keeps each core busy: for `--busy`. */
  readonly loadBusy?: () => Promise<Compare>;
}

/** Each subject is loaded only when it is asked for: a broken peer of one cannot stop another. */
const SUBJECTS: ReadonlyMap<string, Subject> = new Map<string, Subject>([
  ["allocator", {
    summary: "malloc and free: traces of real programs, patterns, space, remote frees",
    load: async () => (await import("./subjects/allocator.ts")).compareAllocator,
  }],
  ["messages", {
    summary: "calls to another thread: one at a time, many in flight, echoes, idle CPU",
    load: async () => (await import("./subjects/messages.ts")).compareMessages,
    loadBusy: async () => (await import("./subjects/busy_messages.ts")).compareBusyMessages,
  }],
  ["payloads", {
    summary: "lists, records, text and bytes there and back; codecs; a log counted on two threads",
    load: async () => (await import("./subjects/payloads.ts")).comparePayloads,
  }],
  ["flow", {
    summary: "many calls through a pipeline, beside windows written by hand",
    load: async () => (await import("./subjects/flow.ts")).compareFlow,
  }],
  ["services", {
    summary: "a keyed call to the own shard, beside a direct call of a method",
    load: async () => (await import("./subjects/services.ts")).compareServices,
  }],
  ["partitioned", {
    summary: "a map over all shards: a key of another shard read and incremented, beside calls",
    load: async () => (await import("./subjects/partitioned.ts")).comparePartitioned,
  }],
  ["cells", {
    summary:
      "SeqCell, SharedVector and SharedQueue beside calls, postMessage and a seqlock by hand",
    load: async () => (await import("./subjects/cells.ts")).compareCells,
  }],
  ["foreign", {
    summary: "objects of another thread: held, called, copied, destroyed; fields read",
    load: async () => (await import("./subjects/foreign.ts")).compareForeign,
  }],
  ["cache", {
    summary: "a shared cache on its owner and elsewhere, beside lru-cache and calls to the owner",
    load: async () => (await import("./subjects/cache.ts")).compareCache,
  }],
  ["structures", {
    summary: "maps in shared memory: get and set on the owner and elsewhere, beside Map and npm's",
    load: async () => (await import("./subjects/structures.ts")).compareStructures,
  }],
  ["memcached", {
    summary: "examples/memcached beside memcached and a plain server: rates, latencies, memory",
    load: async () => (await import("./subjects/memcached.ts")).compareMemcached,
  }],
  ["programs", {
    summary: "whole programs beside the same over plain Workers: order book, log analytics",
    load: async () => (await import("./subjects/programs.ts")).comparePrograms,
  }],
  ["placement", {
    summary: "the option `placement`: huge pages, memory touched early or locked, pinned threads",
    load: async () => (await import("./subjects/placement.ts")).comparePlacement,
  }],
  ["startup", {
    summary: "shards beside bare Workers: start, stop; type check of a program that uses them",
    load: async () => (await import("./subjects/startup.ts")).compareStartup,
  }],
]);

const TRACES = fileURLToPath(new URL("../examples/replay/traces", import.meta.url));

const USAGE = [
  "Usage: deno task compare <subject> [--json] [--traces DIR] [--repetitions N] [--quick] [--busy]",
  "",
  "Subjects:",
  ...SUBJECTS.entries().map(([name, { summary }]) => `  ${name.padEnd(10)}  ${summary}`),
  "",
  "Options:",
  "  --json           print one JSON object and nothing else",
  "  --traces DIR     replay the *.trace.gz files of DIR (default: examples/replay/traces)",
  "  --repetitions N  samples of each contestant, taken in turns (default: 7; quick: 2)",
  "  --quick          little work for each sample: shows that all run, not how fast",
  "  --busy           messages only: beside a process for each core that never waits",
].join("\n");

async function main(commandLine: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: commandLine,
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      traces: { type: "string", default: TRACES },
      repetitions: { type: "string" },
      quick: { type: "boolean", default: false },
      busy: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const repetitions = Number(values.repetitions ?? (values.quick ? 2 : 7));
  if (!Number.isInteger(repetitions) || repetitions < 1) {
    throw new Error(`--repetitions is "${values.repetitions}": expected a whole number from 1`);
  }
  const [name = "", ...rest] = positionals;
  const subject = SUBJECTS.get(name);
  if (subject === undefined || rest.length > 0) {
    const names = [...SUBJECTS.keys()].join(", ");
    throw new Error(
      `Cannot compare "${positionals.join(" ")}": expected one subject, of: ${names}\n\n${USAGE}`,
    );
  }
  const { traces, quick, busy } = values;
  const load = busy ? subject.loadBusy : subject.load;
  if (load === undefined) {
    const names = SUBJECTS.entries().filter(([, { loadBusy }]) => loadBusy).map(([name]) => name);
    throw new Error(
      `Cannot compare ${name} with --busy: expected one of: ${[...names].join(", ")}`,
    );
  }
  const loadBefore = describeLoad(busy);
  const compare = await load();
  const findings = await compare({ repetitions, quick, traces, progress: showProgress });
  showProgress("");
  const report = makeReport(busy ? `${name} --busy` : name, {
    machine: describeMachine(),
    deno: Deno.version.deno,
    date: new Date().toISOString(),
  }, { ...findings, notes: [...findings.notes, loadBefore] });
  console.log(values.json ? JSON.stringify(report) : formatReport(report));
  const [failure, ...others] = ownFailures(report);
  if (failure !== undefined) {
    throw new Error(
      `Cannot compare what does not run: ${failure.name}, ${failure.measure}: ${failure.reason}` +
        (others.length === 0 ? "" : ` (and ${others.length} more)`),
    );
  }
}

/** Rewrites one line of the terminal; says nothing in a pipe. */
function showProgress(text: string): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

function describeMachine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() || "unknown processor";
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  const { os, arch } = Deno.build;
  return `${model}, ${processors.length} cores, ${gibibytes} GiB, ${os} ${arch}`;
}

/** A machine at work makes sleeping threads wake sooner and spinning ones lose their core. */
function describeLoad(busy: boolean): string {
  const load = loadavg()[0]!.toFixed(2);
  return `The load was ${load} on ${cpus().length} cores over the minute before the run: figures of ` +
    `two threads, above all, stand only for a machine that has nothing ${
      busy ? "more" : "else"
    } to do.`;
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    showProgress("");
    console.error(error instanceof Error ? error.message : reasonOf(error));
    Deno.exitCode = 1;
  }
}
