/** The threads of this process that are workers, read from /proc: none may be left when all is over. */
import { setImmediate } from "node:timers";

/** Ends the wait for threads that do not end. */
const MAX_WAIT_MS = 20_000;

export const workerThreads = {
  /** False where the system has no list of threads to read. */
  canBeCounted: Deno.build.os === "linux",

  count(): number {
    let threads = 0;
    for (const { name } of Deno.readDirSync("/proc/self/task")) {
      try {
        const comm = Deno.readTextFileSync(`/proc/self/task/${name}/comm`);
        if (comm.startsWith("worker")) threads++;
      } catch (error) {
        // ENOENT or ESRCH: it ended just now.
        if (!/os error [23]\)/.test(String(error))) throw error;
      }
    }
    return threads;
  },

  /** Resolves when no more than `count` are left: a terminated thread ends when it has noticed. */
  async ended(count: number): Promise<void> {
    if (!workerThreads.canBeCounted) return;
    const deadline = performance.now() + MAX_WAIT_MS;
    while (workerThreads.count() > count) {
      if (performance.now() > deadline) {
        throw new Error(`${workerThreads.count()} workers are left, expected ${count}`);
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  },
};
