/**
 * One endpoint's side of the bus: calls out, calls in, over one ring to and one ring from each peer.
 *
 * Flow control is by credit. An endpoint has at most half a ring of calls under way to a peer, and a
 * ring carries nothing but requests of its producer and replies to its consumer's requests. So a ring
 * of `slots` records holds at most slots/2 of the one and slots/2 of the other: the room for a reply is
 * reserved when its request is admitted, `reserve()` never fails for a call that has credit, and
 * endpoints that flood each other cannot lock up.
 *
 * Calls that wait for each other in a circle could, still: a task that calls back holds its caller's
 * credit until its own call has some. So an endpoint that serves calls, and whose own calls wait for
 * credit, asks for it (KIND_ASK); the peer gives back the credit of calls that run on there
 * (KIND_GRANT), and sends their replies, late, on credit of its own. One message of each half ring is
 * kept for such and for cancellations: see notices.ts. (Seastar bounds its queues the other way, and had to
 * lift the bound on calls under way for that circle: smp.hh, commit 15a92cfe7.)
 *
 * Everything is synchronous but the promises of calls; wait_strategy.ts decides when to poll.
 *
 * @module
 */

import type { Allocator } from "../../allocator/mod.ts";
import {
  announce,
  BUCKET_COUNT,
  CHANGES_SEEN_BYTES,
  COUNTER_COUNT,
  COUNTERS_BYTES,
  type Doorbells,
  HEARTBEAT_BYTES,
  KIND_PACKED_ERROR,
  KIND_REQUEST,
  KIND_WARNING,
  KIND_WORD,
  kindOf,
  LATENCIES_BYTES,
  LatencyHistogram,
  SENDERS_PER_LINE,
  SLEEPS,
  type Spinner,
} from "../ring/mod.ts";
import { Batches } from "./batches.ts";
import type { Callable } from "./callable.ts";
import { Callee } from "./callee.ts";
import { Caller } from "./caller.ts";
import { CreditTotals } from "./credit.ts";
import type { ErrorPacker } from "../codec/mod.ts";
import { Ends } from "./ends.ts";
import { type Failures, sumOf } from "./failure_log.ts";
import { MessageBody } from "./message_body.ts";
import type { MessageBusOptions } from "./message_bus_options.ts";
import { RecordViews } from "./inline_codec.ts";
import { type CallHandle, type Peer, refused, type ServedCall } from "./peer.ts";
import { LinkedQueue } from "./linked_queue.ts";
import { LocalCalls } from "./local_calls.ts";
import { Notices } from "./notices.ts";
import { Parcels, transfer } from "./parcels.ts";
import { hasSent, Peers } from "./peers.ts";
import { rejected } from "./rejection.ts";

/**
 * Records of one peer that a poll handles at most. One that sends as fast as they are handled would
 * otherwise keep everybody else waiting: other peers, timers, sockets.
 */
const RECORDS_PER_POLL = 1024;

