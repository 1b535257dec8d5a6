/**
 * Runs the tests of mutants: in copies of the tree, several at once, each until a test has noticed.
 *
 * @module
 */
import { type Mutant, mutate } from "./mutant.ts";
import { runTest, type TestRun } from "./test_run.ts";
import { TreeCopy } from "./tree_copy.ts";

/** A run on a mutant may take so many times as long as without a change … */
const LIMIT_TIMES = 4;
/** … and so many milliseconds more, as a machine at work starts a process late. */
const LIMIT_SLACK_MS = 5_000;
/** Milliseconds that a test may take without a change. */
const BASELINE_LIMIT_MS = 300_000;
/** Characters of a failed baseline's output that are shown: the end says which tests failed. */
const SHOWN_CHARACTERS = 2_000;

/** A mutant and the test files that must notice it, in the order in which they run. */
export interface Task {
  readonly mutant: Mutant;
  /** The file without the change: as it was read, whatever its user has done to it since. */
  readonly text: string;
  readonly tests: readonly string[];
}

/** What became of a mutant. */
export interface Outcome {
  readonly status: "killed" | "timed out" | "survived";
  /** The test file that failed, or hung; undefined for a survivor. */
  readonly test: string | undefined;
  readonly milliseconds: number;
}

/** How to run. */
export interface CampaignOptions {
  /** The project's folder. */
  readonly root: string;
  /** Mutants at a time. */
  readonly jobs: number;
  /** The random tests' seed. */
  readonly seed: number;
  /** Milliseconds for a test file on a mutant; by what it takes without a change unless given. */
  readonly limitMs: number | undefined;
  /** Ends all. */
  readonly signal: AbortSignal;
  /** Takes a short line on what is being done. */
  readonly progress: (text: string) => void;
}

/**
 * The outcome of each task, in their order.
 *
 * @throws {Error} If a test fails without any change.
 */
export async function runCampaign(
  tasks: readonly Task[],
  options: CampaignOptions,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  if (tasks.length === 0) return outcomes;
  await using copies = new AsyncDisposableStack();
  const first = copies.use(await TreeCopy.of(options.root));
  const limits = await measureLimits(first.folder, tasks, options);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const jobs = Math.min(options.jobs, tasks.length);
  const trees = [first];
  while (trees.length < jobs) trees.push(copies.use(await TreeCopy.of(options.root)));
  let next = 0;
  let done = 0;
  const work = async (tree: TreeCopy): Promise<void> => {
    while (next < tasks.length) {
      const index = next++;
      outcomes[index] = await tryMutant(tree, tasks[index]!, limits, { ...options, signal });
      const survivors = outcomes.filter((outcome) => outcome?.status === "survived").length;
      options.progress(`${++done} of ${tasks.length} mutants, ${survivors} survived`);
    }
  };
  const results = await Promise.allSettled(trees.map((tree) =>
    work(tree).catch((error) => {
      stop.abort(error); // or the others would go on in folders that are about to be removed
      throw error;
    })
  ));
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return outcomes;
}

/** Milliseconds that each test file may take, from a run of it without a change. */
async function measureLimits(
  folder: string,
  tasks: readonly Task[],
  { limitMs, seed, signal, progress }: CampaignOptions,
): Promise<Map<string, number>> {
  const limits = new Map<string, number>();
  for (const test of new Set(tasks.flatMap(({ tests }) => tests))) {
    progress(`without a change: ${test}`);
    const options = { limitMs: BASELINE_LIMIT_MS, seed, signal, withOutput: true };
    const run = await runTest(folder, test, options);
    signal.throwIfAborted();
    if (run.end !== "passed") throw new Error(describeBaseline(test, run));
    limits.set(test, limitMs ?? LIMIT_SLACK_MS + LIMIT_TIMES * run.milliseconds);
  }
  return limits;
}

function describeBaseline(test: string, { end, output }: TestRun): string {
  const how = end === "failed" ? "it fails" : `it takes more than ${BASELINE_LIMIT_MS / 1000} s`;
  return `Cannot try mutants on ${test}: ${how} without any change\n\n` +
    output.trimEnd().slice(-SHOWN_CHARACTERS);
}

async function tryMutant(
  tree: TreeCopy,
  { mutant, text, tests }: Task,
  limits: ReadonlyMap<string, number>,
  { seed, signal }: CampaignOptions,
): Promise<Outcome> {
  let milliseconds = 0;
  await tree.write(mutant.file, mutate(text, mutant));
  try {
    for (const test of tests) {
      const run = await runTest(tree.folder, test, { limitMs: limits.get(test)!, seed, signal });
      signal.throwIfAborted();
      milliseconds += run.milliseconds;
      if (run.end === "passed") continue;
      return { status: run.end === "failed" ? "killed" : "timed out", test, milliseconds };
    }
    return { status: "survived", test: undefined, milliseconds };
  } finally {
    await tree.write(mutant.file, text);
  }
}
