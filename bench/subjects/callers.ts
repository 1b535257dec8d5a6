/**
 * The contestants of `compare messages`, busy or not: what they are, and how they are started,
 * asked, timed and ended.
 *
 * @module
 */
import { answerOf, quantile, reasonOf } from "../comparison.ts";
import type { Caller } from "../peers/caller.ts";
import { TIDEPOOL } from "../report.ts";

/** What a program writes without a library. */
export const POST_MESSAGE = "postMessage";
/** Tidepool, told never to spin. */
export const WITHOUT_SPINNING = "Tidepool, spinning off";

/** Starts a contestant. */
export type OpenCaller<Peer = Caller> = () => Promise<Peer>;

/** Everyone who is asked; a library is loaded only when its turn comes to start. */
export const CONTESTANTS: ReadonlyMap<string, OpenCaller> = new Map([
  [TIDEPOOL, async () => await (await import("../peers/tidepool_caller.ts")).openTidepool()],
  [POST_MESSAGE, async () => await (await import("../peers/post_message.ts")).openPostMessage()],
  ["comlink", async () => await (await import("../peers/comlink.ts")).openComlink()],
  ["piscina", async () => await (await import("../peers/piscina.ts")).openPiscina()],
  ["workerpool", async () => await (await import("../peers/workerpool.ts")).openWorkerpool()],
  ["poolifier", async () => await (await import("../peers/poolifier.ts")).openPoolifier()],
]);

/** Those of them that are libraries of others. */
export const LIBRARIES: readonly string[] = [...CONTESTANTS.keys()].filter((name) => {
  return name !== TIDEPOOL && name !== POST_MESSAGE;
});

/** Starts {@linkcode WITHOUT_SPINNING}. */
export async function openWithoutSpinning(): Promise<Caller> {
  return await (await import("../peers/tidepool_caller.ts")).openWithoutSpinning();
}

/** Contestants that are up, and the reasons why others are not. */
export class Callers<Peer extends Pick<Caller, "close"> = Caller> {
  readonly #callers = new Map<string, Peer>();
  readonly #reasons = new Map<string, string>();

  private constructor() {}

  /** Starts each contestant and sees that it answers rightly. */
  static async open(
    contestants: Iterable<readonly [string, OpenCaller]>,
    progress: (text: string) => void,
  ): Promise<Callers> {
    return await Callers.openVerified(contestants, progress, verify);
  }

  /** The same for other peers. @param verify Throws if a contestant answers wrongly. */
  static async openVerified<Peer extends Pick<Caller, "close">>(
    contestants: Iterable<readonly [string, OpenCaller<Peer>]>,
    progress: (text: string) => void,
    verify: (peer: Peer) => Promise<void>,
  ): Promise<Callers<Peer>> {
    const callers = new Callers<Peer>();
    for (const [name, open] of contestants) {
      progress(`starting ${name}`);
      try {
        const caller = await answerOf(open());
        callers.#callers.set(name, caller);
        await answerOf(verify(caller));
      } catch (error) {
        callers.#reasons.set(name, reasonOf(error));
      }
    }
    return callers;
  }

  /** Gives `work` that contestant; rejects if it did not start, or once it is clear that it hangs. */
  async ask<Result>(name: string, work: (caller: Peer) => Promise<Result>): Promise<Result> {
    const caller = this.#callers.get(name);
    if (caller === undefined || this.#reasons.has(name)) {
      throw new Error(this.#reasons.get(name) ?? "It was not started");
    }
    return await answerOf(work(caller));
  }

  /** Ends everyone's workers. @returns a note on each contestant that failed to */
  async close(): Promise<string[]> {
    const notes: string[] = [];
    for (const [name, caller] of this.#callers) {
      try {
        // Poolifier may wait for ever for an exit of its worker that it has missed.
        await answerOf(caller.close(), 5_000);
      } catch (error) {
        notes.push(`${name} did not close: ${reasonOf(error)}`);
      }
    }
    return notes;
  }
}

/** A contestant that answers wrongly is as good as one that does not start. */
async function verify(caller: Caller): Promise<void> {
  const sum = await caller.add(2, 3);
  if (sum !== 5) throw new Error(`It answers 2 + 3 with ${sum}`);
  const sent = new Uint8Array([1, 2, 255]);
  const received = await caller.echo(sent);
  if (String(received) !== String(sent)) throw new Error(`It echoes ${sent} as ${received}`);
}

/** Keeps that many calls in flight for a while. @returns seconds of that while per call */
export async function timeCalls<Peer>(
  call: (caller: Peer, index: number) => Promise<unknown>,
  caller: Peer,
  inFlight: number,
  sampleMs: number,
): Promise<number> {
  let calls = 0;
  const begin = performance.now();
  const deadline = begin + sampleMs;
  const loop = async () => {
    // The clock costs about a tenth of a microsecond, so each loop looks at it now and then.
    do {
      for (let turn = 0; turn < 8; turn++) await call(caller, ++calls);
    } while (performance.now() < deadline);
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return (performance.now() - begin) / 1e3 / calls;
}

/** The times of one sample; a sample ends when they are full. Made once, lest it be collected amid one. */
const TIMES = new Float64Array(2 ** 20);

/** Times of single calls, in microseconds. */
export interface Latencies {
  readonly calls: number;
  readonly median: number;
  readonly p99: number;
}

/** Makes one call after the other. */
export async function timeEach(caller: Caller, sampleMs: number): Promise<Latencies> {
  const begin = performance.now();
  let calls = 0;
  // Each call begins when the one before it has ended, so one look at the clock serves both.
  for (let now = begin; now - begin < sampleMs && calls < TIMES.length;) {
    await caller.add(calls, 1);
    const ended = performance.now();
    TIMES[calls++] = (ended - now) * 1e3;
    now = ended;
  }
  const ascending = TIMES.subarray(0, calls).sort();
  return { calls, median: quantile(ascending, 0.5), p99: quantile(ascending, 0.99) };
}
