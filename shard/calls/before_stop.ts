/**
 * What upper layers do when a runtime stops, before its threads end.
 *
 * @module
 */

/**
 * Runs on the host when it has no call under way, and has nothing left to do for the hooks that were
 * registered before it. Afterwards the runtime waits until the shards have no call under way either.
 *
 * @param shards The shards that are alive.
 * @param failures Receives what was thrown: `stop()` throws it. What it holds while the hook runs
 * counts if the runtime can wait no longer.
 * @returns Whether it has set anything in motion: then all hooks run again, from the first.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export type BeforeStop = (shards: readonly number[], failures: unknown[]) => Promise<boolean>;
