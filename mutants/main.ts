// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task mutants [file…]`: changes one operator, constant, condition or statement at a time, and
 * says which changes no test notices.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import { relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SeededRandom } from "../tests/harness/seeded_random.ts";
import { runCampaign, type Task } from "./campaign.ts";
import { readEquivalent, reasonsFor, staleKeys } from "./equivalent.ts";
import { keyOf, type Mutant } from "./mutant.ts";
import { findMutants } from "./mutation_points.ts";
import {
  type FileReport,
  formatReport,
  isClean,
  makeFileReport,
  placeOf,
  type Report,
  type ReportedMutant,
  reportEquivalent,
  reportOutcome,
} from "./report.ts";
import { TARGETS } from "./targets.ts";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));

const USAGE = [
  "Usage: deno task mutants [FILE…] [options]",
  "",
  "Changes one place of a file at a time, in a copy of the tree, and runs the file's tests. A change",
  "that none of them notices has survived: a test is missing, or the code is dead.",
  "",
  "Files; all of them unless some are given:",
  ...[...TARGETS.keys()].map((file) => `  ${file}`),
  "",
  "Options:",
  "  --line N           only changes that begin on this line of the one file",
  "  --sample N         so many changes of each file, taken at random",
  "  --seed N           the seed of --sample and of the random tests (default: 1; with --sample, by chance)",
  "  --jobs N           changes tried at a time (default: one for each core)",
  "  --time-limit N     seconds for one test file on one change, which then counts as killed by time-out",
  "                     (default: four times as long as without a change, and 5 s)",
  "  --test FILE        the tests to run, in place of those in mutants/targets.ts; once for each",
  "  --root DIR         the project (default: this one); with --test",
  "  --list             print the changes, and run nothing",
  "  --json             print one JSON object and nothing else",
  "",
  "Exit status: 0 if nothing survived, 1 if something did, or an entry of mutants/equivalent.json is",
  "stale, 2 if the mutants could not be tried.",
].join("\n");

interface Settings {
  readonly root: string;
  readonly files: readonly string[];
  readonly tests: readonly string[] | undefined;
  readonly line: number | undefined;
  readonly sample: number | undefined;
  readonly seed: number;
  readonly jobs: number;
  readonly limitMs: number | undefined;
  readonly list: boolean;
  readonly json: boolean;
}

