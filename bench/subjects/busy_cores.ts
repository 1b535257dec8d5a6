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
  const running = new Set(processes);
  for (const process of processes) process.status.then(() => running.delete(process));
  try {
    await Promise.all(processes.map(untilItSpins));
    const result = await work(processes.map(({ pid }) => pid));
    if (running.size < count) {
      throw new Error(`${count - running.size} of ${count} busy processes ended too early`);
    }
    return result;
  } finally {
    for (const process of running) process.kill("SIGKILL");
    await Promise.all(processes.map(({ status }) => status));
  }
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
