/**
 * One endpoint's side of the bus: calls out, calls in, over one ring to and one ring from each peer.
 *
 * Flow control is by credit. An endpoint has at most half a ring of calls under way to a peer, and
 * a ring carries nothing but requests of its producer and replies to its consumer's requests. So a
 * ring of `slots` records holds at most slots/2 of the one and slots/2 of the other: the room for a
 * reply is reserved when its request is admitted, `tryReserve()` never fails for a call that has
 * credit, and endpoints that flood each other cannot lock up. (Seastar bounds its queues the other
 * way, and had to lift the bound on calls under way: smp.hh, commit 15a92cfe7.)
 *
 * Everything is synchronous but the promises of calls; wait_strategy.ts decides when to poll.
 *
 * @module
 */

import type { Allocator } from "../../allocator/mod.ts";
import { BATCHES, COUNTER_COUNT, SLEEPS, WAKE_UPS } from "./bus_statistics.ts";
import { Callee, type Resolver } from "./callee.ts";
import { Caller } from "./caller.ts";
import { StoppedError } from "./errors.ts";
import { MessageBody } from "./message_body.ts";
import { RecordViews } from "./message_codec.ts";
import { type CallHandle, Peer, ServedCall } from "./peer.ts";
import { KIND_REQUEST, KIND_WORD, kindOf } from "./record_layout.ts";
import { RingConsumer, RingProducer } from "./spsc_ring.ts";
import type { Doorbells } from "./wait_strategy.ts";
import type { WireType } from "./wire_type.ts";

/** What the bus needs to know of a task. */
export interface Callable {
  /** URL of its module. */
  readonly module: string;
  /** Its key there. */
  readonly key: string;
  /** The function, for calls to the own endpoint. */
  // deno-lint-ignore no-explicit-any -- a task of any shape.
  readonly run: (...args: any[]) => unknown;
  /** Its number on this thread. */
  readonly index: number;
}

/** Where the bus lies and what it works with. */
export interface MessageBusOptions {
  /** This endpoint's number. */
  readonly endpoint: number;
  /** How many endpoints there are. */
  readonly endpointCount: number;
  /** The segment. */
  readonly buffer: SharedArrayBuffer;
  /** Bytes of the segment that hold control pages and rings. */
  readonly controlByteLength: number;
  /** Byte offset of the ring between two endpoints. */
  readonly ring: (from: number, to: number) => number;
  /** Slots of each ring. */
  readonly ringSlots: number;
  /** Byte offset of this endpoint's float64 counters. */
  readonly countersByteOffset: number;
  /** Byte offset of the word that counts the endpoints that have died. */
  readonly deathsByteOffset: number;
  /** Called when that word has changed. */
  readonly onDeaths: () => void;
  /** The allocator of this endpoint's slice. */
  readonly allocator: Allocator;
  /** Classes that travel as themselves. */
  readonly types: readonly WireType<object>[];
  /** Finds the functions that peers call. */
  readonly resolve: Resolver;
  /** Wakes peers. */
  readonly doorbells: Doorbells;
  /** Whether a caller that sleeps should wake itself to spin for its reply. */
  readonly spins: boolean;
}

/** One endpoint's side of the bus. */
export class MessageBus {
  /** This endpoint's number. */
  readonly endpoint: number;
  /** False once closed. */
  open = true;
  readonly #allocator: Allocator;
  readonly #doorbells: Doorbells;
  readonly #views: RecordViews;
  readonly #counters: Float64Array;
  readonly #caller: Caller;
  readonly #callee: Callee;
  readonly #spins: boolean;
  /** By endpoint; none at the own number. */
  readonly #peers: (Peer | undefined)[] = [];
  /** The same, without the gap. */
  readonly #others: Peer[] = [];
  readonly #deathsWord: number;
  readonly #onDeaths: () => void;
  #seenDeaths = 0;
  #localCalls = 0;
  /** Calls without reply to this endpoint by itself, and what they have thrown. */
  #detached = 0;
  readonly #failures: unknown[] = [];
  /** Resolved when a call ends here. */
  #endWaiters: (() => void)[] = [];
  #flushScheduled = false;
  #polling = false;
  #asleep = false;
  readonly #idleWaiters: { readonly serving: number; readonly resolve: () => void }[] = [];
  readonly #flush = (): void => this.flush();

