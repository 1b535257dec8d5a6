/**
 * Watches over the Workers of all shards: starts them, notices that one has died or is stuck, and
 * starts it again.
 *
 * A shard that comes back gets an empty slice, empty rings and a new epoch. Its own thread goes on to
 * the end of its turn when it is told to end, so it counts as dead only when it has ended. Its peers
 * may be using the old rings while it dies; so each says, in CHANGES_SEEN, that it has let go of them,
 * and only then are they emptied.
 *
 * When the thread of its next life serves the bus, the shard is opened (opening.ts): its peers take it up,
 * and hold back their calls until STATE says that it runs.
 *
 * @module
 */

import {
  Arrivals,
  CHANGES_SEEN_BYTES,
  EPOCH_BYTES,
  HEARTBEAT_BYTES,
  PARKED_BYTES,
  PENDING_BYTES,
  RING_HEAD_BYTES,
  STATE_BYTES,
  STATE_OPENING,
  STATE_RUNNING,
  waitUntilAtLeast,
} from "../ring/mod.ts";
import {
  CHANGES_BYTES,
  type Endpoint,
  type EndpointSetup,
  ShardCrashedError,
  writeObituary,
} from "../calls/mod.ts";
import { Opening } from "./opening.ts";
import type { Placement } from "./placement.ts";
import { ShardStates } from "./shard_states.ts";
import { ShardWorker } from "./shard_worker.ts";

/** What a runtime does when a shard dies: it ends, goes on without the shard, or starts it again. */
export type CrashPolicy = "fail" | "keep" | "restart";

/** A shard that crashes so often within a minute is not started again. */
const MAX_CRASHES_A_MINUTE = 5;
/** Nor is one that crashes so often in a row while it is being opened, however long that takes. */
const MAX_FAILED_OPENINGS = 5;

/** What a runtime decides, and wants to know of its shards. */
export interface SupervisorEvents {
  /** What a crash means. */
  readonly policy: CrashPolicy;
  /** A shard has died; so many of the host's calls were rejected with `error`. */
  crashed(error: ShardCrashedError, rejectedCalls: number): void;
  /** The runtime cannot go on. */
  failed(error: Error): void;
  /**
   * A shard is back, with nothing in it. Resolves when it may take calls.
   *
   * @throws What is as good as a crash of it.
   */
  open(opening: Opening): Promise<void>;
}

