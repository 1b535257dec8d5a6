/**
 * Tidepool's own calls: `submitTo` one shard of a runtime with default options.
 *
 * @module
 */
import { Runtime, type RuntimeOptions } from "@tidepool/core";
import type { Caller } from "./caller.ts";
import { arithmetic } from "./tidepool_tasks.ts";

/** Starts a runtime of one shard. */
export async function openTidepool(): Promise<Caller> {
  const runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  return callerOf(runtime, arithmetic.add);
}

/** The same with spinning off: every call wakes the shard, every reply the caller. */
export async function openWithoutSpinning(): Promise<Caller> {
  const runtime = await Runtime.start({ shards: 1, memory: "64MiB", spinMicroseconds: 0 });
  return callerOf(runtime, arithmetic.add);
}

/** The same with a timeout and a signal on every call. */
export async function openWithOptions(): Promise<Caller> {
  const runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  const { signal } = new AbortController();
  return callerOf(runtime, arithmetic.add.with({ timeoutMs: 60_000, signal }));
}

/** The same with threads on cpus of their own. @throws {Error} if one of them is not where it should be */
export async function openPlaced(placement: RuntimeOptions["placement"]): Promise<Caller> {
  const runtime = await startPlaced("64MiB", placement);
  return callerOf(runtime, arithmetic.add);
}

/** A runtime of one shard in its place. @throws {Error} if something is not as asked */
export async function startPlaced(
  memory: string | number,
  placement: RuntimeOptions["placement"],
): Promise<Runtime> {
  if (placement === undefined) return await Runtime.start({ shards: 1, memory });
  const runtime = await Runtime.start({ shards: 1, memory, placement, onWarning: () => {} });
  const [problem] = [0, 1].flatMap((endpoint) => runtime.placement(endpoint).problems);
  if (problem === undefined) return runtime;
  await runtime.stop();
  throw new Error(problem);
}

function callerOf(runtime: Runtime, add: typeof arithmetic.add): Caller {
  return {
    add: (a, b) => runtime.submitTo(0, add, a, b),
    echo: (bytes) => runtime.submitTo(0, arithmetic.echo, bytes),
    close: () => runtime.stop(),
  };
}

/** Several shards called at once, and by each other. */
export interface ManyShards {
  /** Makes so many calls to each shard, as each compiles its code for itself. */
  warmUp(callsToEach: number): Promise<void>;
  /** Calls a second, `inFlight` of them at any time, spread over all shards. */
  rateToAll(inFlight: number, milliseconds: number): Promise<number>;
  /** Calls a second from shard 0 to shard 1. */
  rateBetween(inFlight: number, milliseconds: number): Promise<number>;
  /** Calls every shard once, and waits for all. */
  fanOut(): Promise<void>;
  /** Ends the shards. */
  close(): Promise<void>;
}

/** Starts a runtime of several shards. */
export async function openMany(shards: number): Promise<ManyShards> {
  const runtime = await Runtime.start({ shards, memory: shards * 16 * 2 ** 20 });
  const callEach = async (shard: number, calls: number): Promise<void> => {
    for (let call = 0; call < calls; call++) await runtime.submitTo(shard, arithmetic.add, call, 1);
  };
  return {
    warmUp: async (callsToEach) => {
      const loops = Array.from({ length: 64 * shards }, (_, index) => {
        return callEach(index % shards, callsToEach / 64);
      });
      await Promise.all(loops);
    },
    rateToAll: async (inFlight, milliseconds) => {
      let calls = 0;
      const begin = performance.now();
      const loop = async (index: number) => {
        const shard = index % shards;
        do {
          for (let turn = 0; turn < 8; turn++) {
            await runtime.submitTo(shard, arithmetic.add, ++calls, 1);
          }
        } while (performance.now() - begin < milliseconds);
      };
      await Promise.all(Array.from({ length: inFlight }, (_, index) => loop(index)));
      return calls / (performance.now() - begin) * 1000;
    },
    rateBetween: (inFlight, milliseconds) =>
      runtime.submitTo(0, arithmetic.rateTo, 1, inFlight, milliseconds),
    fanOut: () => runtime.invokeOnAll(arithmetic.add, 1, 2),
    close: () => runtime.stop(),
  };
}

/**
 * Runs `observe` beside a runtime whose shards have all worked and now have nothing to do.
 *
 * @param settleMs How long the shards get to fall asleep before `observe` runs.
 */
export async function besideIdleShards<Result>(
  shards: number,
  settleMs: number,
  observe: () => Promise<Result>,
): Promise<Result> {
  await using runtime = await Runtime.start({ shards, memory: "64MiB" });
  for (let shard = 0; shard < shards; shard++) await runtime.submitTo(shard, arithmetic.add, 1, 2);
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  return await observe();
}
