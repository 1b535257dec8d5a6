/**
 * The module of a shard's Worker, by its URL: it is never imported.
 *
 * @module
 */

/** What a Worker is made with to be a shard. */
export const WORKER_URL = new URL("./worker_main.ts", import.meta.url);

// Never called: it makes the worker's module part of the package's graph, so that `deno cache`,
// `--cached-only` and `deno compile` know of it.
export const workerModule = (): Promise<unknown> => import("./worker_main.ts");
