/**
 * The host's end of a contestant's worker: one command at a time, answered by a promise.
 *
 * @module
 */
import type { SingleOperationTimes } from "./latency.ts";
import type { Program } from "./program.ts";
import type { ReplayLimits } from "./replay.ts";
import type { FreeSide, ReplayAnswer, ReplayCommand, ReplayContestant } from "./replay_worker.ts";

/** A contestant of the allocator comparison in a worker of its own. */
export class ReplayHost {
  readonly #worker: Worker;

  private constructor() {
    const url = new URL("./replay_worker.ts", import.meta.url);
    this.#worker = new Worker(url, { type: "module" });
  }

  /** Starts a worker and its contestant, with a heap of that many bytes where it needs one. */
  static async start(contestant: ReplayContestant, heapBytes: number): Promise<ReplayHost> {
    const host = new ReplayHost();
    try {
      await host.#ask({ command: "start", contestant, heapBytes });
      return host;
    } catch (error) {
      host[Symbol.dispose]();
      throw error;
    }
  }

  /** Replays a program. @returns nanoseconds per timed operation */
  async time(program: Program, limits: ReplayLimits): Promise<number> {
    return asNumber(await this.#ask({ command: "time", program, limits }));
  }

  /** Replays as much of a program as fits in a time. @returns nanoseconds per timed operation */
  async timePart(program: Program, wantedMs: number): Promise<number> {
    return asNumber(await this.#ask({ command: "part", program, wantedMs }));
  }

  /** Replays a program once on fresh memory. @returns nanoseconds per timed operation */
  async timeFresh(program: Program): Promise<number> {
    return asNumber(await this.#ask({ command: "fresh", program }));
  }

  /** @returns the fewest bytes in which the program completes */
  async space(program: Program): Promise<number> {
    return asNumber(await this.#ask({ command: "space", program }));
  }

  /** Times single operations over several replays of a program. */
  async latency(program: Program, replays: number): Promise<SingleOperationTimes> {
    const result = await this.#ask({ command: "latency", program, replays });
    if (typeof result !== "object" || result === null) {
      throw new Error("The contestant does not time single operations");
    }
    return result;
  }

  /** @returns nanoseconds per block freed on the owner's side, the other, or on another thread */
  async free(side: FreeSide, batches: number): Promise<number> {
    return asNumber(await this.#ask({ command: "free", side, batches }));
  }

  /** Ends the worker, which is idle between commands. */
  [Symbol.dispose](): void {
    this.#worker.terminate();
  }

  #ask(command: ReplayCommand): Promise<number | SingleOperationTimes | null> {
    const { promise, resolve, reject } = Promise.withResolvers<
      number | SingleOperationTimes | null
    >();
    this.#worker.onmessage = (event: MessageEvent<ReplayAnswer>) => {
      const answer = event.data;
      if ("failure" in answer) reject(new Error(answer.failure));
      else resolve(answer.result);
    };
    this.#worker.onerror = (event) => {
      // Otherwise the error of a worker ends the whole process.
      event.preventDefault();
      reject(new Error(`The contestant's worker failed: ${event.message}`));
    };
    this.#worker.postMessage(command);
    return promise;
  }
}

function asNumber(result: number | SingleOperationTimes | null): number {
  if (typeof result !== "number") throw new Error("The contestant does not measure this");
  return result;
}
