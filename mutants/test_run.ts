/**
 * One run of one test file, in a process of its own: a mutant may hang it, or eat all memory.
 *
 * @module
 */

/** Megabytes of JavaScript heap that a test may fill: a mutant must not take the machine's. */
const HEAP_MEGABYTES = 1024;

/** How a run has ended. */
export interface TestRun {
  readonly end: "passed" | "failed" | "timed out";
  readonly milliseconds: number;
  /** What it printed, both streams; "" unless asked for. */
  readonly output: string;
}

/** What a run needs to know. */
export interface TestRunOptions {
  /** Milliseconds after which it is ended. */
  readonly limitMs: number;
  /** The random tests' seed, so that a mutant that they kill is killed the next time too. */
  readonly seed: number;
  /** Ends the run; its result means nothing then. */
  readonly signal: AbortSignal;
  /** Whether to keep what it prints. */
  readonly withOutput?: boolean;
}

/** Runs the test file `test` of the project in `folder`. */
export async function runTest(
  folder: string,
  test: string,
  { limitMs, seed, signal, withOutput = false }: TestRunOptions,
): Promise<TestRun> {
  signal.throwIfAborted();
  const stream = withOutput ? "piped" : "null";
  const start = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--allow-all",
      "--no-check",
      "--quiet",
      "--fail-fast",
      `--v8-flags=--max-old-space-size=${HEAP_MEGABYTES}`,
      test,
    ],
    cwd: folder,
    env: { TIDEPOOL_SEED: String(seed), NO_COLOR: "1" },
    stdin: "null",
    stdout: stream,
    stderr: stream,
    detached: true, // a group of its own, so that what the test has started ends with it
  }).spawn();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup(child);
  }, limitMs);
  const onAbort = () => endGroup(child);
  signal.addEventListener("abort", onAbort);
  try {
    const text = withOutput ? textOf(await child.output()) : "";
    const { success } = await child.status;
    const milliseconds = performance.now() - start;
    const end = timedOut ? "timed out" : success ? "passed" : "failed";
    return { end, milliseconds, output: text };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

function textOf({ stdout, stderr }: Deno.CommandOutput): string {
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

function endGroup(child: Deno.ChildProcess): void {
  try {
    if (Deno.build.os === "windows") child.kill("SIGKILL");
    else Deno.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof Deno.errors.NotFound) && !(error instanceof TypeError)) throw error;
  }
}
