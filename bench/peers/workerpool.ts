// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * `npm:workerpool`: a pool, here of one worker thread.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Caller } from "./caller.ts";

/** Starts a pool of one worker. */
export async function openWorkerpool(): Promise<Caller> {
  const { pool: open } = (await import("npm:workerpool@10.0.3")).default;
  const script = fileURLToPath(new URL("./workerpool_worker.ts", import.meta.url));
  const pool = open(script, { workerType: "thread", minWorkers: 1, maxWorkers: 1 });
  // Its promises are its own class: thenable, but without the rest of what a Promise is.
  return {
    add: async (a, b) => await pool.exec("add", [a, b]),
    echo: async (bytes) => await pool.exec("echo", [bytes]),
    close: async () => {
      await pool.terminate();
    },
  };
}
