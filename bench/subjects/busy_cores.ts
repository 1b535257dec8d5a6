/**
 * Processes that want the cores for themselves, beside which something is measured.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("./busy_process.ts", import.meta.url));

/**
 * Runs `work` beside so many processes that never wait, which all spin when it begins. They have the
 * scheduling policy of this process, and are gone when the promise settles. If this process is
 * killed meanwhile, each of them sees it within milliseconds and ends.
 *
 * @param work Gets the ids of the processes.
 * @throws {Error} if one of them ends before `work` does: it was measured beside fewer.
 */
export async function besideBusyProcesses<Result>(
  count: number,
  work: (processIds: readonly number[]) => Promise<Result>,
): Promise<Result> {
  const processes = Array.from({ length: count }, startSpinning);
  let endedEarly = 0;
  let result: Result;
  try {
    await Promise.all(processes.map(untilItSpins));
    result = await work(processes.map(({ pid }) => pid));
  } finally {
    endedEarly = processes.filter((process) => !end(process)).length;
    await Promise.all(processes.map(({ status }) => status));
  }
  if (endedEarly > 0) {
    throw new Error(`${endedEarly} of ${count} busy processes ended too early`);
  }
  return result;
}

function startSpinning(): Deno.ChildProcess {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--no-lock", "--no-check", "--quiet", SCRIPT, `${Deno.pid}`],
    stdin: "null",
    stdout: "piped",
  });
  return command.spawn();
}

async function untilItSpins({ stdout }: Deno.ChildProcess): Promise<void> {
  for await (const _sign of stdout) return;
  throw new Error("A busy process ended before it was spinning");
}

/** Kills a process. @returns whether there was still one to kill */
function end(process: Deno.ChildProcess): boolean {
  try {
    process.kill("SIGKILL");
    return true;
  } catch (error) {
    // What Deno throws if the process has ended by itself.
    if (error instanceof TypeError) return false;
    throw error;
  }
}
