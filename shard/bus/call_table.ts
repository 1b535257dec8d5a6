/**
 * The calls under way, by the number that their records carry. Numbers come from a free list, so the
 * table is as long as the most calls that ever were under way at once, and looking one up is an
 * index.
 *
 * @module
 */

import type { Callable } from "./callable.ts";
import type { LatencyHistogram } from "../ring/mod.ts";
import type { CallHandle, Peer, Settle } from "./peer.ts";

/** Of so many calls one is timed. */
const CALLS_PER_SAMPLE = 64;

/** The calls under way of one endpoint. */
export class CallTable {
  readonly #resolves: (Settle | undefined)[] = [];
  readonly #callees: (Peer | undefined)[] = [];
  readonly #tasks: Callable[] = [];
  readonly #handles: (CallHandle | undefined)[] = [];
  /** Addresses of the blocks that carry the calls' arguments; 0 for none. */
  readonly #blocks: number[] = [];
  readonly #free: number[] = [];
  #size = 0;
  readonly #latencies: LatencyHistogram;
  /** The call that is being timed, and since when; -1 while none is. */
  #timedCall = -1;
  #timedSince = 0;
  #untilSample = 1;

  constructor(latencies: LatencyHistogram) {
    this.#latencies = latencies;
  }

  /** Calls under way, those whose callers have given them up included. */
  get size(): number {
    return this.#size;
  }

  /** Enters a call; returns its number. */
  add(
    peer: Peer,
    task: Callable,
    resolve: Settle,
    handle: CallHandle | undefined,
    block: number,
  ): number {
    const call = this.#free.pop() ?? this.#resolves.length;
    this.#resolves[call] = resolve;
    this.#callees[call] = peer;
    this.#tasks[call] = task;
    this.#handles[call] = handle;
    this.#blocks[call] = block;
    if (handle !== undefined) {
      handle.peer = peer;
      handle.call = call;
      handle.waiting = undefined;
    }
    this.#size++;
    if (--this.#untilSample === 0) this.#time(call);
    return call;
  }

  /** The task that the call is of. */
  taskOf(call: number): Callable {
    return this.#tasks[call]!;
  }

  /** The block that carries the call's arguments; 0 if there is none. */
  blockOf(call: number): number {
    return this.#blocks[call]!;
  }

  #time(call: number): void {
    this.#untilSample = CALLS_PER_SAMPLE;
    if (this.#timedCall !== -1) return; // the one before it is still under way
    this.#timedCall = call;
    this.#timedSince = performance.now();
  }

  /** Whether the caller has given the call up: its reply is nobody's. */
  isAbandoned(call: number): boolean {
    return this.#resolves[call] === undefined;
  }

  /** Takes the call's promise away; it stays under way until its reply has come. */
  abandon(call: number): Settle {
    const resolve = this.#resolves[call]!;
    this.#resolves[call] = undefined;
    return resolve;
  }

  /** Takes a call out; returns the function that resolves its promise, if it has one. */
  remove(call: number): Settle | undefined {
    const resolve = this.#resolves[call];
    if (call === this.#timedCall) {
      this.#latencies.add(performance.now() - this.#timedSince);
      this.#timedCall = -1;
    }
    this.#handles[call]?.settle();
    this.#size--;
    this.#resolves[call] = undefined;
    this.#callees[call] = undefined;
    this.#handles[call] = undefined;
    this.#free.push(call);
    return resolve;
  }

  /** Numbers of the calls under way to `peer`. O(size of the table). */
  callsTo(peer: Peer): number[] {
    const calls: number[] = [];
    this.#callees.forEach((callee, call) => {
      if (callee === peer) calls.push(call);
    });
    return calls;
  }
}
