/**
 * Sends every shard its program, part by part: a few parts of each shard are on their way at once,
 * so that no shard waits for the host and no queue grows. When one shard fails, all are stopped.
 *
 * @module
 */
import type { Runtime } from "@tidepool/core";
import { messageOf, ReplayError } from "./errors.ts";
import { LatencySamples } from "./latency.ts";
import { type Plan, PROGRAM_WORDS } from "./plan.ts";
import { replayTasks } from "./replay_tasks.ts";

/** Operations in one part of a program: about a millisecond, after which the shard hears calls. */
const PART_OPERATIONS = 512;
/** Parts of one shard on their way at once: one that runs, and one that waits for its turn. */
const PARTS_IN_FLIGHT = 2;

/** Feeds the programs of one plan to the shards of one runtime. */
export class Feeder {
  /** Round trips of the parts, each with the work that the part is. */
  readonly latency = new LatencySamples();
  readonly #runtime: Runtime;
  readonly #plan: Plan;
  readonly #onProgress: ((done: number) => void) | undefined;
  /** The words of each program that were sent. */
  readonly #sent: number[];
  #milliseconds = 0;
  #done = 0;
  #failure: ReplayError | undefined;
  #abandoned: Promise<unknown> = Promise.resolve();

  /**
   * @param runtime The runtime, on whose shards the replay has begun.
   * @param plan The plan, for as many shards as the runtime has.
   * @param onProgress Called after each part, with the operations that are done.
   */
  constructor(runtime: Runtime, plan: Plan, onProgress?: (done: number) => void) {
    this.#runtime = runtime;
    this.#plan = plan;
    this.#onProgress = onProgress;
    this.#sent = plan.programs.map(() => 0);
  }

  /** How long the shards have worked, in milliseconds; the time between two feeds is not in it. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /**
   * Runs every program up to a point, from where the last call left it.
   *
   * @param ends The words of each program after which it stops; by default all of them.
   * @throws {ReplayError} A shard failed; none of them runs any more.
   */
  async feed(ends?: readonly number[]): Promise<void> {
    const started = performance.now();
    await Promise.all(
      this.#plan.programs.map((program, shard) =>
        this.#feed(shard, program, ends?.[shard] ?? program.length)
      ),
    );
    await this.#abandoned;
    if (this.#failure !== undefined) throw this.#failure;
    this.#milliseconds += performance.now() - started;
  }

  async #feed(shard: number, program: Uint32Array, end: number): Promise<void> {
    const inFlight: Promise<void>[] = [];
    while (this.#sent[shard]! < end && this.#failure === undefined) {
      if (inFlight.length === PARTS_IN_FLIGHT) await inFlight.shift();
      const start = this.#sent[shard]!;
      this.#sent[shard] = Math.min(start + PART_OPERATIONS * PROGRAM_WORDS, end);
      inFlight.push(this.#run(shard, program.slice(start, this.#sent[shard])));
    }
    await Promise.all(inFlight);
  }

  /** Never rejects: the first failure is kept, and those that it causes elsewhere are not. */
  async #run(shard: number, part: Uint32Array): Promise<void> {
    const sent = performance.now();
    try {
      const done = await this.#runtime.submitTo(shard, replayTasks.run, part);
      this.#done += done;
      this.latency.add(performance.now() - sent);
      this.#onProgress?.(this.#done);
    } catch (cause) {
      if (this.#failure !== undefined) return;
      this.#failure = new ReplayError(messageOf(cause), { cause });
      this.#abandoned = this.#abandon(`Shard ${shard} failed`);
    }
  }

  /** The other shards may wait for blocks of the failed one: nothing would ever wake them. */
  #abandon(reason: string): Promise<unknown> {
    // A shard that cannot be told has ended, and its callers with it; the first failure is thrown.
    return Promise.allSettled(
      this.#plan.programs.map((_, shard) =>
        this.#runtime.submitTo(shard, replayTasks.abandon, reason)
      ),
    );
  }
}