/** The Workers of a runtime. */
export class Supervisor {
  /** How the shards are. */
  readonly states: ShardStates;
  readonly #endpoint: Endpoint;
  readonly #setup: Omit<EndpointSetup, "endpoint">;
  readonly #placement: Placement | undefined;
  readonly #events: SupervisorEvents;
  readonly #words: Int32Array;
  readonly #workers: ShardWorker[] = [];
  readonly #crashTimes: number[][] = [];
  readonly #restarts = new Set<Promise<void>>();
  /** By shard, while it is being opened. */
  readonly #openings = new Map<number, Opening>();
  /** By shard, how many lives have ended in a row before it took calls. */
  readonly #failedOpenings = new Map<number, number>();
  /** By shard, who waits until it takes calls. */
  readonly #waitingForUp = new Map<number, PromiseWithResolvers<void>>();
  /** Channels handed out, by their two endpoints and the lives these were in. */
  readonly #channels = new Set<string>();
  #watchdog: ReturnType<typeof setInterval> | undefined;
  /** Whether all have been told to end. */
  #ended = false;
  /** Resolves then. */
  readonly #allTold: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(
    endpoint: Endpoint,
    setup: Omit<EndpointSetup, "endpoint">,
    placement: Placement | undefined,
    events: SupervisorEvents,
  ) {
    this.#endpoint = endpoint;
    this.#setup = setup;
    this.#placement = placement;
    this.#events = events;
    this.states = new ShardStates(endpoint, events.policy === "restart");
    this.#words = new Int32Array(endpoint.buffer, 0, endpoint.layout.controlByteLength >> 2);
  }

  /** Makes these Workers the shards; if one does not start, rejects with its `ShardStartError`. */
  async start(workers: readonly ShardWorker[], watchdogMs: number | undefined): Promise<void> {
    for (const worker of workers) {
      this.#workers.push(worker);
      this.#crashTimes.push([]);
    }
    await Promise.all(this.#workers.map((worker) => this.#run(worker, STATE_RUNNING)));
    if (watchdogMs !== undefined) this.#watch(watchdogMs);
  }

  /** Ids of the shards that live. */
  get alive(): number[] {
    return this.#workers.filter(({ alive }) => alive).map(({ shard }) => shard);
  }

  /** Resolves when no shard is being started again, or none will be, as all have been ended. */
  async settled(): Promise<void> {
    while (this.#restarts.size > 0 && !this.#ended) {
      // A restart waits for its peers and its thread, who may have nothing to say any more.
      await Promise.race([this.#allTold.promise, ...this.#restarts]);
    }
  }

  /** Resolves to true when `shard` takes calls, to false if all have been ended before. */
  async whenUp(shard: number): Promise<boolean> {
    while (!this.#ended && this.#endpoint.bus.whyShut(shard) !== undefined) {
      const waiting = this.#waitingForUp.get(shard) ?? Promise.withResolvers<void>();
      this.#waitingForUp.set(shard, waiting);
      await Promise.race([this.#allTold.promise, waiting.promise]);
    }
    return !this.#ended;
  }

  /**
   * Tells all to end at once; resolves when they have, or `patienceMs` are over. Only then are their
   * profiles and coverage written: Deno writes those of a thread when it ends it, and the process ends
   * without waiting for threads.
   */
  async terminate(patienceMs = Infinity): Promise<void> {
    this.#ended = true;
    this.states.end();
    this.#allTold.resolve();
    clearInterval(this.#watchdog);
    await Promise.all(this.#workers.map((worker) => worker.terminate(patienceMs)));
  }

  /** Makes the channel between two endpoints, unless there is one. */
  connect(one: number, other: number): void {
    // Asked for a life that is over, or by one: there is nobody to hand the other end to.
    if (!this.#isUp(one) || !this.#isUp(other)) return;
    const [low, high] = one < other ? [one, other] : [other, one];
    const epochs = [low, high].map((endpoint) => this.#endpoint.epochOf(endpoint));
    const channel = `${low}.${epochs[0]} ${high}.${epochs[1]}`;
    if (this.#channels.has(channel)) return; // both have asked
    this.#channels.add(channel);
    const { port1, port2 } = new MessageChannel();
    this.#hand(low, high, port1);
    this.#hand(high, low, port2);
  }

  #isUp(endpoint: number): boolean {
    if (endpoint === this.#endpoint.id) return true;
    const { alive, started } = this.#workers[endpoint]!;
    return alive && started;
  }

  #hand(to: number, peer: number, port: MessagePort): void {
    const epoch = this.#endpoint.epochOf(peer);
    if (to === this.#endpoint.id) this.#endpoint.attachChannel(peer, port, epoch);
    else this.#workers[to]!.connect(peer, port, epoch);
  }

  async #run(worker: ShardWorker, state: number): Promise<void> {
    const { shard } = worker;
    const plan = this.#placement?.threadPlan(shard);
    const place = await worker.start({ ...this.#setup, endpoint: shard }, plan, {
      died: (cause, hasEnded) => this.#died(shard, cause, hasEnded),
      connect: (endpoint) => this.connect(shard, endpoint),
    });
    if (place !== undefined) this.#placement?.placed(shard, place);
    Atomics.store(this.#words, this.#word(worker.shard, STATE_BYTES), state);
    this.states.changed(worker.shard);
  }

  /** Index of a word of an endpoint's control page. */
  #word(endpoint: number, bytes: number): number {
    return (this.#endpoint.layout.controlPage(endpoint) + bytes) >> 2;
  }

  #died(shard: number, cause: unknown, hasEnded: boolean): void {
    const { buffer, layout } = this.#endpoint;
    writeObituary(buffer, layout, shard, cause, hasEnded);
    this.states.changed(shard);
    this.#endpoint.ringAll();
    const error = new ShardCrashedError(shard, cause);
    this.#events.crashed(error, this.#endpoint.declareGone(shard, error, hasEnded));
    const opening = this.#openings.get(shard);
    this.#openings.delete(shard);
    opening?.end();
    const failedOpenings = opening === undefined ? 0 : (this.#failedOpenings.get(shard) ?? 0) + 1;
    this.#failedOpenings.set(shard, failedOpenings);
    if (this.#events.policy === "fail") this.#events.failed(error);
    if (this.#events.policy !== "restart" || this.#ended) return;
    if (this.#crashesTooOften(shard) || failedOpenings > MAX_FAILED_OPENINGS) {
      return this.#events.failed(new ShardCrashedError(shard, cause, true));
    }
    if (!hasEnded) return this.#events.failed(neverEnds(shard, cause));
    const restart = this.#restart(shard, cause)
      .catch((failure) => this.#events.failed(failure))
      .finally(() => this.#restarts.delete(restart));
    this.#restarts.add(restart);
  }

  #crashesTooOften(shard: number): boolean {
    const now = performance.now();
    const lately = this.#crashTimes[shard]!.filter((time) => now - time < 60_000);
    lately.push(now);
    this.#crashTimes[shard] = lately;
    return lately.length > MAX_CRASHES_A_MINUTE;
  }

  async #restart(shard: number, cause: unknown): Promise<void> {
    const changes = Atomics.load(this.#words, CHANGES_BYTES >> 2);
    await Promise.all(
      this.#workers
        .filter(({ ended }) => !ended.aborted)
        .map((peer) =>
          waitUntilAtLeast(
            this.#words,
            this.#word(peer.shard, CHANGES_SEEN_BYTES),
            changes,
            peer.ended, // a peer that has ended has let go too
          )
        ),
    );
    if (this.#ended) return;
    this.#empty(shard);
    const worker = new ShardWorker(shard);
    this.#workers[shard] = worker;
    await this.#run(worker, STATE_OPENING);
    if (this.#ended) return;
    const opening = new Opening(shard, cause);
    this.#openings.set(shard, opening);
    this.#announce();
    try {
      await this.#events.open(opening);
    } catch (error) {
      if (!opening.isOver) worker.declareDead(error);
      return;
    }
    // One that has died again meanwhile has its next life by now, or will.
    if (opening.isOver || this.#ended) return;
    opening.end();
    this.#openings.delete(shard);
    Atomics.store(this.#words, this.#word(shard, STATE_BYTES), STATE_RUNNING);
    this.states.changed(shard);
    this.#announce();
    this.#waitingForUp.get(shard)?.resolve();
    this.#waitingForUp.delete(shard);
  }

  /** Has everybody act on what STATE says, the host at once. */
  #announce(): void {
    Atomics.add(this.#words, CHANGES_BYTES >> 2, 1);
    this.#endpoint.lookAtShards();
    this.#endpoint.ringAll();
  }

  /**
   * Empties the rings and the mailbox of a shard that nobody uses any more; begins its next life. STATE
   * says dead until that runs: a peer whose own life begins meanwhile must leave rings and slice alone.
   */
  #empty(shard: number): void {
    const { layout } = this.#endpoint;
    const words = this.#words;
    for (let other = 0; other < layout.endpointCount; other++) {
      if (other === shard) continue;
      for (const [from, to] of [[shard, other], [other, shard]] as const) {
        const arrivals = new Arrivals(words, layout.controlPage(to), layout.endpointCount);
        words[arrivals.tailWord(from)] = 0;
        words[(layout.ring(from, to) + RING_HEAD_BYTES) >> 2] = 0;
      }
    }
    words[this.#word(shard, PENDING_BYTES)] = 0;
    words[this.#word(shard, PARKED_BYTES)] = 0;
    words[this.#word(shard, EPOCH_BYTES)]!++;
  }

  /**
   * Takes a shard for stuck if it does not come round for `watchdogMs`. One that sleeps is rung, so
   * that it comes round too.
   */
  #watch(watchdogMs: number): void {
    const beats = this.#workers.map(() => 0);
    const missed = this.#workers.map(() => 0);
    this.#watchdog = setInterval(() => {
      for (const worker of this.#workers) {
        const { shard } = worker;
        const beat = this.#words[this.#word(shard, HEARTBEAT_BYTES)]!;
        const moved = beat !== beats[shard];
        beats[shard] = beat;
        missed[shard] = moved ? 0 : missed[shard]! + 1;
        if (!worker.alive || !worker.started) missed[shard] = 0;
        else if (missed[shard]! > 2) {
          worker.declareDead(
            new Error(`its thread has not come back to its event loop for ${watchdogMs} ms`),
          );
        } else this.#endpoint.ring(shard);
      }
    }, watchdogMs / 2);
  }
}

/** Why a shard whose thread is stuck can't be started again. */
function neverEnds(shard: number, cause: unknown): Error {
  return new Error(
    `Cannot start shard ${shard} again: its thread does not end, and may write to its slice at any time`,
    { cause },
  );
}