/** One endpoint's side of the bus. */
export class MessageBus {
  /** This endpoint's number. */
  readonly endpoint: number;
  /** False once closed. */
  open = true;
  /** What is handed over beside the rings. */
  readonly parcels: Parcels;
  /** Errors for which there may be no memory. */
  readonly packer: ErrorPacker;
  readonly #options: MessageBusOptions;
  readonly #allocator: Allocator;
  readonly #doorbells: Doorbells;
  readonly #views: RecordViews;
  readonly #counters: Float64Array;
  readonly #body: MessageBody;
  readonly #notices: Notices;
  readonly #caller: Caller;
  readonly #callee: Callee;
  readonly #local: LocalCalls;
  readonly #spinner: Spinner;
  readonly #peers: Peers;
  readonly #batches: Batches;
  readonly #heartbeatWord: number;
  readonly #changesWord: number;
  readonly #changesSeenWord: number;
  #seenChanges = 0;
  /** Whether a peer takes no calls, and will again. */
  #expectsSomebody = false;
  readonly #ends = new Ends();
  #asleep = false;
  #closedBy: Error | undefined;
  /** The end of a turn that did not poll. */
  readonly #endTurn = (): void => {
    this.#sendWaiting();
    this.#askForCredit();
    this.flush();
    this.#ends.tell();
  };

  constructor(options: MessageBusOptions) {
    this.endpoint = options.endpoint;
    this.#options = options;
    this.#allocator = options.allocator;
    this.#doorbells = options.doorbells;
    this.#views = new RecordViews(options.buffer, options.controlByteLength);
    // Slices have the numbers of their endpoints.
    options.allocator.remoteFrees.onOwnerShort = (slice) => void options.doorbells.ring(slice);
    options.allocator.remoteFrees.isBack = options.isRunning;
    const page = options.controlPage(options.endpoint);
    this.#counters = new Float64Array(options.buffer, page + COUNTERS_BYTES, COUNTER_COUNT);
    const latencies = new Int32Array(options.buffer, page + LATENCIES_BYTES, BUCKET_COUNT);
    this.#spinner = options.spinner;
    this.#changesWord = options.changesByteOffset >> 2;
    this.#changesSeenWord = (page + CHANGES_SEEN_BYTES) >> 2;
    this.#heartbeatWord = (page + HEARTBEAT_BYTES) >> 2;
    this.parcels = new Parcels(options.endpoint, options.connect);
    const body = new MessageBody(options.buffer, options.allocator, options.types, this.parcels);
    this.#body = body;
    this.packer = body.packer;
    const totals = new CreditTotals();
    this.#peers = new Peers(options, this.#views.words, totals);
    this.#batches = new Batches(
      options.allocator,
      options.doorbells,
      this.#counters,
      this.#peers,
      (peer) => this.#notices.acknowledge(peer),
      this.#endTurn,
    );
    this.#notices = new Notices(
      this.#views,
      body,
      this.parcels,
      this.#counters,
      this.#batches,
      options.onWarning,
    );
    this.#caller = new Caller(
      this.#views,
      body,
      this.parcels,
      this.#counters,
      new LatencyHistogram(latencies),
      this.#notices,
      totals,
      this.#batches,
      options.mayEnter,
    );
    this.#callee = new Callee(
      this.#views,
      body,
      this.parcels,
      this.#counters,
      options.resolve,
      this.#notices,
      this.#batches,
    );
    this.#local = new LocalCalls(
      options.resolve,
      this.#callee,
      (value) => body.abandonAlone(value),
      () => this.#ends.tell(),
    );
  }

  /** The endpoint that called the task running now, up to its first await. */
  get currentCaller(): number | undefined {
    return this.#callee.currentPeer?.endpoint;
  }

  /** The call of the task running now, if it can be given up; ask before the first await. */
  get currentCall(): ServedCall | undefined {
    return this.#callee.currentCall;
  }

  /** Runs a later part of a task as a part of its call, so that it can ask for the signal. */
  runAs(served: ServedCall, part: () => unknown): unknown {
    return this.#callee.runAs(served, part);
  }

  /** Calls of this endpoint sent and not answered, or waiting to be sent. */
  get underWay(): number {
    return this.#caller.underWay;
  }

  /** Whether there are such calls. */
  get awaitsReply(): boolean {
    return this.#caller.underWay > 0;
  }

  /**
   * Whether a call to endpoint `to` made now would not be refused with a BusyError; also true where it
   * would fail at once for another reason. O(1).
   */
  hasRoom(to: number): boolean {
    return !this.open || to === this.endpoint || this.#caller.hasRoom(this.#peers.list[to]!);
  }

  /** Whether a call to endpoint `to` made now passes those that wait until it takes calls. O(1). */
  passes(to: number): boolean {
    return this.whyShut(to) !== undefined && !this.isGone(to) && this.#options.mayEnter(to);
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
    try {
      return this.callOrThrow(to, task, args, handle);
    } catch (error) {
      return refused(handle, error);
    }
  }

  /**
   * The same, but throws if the call is refused at once, for who has to know that none is on its way:
   * then nothing of it has moved either.
   */
  callOrThrow(
    to: number,
    task: Callable,
    args: readonly unknown[],
    handle?: CallHandle,
  ): Promise<unknown> {
    if (!this.open) throw this.#closedBy;
    if (to !== this.endpoint) return this.#caller.call(this.#peers.list[to]!, task, args, handle);
    return this.#local.call(task, args, handle);
  }

  /**
   * The same for what opens an endpoint: it also goes to one that takes no calls of others yet, and
   * waits for no next life of one that is gone.
   */
  callEarly(to: number, task: Callable, args: readonly unknown[]): Promise<unknown> {
    if (to === this.endpoint || !this.open) return this.call(to, task, args);
    try {
      return this.#caller.call(this.#peers.list[to]!, task, args, undefined, false, true);
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Calls `task` on endpoint `to` and wants no result: resolves as soon as the call is sent. What it
   * throws waits there for `takeFailures()`. With a handle, the call can be given up until it is sent.
   */
  callWithoutReply(
    to: number,
    task: Callable,
    args: readonly unknown[],
    handle?: CallHandle,
  ): Promise<unknown> {
    if (!this.open) return refused(handle, this.#closedBy);
    if (to !== this.endpoint) {
      try {
        return this.#caller.call(this.#peers.list[to]!, task, args, handle, true);
      } catch (error) {
        return refused(handle, error);
      }
    }
    handle?.settle();
    this.#local.callWithoutReply(task, args);
    return Promise.resolve();
  }

  /**
   * What the calls without reply of endpoint `from` have thrown here; resolves when all of them that
   * came before this are over.
   */
  async takeFailures(from: number): Promise<Failures> {
    const peer = this.#peers.list[from];
    await this.#ends.until(() => (peer ?? this.#local).detached === 0);
    return (peer ?? this.#local).failures.take();
  }

  /** The same of every endpoint, the dead included, without waiting. */
  takeAllFailures(): Failures {
    return sumOf([this.#local.failures.take(), ...this.#peers.takeFailures()]);
  }

  /** Failures for another endpoint; null if there are none. */
  packFailures({ count, first }: Failures): Uint8Array | null {
    if (count === 0) return null;
    return this.handOver([count, first.map((failure) => this.pack(failure))]);
  }

  /** Values that own nothing, as a result for which a message needs no memory. */
  handOver(values: readonly unknown[]): Uint8Array {
    return transfer(this.packer.packAll(values));
  }

  /** What was thrown as bytes, to be a part of such a result; it owns nothing any more. */
  pack(thrown: unknown): Uint8Array<ArrayBuffer> {
    return this.#body.pack(thrown);
  }

  /** Values of which none moves as bytes for any endpoint, to be kept; `thaw()` reads them. */
  freeze(values: readonly unknown[]): Uint8Array {
    return this.#body.freeze(values);
  }

  /** Copies of the values that some endpoint froze. */
  thaw(bytes: Uint8Array): unknown[] {
    return this.#body.thaw(bytes);
  }

  /** Gives a call up, for `reason`. The task that serves it is told, if there is one. */
  cancel(handle: CallHandle, reason: unknown): void {
    this.#caller.cancel(handle, reason);
    this.#ends.tell();
  }

  /**
   * Tells endpoint `to` of something that went wrong where nobody waits, whatever memory there is; a
   * dead one is not told.
   */
  warn(to: number, warning: Error): void {
    this.#notices.tell(this.#peers.list[to]!, KIND_WARNING, 0, warning);
  }

  /** Publishes what this turn has written and wakes who sleeps. */
  flush(): void {
    this.#batches.publish();
    // What runs while the endpoint counts as asleep, a socket's turn or a module's, may have used up its
    // memory: this tells the others, as the look before a sleep does.
    if (this.#asleep && (this.#allocator.hasRemoteFrees() || this.#wantsToSpin())) {
      this.#doorbells.ringSelf();
    }
  }

  #wantsToSpin(): boolean {
    return this.awaitsReply && this.#spinner.pays(this) && this.maySpin();
  }

  // ─── The loop's side: see wait_strategy.ts ───────────────────────────────────────────────────

  /** Handles the records that have come, gives memory back, and publishes the replies. */
  poll(): number {
    const words = this.#views.words;
    words[this.#heartbeatWord]!++;
    this.#allocator.drainRemoteFrees();
    if (this.#allocator.reclaimers.isDue()) this.#allocator.reclaimers.run();
    if (words[this.#changesWord] !== this.#seenChanges) this.#lookForChanges();
    if (!this.#peers.looksArrived()) return 0;
    let handled = 0;
    this.#batches.polling = true;
    try {
      for (let lines = this.#peers.takeLines(); lines !== 0; lines &= lines - 1) {
        handled += this.#receiveLine(31 - Math.clz32(lines & -lines));
      }
      if (handled > 0) this.#sendWaiting();
    } finally {
      this.#batches.polling = false;
      this.#askForCredit();
      // Also when a record could not be handled: what was sent before it must not stay behind.
      this.flush();
    }
    this.#ends.tell();
    return handled;
  }

  /** Sends what waits, as far as credit and memory go. */
  #sendWaiting(): void {
    if (!this.#caller.hasWaiting && this.#notices.waiting === 0) return;
    for (const peer of this.#peers.list) {
      if (peer === undefined) continue;
      this.#notices.sendWaiting(peer);
      this.#caller.sendWaiting(peer);
    }
  }

  /**
   * Of calls that wait for credit others may wait, in a circle, if some are served here, or if what holds
   * the credit waits for a shard to come back: those that open it may be behind.
   */
  #askForCredit(): void {
    if (this.#caller.hasWaiting && (this.#callee.underWay > 0 || this.#expectsSomebody)) {
      this.#notices.askForCredit(this.#peers.list);
    }
  }

  /** Handles the records from the senders of a line. */
  #receiveLine(line: number): number {
    const first = line * SENDERS_PER_LINE;
    const end = Math.min(first + SENDERS_PER_LINE, this.#peers.list.length);
    let handled = 0;
    for (let endpoint = first; endpoint < end; endpoint++) {
      const peer = this.#peers.list[endpoint];
      if (peer !== undefined && hasSent(peer)) handled += this.#receive(peer);
    }
    return handled;
  }

  /** Handles the records of the ring from `peer`, or the first of them. */
  #receive(peer: Peer): number {
    const { consumer } = peer;
    this.#batches.reading = consumer;
    let handled = 0;
    /** Records left of those that were there when remote frees were drained last. */
    let covered = 0;
    for (let at = consumer.peek(); at >= 0; at = consumer.peek()) {
      if (handled === RECORDS_PER_POLL) {
        this.#peers.keepMark(peer.endpoint); // the rest is for the next poll
        break;
      }
      // What was freed before a message was sent is free when it is handled: `poll()` has looked sooner.
      if (covered === 0) {
        covered = consumer.seen;
        this.#allocator.drainRemoteFrees();
      }
      covered--;
      const kind = this.#views.words[at + KIND_WORD]!;
      if (kindOf(kind) === KIND_REQUEST) this.#callee.request(peer, kind, at);
      else if (kindOf(kind) <= KIND_PACKED_ERROR) this.#caller.reply(peer, kind, at);
      else this.#notices.receive(peer, kind, at);
      handled++;
    }
    consumer.publish();
    this.#batches.reading = undefined;
    this.#notices.grant(peer);
    if (peer.credit.owedAcks > 0) this.#batches.touch(peer);
    return handled;
  }

  /** Whether something seems to wait: plain looks, cheap enough to spin on. */
  looksBusy(): boolean {
    return this.#peers.looksArrived() ||
      this.#views.words[this.#changesWord] !== this.#seenChanges;
  }

  /** Whether something waits: exact, for the last look before a sleep. */
  isBusy(): boolean {
    return this.#peers.hasArrived() ||
      Atomics.load(this.#views.words, this.#changesWord) !== this.#seenChanges ||
      this.#allocator.hasRemoteFrees();
  }

  /** Whether no more endpoints are awake than there are cores, this one included. */
  maySpin(): boolean {
    return this.#peers.areAwakeAtMost(this.#options.cores - 1, this.#doorbells);
  }

  /** Told by `attend()`. */
  sleeping(asleep: boolean): void {
    this.#asleep = asleep;
    if (!asleep) return;
    this.#counters[SLEEPS]!++;
    this.#options.onSleep();
  }

  // ─── Ends ────────────────────────────────────────────────────────────────────────────────────

  #lookForChanges(): void {
    const words = this.#views.words;
    // Orders the reads of states and obituaries behind the change of CHANGES that announces them.
    this.#seenChanges = Atomics.load(words, this.#changesWord);
    this.#options.onChanges();
    this.#sendWaiting(); // calls to the dead have given their memory back
    // Tells the host that this endpoint has let go of the rings of the dead.
    announce(words, this.#changesSeenWord, this.#seenChanges);
  }

  /** Whether `endpoint` was declared gone and has not come back. */
  isGone(endpoint: number): boolean {
    return this.#peers.list[endpoint]?.gone !== undefined;
  }

  /** What `endpoint` died of, if it was declared gone and has not come back. */
  whyGone(endpoint: number): Error | undefined {
    return this.#peers.list[endpoint]?.gone;
  }

  /** Why `endpoint` takes no calls, if it takes none: it is gone, or coming back. */
  whyShut(endpoint: number): Error | undefined {
    return this.#peers.list[endpoint]?.shut;
  }

  /**
   * Why a call to `endpoint` made now would not be sent, if so: as `whyShut()`, but not for the calls that
   * open it. Who asks tells the program: a death is told by that.
   */
  whyNotNow(endpoint: number): Error | undefined {
    const peer = this.#peers.list[endpoint];
    return peer === undefined ? undefined : this.#caller.whyNotNow(peer);
  }

  /** Takes up news of the others at once, which the next poll would: what has just come may be about it. */
  catchUp(): void {
    if (Atomics.load(this.#views.words, this.#changesWord) !== this.#seenChanges) {
      this.#lookForChanges();
    }
  }

  /** Whether a call was rejected because `endpoint` is gone, one that was made since. */
  hasToldGone(endpoint: number): boolean {
    return this.#peers.list[endpoint]?.goneTold === true;
  }

  /**
   * `endpoint` has come back for its life `epoch`, with empty rings and no memory of the former. It can
   * call, and takes the calls that open it.
   */
  declareBack(endpoint: number, epoch: number): void {
    this.#allocator.remoteFrees.restore(endpoint);
    // A shard is started again only after the thread of its former life has ended.
    for (const block of this.#peers.list[endpoint]!.unread) this.#body.free(block);
    this.parcels.renew(endpoint, epoch);
    this.#peers.renew(endpoint);
  }

  /** `endpoint`, which this one has not known before, takes no calls yet, for `why`. */
  declareShut(endpoint: number, why: Error): void {
    const peer = this.#peers.list[endpoint]!;
    peer.shut = why;
    peer.later ??= new LinkedQueue();
    this.#shutOrOpened();
  }

  /** Some peer takes calls now, or takes none. */
  #shutOrOpened(): void {
    this.#expectsSomebody = this.#peers.list.some((peer) => peer?.later !== undefined);
    this.#batches.scheduleEnd(); // which asks for credit that is wanted now
  }

  /** `endpoint`, which has come back, takes calls. */
  declareUp(endpoint: number): void {
    this.#caller.takeUp(this.#peers.list[endpoint]!);
    this.#shutOrOpened();
  }

  /**
   * Rejects every call to `endpoint` with `error`; returns how many. Later calls wait for it if there is
   * a `why`, which says that it will come back, and are rejected with `error` else. What was sent to it
   * stays as it is unless its thread has ended: it would read the blocks' next contents.
   */
  declareGone(endpoint: number, error: Error, hasEnded: boolean, why?: Error): number {
    const peer = this.#peers.list[endpoint]!;
    // Also when it has died again before this endpoint has heard that it was back: blocks of the life
    // between may have been gathered.
    this.#allocator.remoteFrees.retire(endpoint);
    if (peer.gone !== undefined) return why === undefined ? this.#giveUpWaiting(peer, error) : 0;
    peer.gone = error;
    for (const served of peer.served.values()) served.cancel(error);
    peer.served.clear();
    this.#callee.dropDeferred(peer);
    this.parcels.close(endpoint);
    // Before the calls are rejected, which frees the blocks that the records lie in.
    for (const at of peer.producer.unread()) {
      this.#body.discardUnread(this.#views, at);
      peer.unread.push(this.#body.blockForReader(this.#views, at));
    }
    const count = this.#caller.rejectAll(peer, error, hasEnded);
    peer.shut = why ?? error;
    peer.later = why === undefined ? undefined : peer.later ?? new LinkedQueue();
    this.#shutOrOpened();
    this.#options.onGone(endpoint, error, hasEnded);
    this.#ends.tell();
    return count;
  }

  /** A peer that is gone will not come back. */
  #giveUpWaiting(peer: Peer, error: Error): number {
    const count = this.#caller.rejectLater(peer, error);
    peer.later = undefined;
    this.parcels.giveUp(peer.endpoint);
    this.#ends.tell();
    return count;
  }

  /** Resolves when no call of this endpoint is under way, and at most `serving` of others here. */
  idle(serving = 0): Promise<void> {
    return this.#ends.until(() =>
      this.underWay === 0 && this.#local.underWay === 0 && this.#callee.underWay <= serving
    );
  }

  /** Resolves when a call ends here: then there may be room for another. */
  nextEnd(): Promise<void> {
    return this.#ends.next();
  }

  /**
   * Ends the endpoint: rejects what is under way with `error`, and every later call with `afterwards`;
   * returns how many were under way.
   */
  close(error: Error, afterwards = error): number {
    if (!this.open) return 0; // the first end is the one that is told
    this.#closedBy = afterwards;
    let rejected = 0;
    for (const peer of this.#peers.list) {
      // Nobody waits for the others' threads, which may be in the middle of a turn.
      if (peer !== undefined) rejected += this.declareGone(peer.endpoint, error, false);
    }
    this.open = false;
    this.#doorbells.ringSelf();
    return rejected;
  }
}