/** What is to be done; undefined if the user only wants to know how to say it. */
function readCommandLine(commandLine: string[]): Settings | undefined {
  const { values, positionals } = parseArgs({
    args: commandLine,
    allowPositionals: true,
    options: {
      line: { type: "string" },
      sample: { type: "string" },
      seed: { type: "string" },
      jobs: { type: "string" },
      "time-limit": { type: "string" },
      test: { type: "string", multiple: true },
      root: { type: "string" },
      list: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { test: tests, list, json } = values;
  if (values.root !== undefined && tests === undefined) {
    throw new Error("Cannot use --root alone: --test says which tests of that project to run");
  }
  const root = resolve(values.root ?? PROJECT);
  const files = positionals.map((file) => pathInside(root, file));
  if (files.length === 0) {
    if (tests !== undefined) throw new Error("Cannot use --test alone: expected a file beside it");
    files.push(...TARGETS.keys());
  }
  const line = numberOf("line", values.line, 1);
  if (line !== undefined && files.length !== 1) {
    throw new Error(`Cannot use --line with ${files.length} files: expected one`);
  }
  const sample = numberOf("sample", values.sample, 1);
  const seconds = numberOf("time-limit", values["time-limit"], 1);
  return {
    root,
    files: [...new Set(files)],
    tests: tests?.map((test) => pathInside(root, test)),
    line,
    sample,
    seed: numberOf("seed", values.seed, 0) ?? (sample === undefined ? 1 : randomSeed()),
    jobs: numberOf("jobs", values.jobs, 1) ?? availableParallelism(),
    limitMs: seconds === undefined ? undefined : seconds * 1000,
    list,
    json,
  };
}

function numberOf(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number < 2 ** 32) return number;
  throw new Error(`--${name} is "${text}": expected a whole number from ${least}`);
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/** A path from the project's root, with slashes. */
function pathInside(root: string, file: string): string {
  const path = relative(root, resolve(root, file)).replaceAll(sep, "/");
  if (path.startsWith("../")) throw new Error(`Cannot use ${file}: it lies outside of ${root}`);
  return path;
}

/** A file, its mutants that are to be looked at, and what is known of them. */
interface Subject {
  readonly file: string;
  readonly text: string;
  readonly tests: readonly string[];
  readonly mutants: readonly Mutant[];
  readonly reasons: ReadonlyMap<string, string>;
  readonly stale: readonly string[];
}

async function readSubjects(settings: Settings): Promise<Subject[]> {
  const { root, files, line, sample } = settings;
  const equivalent = await readEquivalent(root);
  const random = new SeededRandom(settings.seed);
  const subjects: Subject[] = [];
  for (const file of files) {
    const text = await readText(root, file);
    const tests = settings.tests ?? TARGETS.get(file);
    if (tests === undefined) {
      throw new Error(
        `Cannot tell which tests belong to ${file}: name them with --test, or in mutants/targets.ts`,
      );
    }
    for (const test of tests) await readText(root, test);
    const all = findMutants(file, text);
    const reasons = reasonsFor(file, equivalent);
    const chosen = line === undefined ? all : all.filter((mutant) => mutant.line === line);
    if (chosen.length === 0) {
      const where = line === undefined ? file : `${file}:${line}`;
      throw new Error(
        `Cannot change anything in ${where}: it has no operator, constant, condition or statement that counts`,
      );
    }
    subjects.push({
      file,
      text,
      tests,
      mutants: sample === undefined ? chosen : take(sample, chosen, random),
      reasons,
      stale: staleKeys(reasons, all),
    });
  }
  return subjects;
}

async function readText(root: string, file: string): Promise<string> {
  try {
    return await Deno.readTextFile(`${root}/${file}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && !(error instanceof Deno.errors.IsADirectory)) {
      throw error;
    }
    throw new Error(`Cannot read ${file}: there is no such file in ${root}`);
  }
}

/** `count` mutants by chance, in the order of the text. */
function take(count: number, mutants: readonly Mutant[], random: SeededRandom): Mutant[] {
  const chosen = new Set(random.shuffle(mutants.map((_, index) => index)).slice(0, count));
  return mutants.filter((_, index) => chosen.has(index));
}

/** The changes that would be tried. */
function formatList(subjects: readonly Subject[], seed: number): string {
  const lines = subjects.flatMap(({ file, mutants, reasons }) =>
    mutants.map((mutant) => {
      const mark = reasons.has(keyOf(mutant)) ? "  (equivalent)" : "";
      return `${file}:${mutant.line}:${mutant.column}  ${mutant.kind}  ${keyOf(mutant)}${mark}`;
    })
  );
  const count = `${lines.length} ${lines.length === 1 ? "mutant" : "mutants"}`;
  return [...lines, count, `Seed ${seed}`].join("\n");
}

/** The same as an object. */
function describeList(subjects: readonly Subject[], seed: number): object {
  const files = subjects.map(({ file, tests, mutants, stale }) => ({
    file,
    tests,
    mutants: mutants.map(placeOf),
    stale,
  }));
  return { seed, files };
}

async function tryAll(subjects: readonly Subject[], settings: Settings): Promise<Report> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort(new Error("Interrupted"));
  Deno.addSignalListener("SIGINT", onInterrupt);
  try {
    const tasks: Task[] = subjects.flatMap(({ mutants, text, tests, reasons }) =>
      mutants.filter((mutant) => !reasons.has(keyOf(mutant)))
        .map((mutant) => ({ mutant, text, tests }))
    );
    const outcomes = await runCampaign(tasks, {
      ...settings,
      signal: interrupt.signal,
      progress: showProgress,
    });
    const reported = new Map<Mutant, ReportedMutant>(
      tasks.map(({ mutant }, i) => [mutant, reportOutcome(mutant, outcomes[i]!)]),
    );
    const files = subjects.map(({ file, tests, mutants, reasons, stale }): FileReport => {
      const found = mutants.map((mutant) =>
        reported.get(mutant) ?? reportEquivalent(mutant, reasons.get(keyOf(mutant))!)
      );
      return makeFileReport(file, tests, found, stale);
    });
    return { seed: settings.seed, files };
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
    showProgress("");
  }
}

/** Rewrites one line of the terminal; says nothing in a pipe. */
function showProgress(text: string): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

async function main(commandLine: string[]): Promise<void> {
  const settings = readCommandLine(commandLine);
  if (settings === undefined) return console.log(USAGE);
  const subjects = await readSubjects(settings);
  if (settings.list) {
    const { json, seed } = settings;
    const list = json ? JSON.stringify(describeList(subjects, seed)) : formatList(subjects, seed);
    return console.log(list);
  }
  const report = await tryAll(subjects, settings);
  console.log(settings.json ? JSON.stringify(report) : formatReport(report));
  if (!isClean(report)) Deno.exitCode = 1;
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    if (error instanceof TypeError) console.error("See deno task mutants --help"); // an unknown option
    Deno.exitCode = 2;
  }
}