  constructor(options: MessageBusOptions) {
    this.endpoint = options.endpoint;
    this.#allocator = options.allocator;
    this.#doorbells = options.doorbells;
    this.#views = new RecordViews(options.buffer, options.controlByteLength);
    this.#counters = new Float64Array(options.buffer, options.countersByteOffset, COUNTER_COUNT);
    this.#spins = options.spins;
    this.#deathsWord = options.deathsByteOffset >> 2;
    this.#onDeaths = options.onDeaths;
    const body = new MessageBody(options.buffer, options.allocator, options.types);
    const commit = (peer: Peer): void => this.#commit(peer);
    this.#caller = new Caller(this.#views, body, this.#counters, options.ringSlots, commit);
    this.#callee = new Callee(
      this.#views,
      body,
      this.#counters,
      options.resolve,
      commit,
      (peer) => this.#touch(peer),
      () => this.#checkIdle(),
    );
    const words = this.#views.words;
    for (let other = 0; other < options.endpointCount; other++) {
      if (other === options.endpoint) {
        this.#peers.push(undefined);
        continue;
      }
      const peer = new Peer(
        other,
        new RingProducer(words, options.ring(options.endpoint, other), options.ringSlots),
        new RingConsumer(words, options.ring(other, options.endpoint), options.ringSlots),
      );
      this.#peers.push(peer);
      this.#others.push(peer);
    }
  }

  /** The endpoint that called the task running now, up to its first await. */
  get currentCaller(): number | undefined {
    return this.#callee.currentPeer?.endpoint;
  }

  /** Aborts when the call of the task running now is given up; ask before the first await. */
  get currentSignal(): AbortSignal | undefined {
    return this.#callee.currentCall?.signal;
  }

  // ─── Calls ───────────────────────────────────────────────────────────────────────────────────

  /**
   * Calls `task` on endpoint `to`. Rejects with what it throws, or with why it was not run. With a
   * handle, `cancel()` can give the call up.
   */
  call(
    to: number,
    task: Callable,
    args: readonly unknown[],
    handle?: CallHandle,
  ): Promise<unknown> {
    if (!this.open) {
      return Promise.reject(
        new StoppedError(`Cannot call endpoint ${to}: this endpoint has stopped`),
      );
    }
    if (to !== this.endpoint) return this.#caller.call(this.#peers[to]!, task, args, handle);
    if (handle === undefined) return this.#callLocally(() => task.run(...args));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const served = new ServedCall();
    handle.local = { served, reject };
    this.#callLocally(() => this.#callee.runAs(served, () => task.run(...args)))
      .then(resolve, reject)
      .finally(() => handle.settled = true);
    return promise;
  }

  /**
   * Calls `task` on endpoint `to` and wants no result: resolves as soon as the call is sent. What it
   * throws waits there for `takeFailures()`.
   */
  async callWithoutReply(to: number, task: Callable, args: readonly unknown[]): Promise<void> {
    if (!this.open) throw new StoppedError(`Cannot call endpoint ${to}: this endpoint has stopped`);
    if (to !== this.endpoint) {
      await this.#caller.call(this.#peers[to]!, task, args, undefined, true);
      return;
    }
    this.#detached++;
    this.#callLocally(() => task.run(...args))
      .catch((error) => this.#failures.push(error))
      .finally(() => {
        this.#detached--;
        this.#checkIdle();
      });
  }

  /**
   * What the calls without reply of endpoint `from` have thrown here; resolves when all of them that
   * came before this are over.
   */
  async takeFailures(from: number): Promise<unknown[]> {
    const peer = this.#peers[from];
    while ((peer === undefined ? this.#detached : peer.detached) > 0) await this.#nextEnd();
    if (peer === undefined) return this.#failures.splice(0);
    return this.#callee.takeFailures(peer);
  }

  /** The same of every endpoint, without waiting. */
  takeAllFailures(): unknown[] {
    const taken = this.#failures.splice(0);
    for (const peer of this.#others) taken.push(...this.#callee.takeFailures(peer));
    return taken;
  }

  async #callLocally(run: () => unknown): Promise<unknown> {
    this.#localCalls++;
    try {
      await undefined; // never inside the caller's turn, as on any other shard
      return await run();
    } finally {
      this.#localCalls--;
      this.#checkIdle();
    }
  }

  /** Gives a call up, for `reason`; the number to tell its callee, or -1 if there is none to tell. */
  cancel(handle: CallHandle, reason: unknown): number {
    const call = this.#caller.cancel(handle, reason);
    this.#checkIdle();
    return call;
  }

  /** The caller `from` has given its call up: the task that serves it is told. */
  cancelServed(from: number, call: number, reason: unknown): void {
    this.#peers[from]!.served.get(call)?.cancel(reason);
  }

  /** Whether `error` came from another endpoint. */
  isRemoteError(error: unknown): boolean {
    return this.#caller.isRemoteError(error);
  }

  /** Takes the reserved slot of the ring to `peer`, to be published at the end of the turn. */
  #commit(peer: Peer): void {
    peer.producer.commit();
    this.#touch(peer);
  }

  /** Has the ring to `peer` published at the end of the turn. */
  #touch(peer: Peer): void {
    peer.dirty = true;
    // Behind the microtasks already queued, so that all callers of this turn share one publish.
    if (this.#flushScheduled || this.#polling) return;
    this.#flushScheduled = true;
    queueMicrotask(this.#flush);
  }

  /**
   * Publishes what this turn has written and wakes who sleeps. Remote frees go first: a peer that
   * sees the reply must find the memory of its request given back.
   */
  flush(): void {
    this.#flushScheduled = false;
    this.#allocator.flushRemoteFrees();
    for (const peer of this.#others) {
      if (!peer.dirty) continue;
      peer.dirty = false;
      this.#callee.acknowledge(peer);
      peer.producer.publish();
      this.#counters[BATCHES]!++;
      if (this.#doorbells.ring(peer.endpoint)) this.#counters[WAKE_UPS]!++;
    }
    if (this.#asleep && this.#spins && this.#caller.underWay > 0) this.#doorbells.ringSelf();
  }

  // ─── The loop's side: see wait_strategy.ts ───────────────────────────────────────────────────

  /** Handles every record that has come, gives memory back, and publishes the replies. */
  poll(): number {
    this.#allocator.drainRemoteFrees();
    if (this.#views.words[this.#deathsWord] !== this.#seenDeaths) this.#lookForDeaths();
    let handled = 0;
    this.#polling = true;
    try {
      for (const peer of this.#others) {
        const consumer = peer.consumer;
        // A call number of a dead peer may have been given out again: its late replies are not read.
        if (consumer.looksEmpty() || peer.gone !== undefined) continue;
        for (let at = consumer.peek(); at >= 0; at = consumer.peek()) {
          const kind = this.#views.words[at + KIND_WORD]!;
          if (kindOf(kind) === KIND_REQUEST) this.#callee.request(peer, kind, at);
          else this.#caller.reply(peer, kind, at);
          handled++;
        }
        consumer.publish();
      }
      if (handled > 0 && this.#caller.hasWaiting) {
        for (const peer of this.#others) this.#caller.sendWaiting(peer);
      }
    } finally {
      this.#polling = false;
    }
    if (handled > 0) {
      this.flush();
      this.#checkIdle();
    }
    return handled;
  }

  /** Whether something seems to wait: plain looks, cheap enough to spin on. */
  looksBusy(): boolean {
    for (const peer of this.#others) {
      if (!peer.consumer.looksEmpty() && peer.gone === undefined) return true;
    }
    return this.#views.words[this.#deathsWord] !== this.#seenDeaths;
  }

  /** Whether something waits: exact, for the last look before a sleep. */
  isBusy(): boolean {
    for (const peer of this.#others) {
      if (!peer.consumer.isEmpty() && peer.gone === undefined) return true;
    }
    return Atomics.load(this.#views.words, this.#deathsWord) !== this.#seenDeaths ||
      this.#allocator.hasRemoteFrees();
  }

  /** Told by `attend()`. */
  sleeping(asleep: boolean): void {
    this.#asleep = asleep;
    if (asleep) this.#counters[SLEEPS]!++;
  }

  // ─── Ends ────────────────────────────────────────────────────────────────────────────────────

  #lookForDeaths(): void {
    // Orders the reads of the obituaries behind the store of DEATHS that announces them.
    this.#seenDeaths = Atomics.load(this.#views.words, this.#deathsWord);
    this.#onDeaths();
  }

  /** Rejects every call to `endpoint`, now and from now on, with `error`; returns how many. */
  declareGone(endpoint: number, error: Error): number {
    const peer = this.#peers[endpoint]!;
    if (peer.gone !== undefined) return 0;
    peer.gone = error;
    for (const served of peer.served.values()) served.cancel(error);
    peer.served.clear();
    peer.failures = [];
    const rejected = this.#caller.rejectAll(peer, error);
    this.#checkIdle();
    return rejected;
  }

  /** Resolves when no call of this endpoint is under way, and at most `serving` of others here. */
  async idle(serving = 0): Promise<void> {
    while (!this.#isIdle(serving)) {
      await new Promise<void>((resolve) => this.#idleWaiters.push({ serving, resolve }));
    }
  }

  #nextEnd(): Promise<void> {
    return new Promise((resolve) => this.#endWaiters.push(resolve));
  }

  #isIdle(serving: number): boolean {
    return this.#caller.underWay === 0 && this.#localCalls === 0 &&
      this.#callee.underWay <= serving;
  }

  #checkIdle(): void {
    if (this.#endWaiters.length > 0) {
      const waiters = this.#endWaiters;
      this.#endWaiters = [];
      for (const resolve of waiters) resolve();
    }
    for (let i = this.#idleWaiters.length - 1; i >= 0; i--) {
      const waiter = this.#idleWaiters[i]!;
      if (!this.#isIdle(waiter.serving)) continue;
      this.#idleWaiters.splice(i, 1);
      waiter.resolve();
    }
  }

  /** Ends the endpoint: rejects what is under way with `error`; returns how many calls. */
  close(error: Error): number {
    let rejected = 0;
    for (const peer of this.#others) rejected += this.declareGone(peer.endpoint, error);
    this.open = false;
    this.#doorbells.ringSelf();
    return rejected;
  }
}
