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
import { BusyError, MessageMemoryError, StoppedError } from "./errors.ts";
import { INLINE_CHARACTERS, InlineCodec, RecordViews } from "./message_codec.ts";
import {
  BLOCK_LENGTH_WORD,
  CALL_WORD,
  CELLS_WORD,
  FLAG_INTRODUCES,
  FLAG_OUT_OF_LINE,
  KIND_ERROR,
  KIND_ERROR_TEXT,
  KIND_REQUEST,
  KIND_RESULT,
  KIND_WORD,
  kindOf,
  kindWord,
  TASK_WORD,
  valueCountOf,
} from "./record_layout.ts";
import { RingConsumer, RingProducer } from "./spsc_ring.ts";
import { ValueCodec } from "./value_codec.ts";
import type { Doorbells } from "./wait_strategy.ts";
import type { WireType } from "./wire_type.ts";

/** Calls that may wait for room to one endpoint before further ones fail with BusyError. */
export const MAX_WAITING_CALLS = 65_536;

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

/** A function that serves calls. */
type Handler = (...args: unknown[]) => unknown;

/** The function behind a module's URL and a key; a promise while the module loads. */
export type Resolver = (module: string, key: string) => Handler | Promise<Handler>;

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

/** Figures of one endpoint's bus, in the order of its counters. */
export interface BusStatistics {
  /** Calls sent to other endpoints. */
  readonly callsSent: number;
  /** Replies received. */
  readonly repliesReceived: number;
  /** Calls of other endpoints taken in. */
  readonly callsReceived: number;
  /** Replies sent. */
  readonly repliesSent: number;
  /** Times that this endpoint slept. */
  readonly sleeps: number;
  /** Times that it woke another. */
  readonly wakeUps: number;
}

const CALLS_SENT = 0;
const REPLIES_RECEIVED = 1;
const CALLS_RECEIVED = 2;
const REPLIES_SENT = 3;
const SLEEPS = 4;
const WAKE_UPS = 5;
const COUNTER_COUNT = 6;

/** Reads an endpoint's figures from any thread. */
export function readBusStatistics(
  buffer: SharedArrayBuffer,
  countersByteOffset: number,
): BusStatistics {
  return statisticsOf(new Float64Array(buffer, countersByteOffset, COUNTER_COUNT));
}

function statisticsOf(counters: Float64Array): BusStatistics {
  return {
    callsSent: counters[CALLS_SENT]!,
    repliesReceived: counters[REPLIES_RECEIVED]!,
    callsReceived: counters[CALLS_RECEIVED]!,
    repliesSent: counters[REPLIES_SENT]!,
    sleeps: counters[SLEEPS]!,
    wakeUps: counters[WAKE_UPS]!,
  };
}

type Settle = (value: unknown) => void;

/** A call that has no credit or no memory yet, whole but for its place in the ring. */
interface WaitingCall {
  readonly views: RecordViews;
  /** Its values, when they do not fit the record. */
  readonly bytes: Uint8Array | undefined;
  readonly resolve: Settle;
  readonly reject: Settle;
}

/** A call taken in while the module of an earlier one of the same peer loads. */
interface HeldCall {
  readonly call: number;
  readonly task: number;
  readonly args: unknown[];
}

/** What the bus keeps of one other endpoint. */
class Peer {
  readonly endpoint: number;
  readonly producer: RingProducer;
  readonly consumer: RingConsumer;
  /** Calls sent and not yet answered. Invariant: at most half the slots of a ring. */
  outstanding = 0;
  /** Calls that wait for credit or memory, oldest first. */
  readonly waiting: WaitingCall[] = [];
  /** Own tasks, by index, that this peer has met. */
  readonly introduced: boolean[] = [];
  /** The peer's tasks by the number it gives them. */
  readonly handlers: (Handler | Error)[] = [];
  /** Not undefined while a module loads: later calls of the peer queue behind it. */
  held: HeldCall[] | undefined;
  /** Why nothing more can be sent to it. */
  gone: Error | undefined;
  /** Whether the ring has records that are not published. */
  dirty = false;

  constructor(endpoint: number, producer: RingProducer, consumer: RingConsumer) {
    this.endpoint = endpoint;
    this.producer = producer;
    this.consumer = consumer;
  }
}

// A promise's two functions without a closure per call: the executor runs synchronously.
let settleWith: Settle;
let rejectWith: Settle;
function captureSettlers(resolve: Settle, reject: Settle): void {
  settleWith = resolve;
  rejectWith = reject;
}

/** One endpoint's side of the bus. */
export class MessageBus {
  /** This endpoint's number. */
  readonly endpoint: number;
  /** False once closed. */
  open = true;
  readonly #allocator: Allocator;
  readonly #sliceBytes: number;
  readonly #doorbells: Doorbells;
  readonly #resolve: Resolver;
  readonly #values: ValueCodec;
  readonly #types: readonly WireType<object>[];
  readonly #inline: InlineCodec;
  readonly #views: RecordViews;
  readonly #segment: Uint8Array;
  readonly #counters: Float64Array;
  readonly #spins: boolean;
  /** By endpoint; none at the own number. */
  readonly #peers: (Peer | undefined)[] = [];
  /** The same, without the gap. */
  readonly #others: Peer[] = [];
  readonly #credit: number;
  /** Calls under way, by call number. */
  readonly #resolves: (Settle | undefined)[] = [];
  readonly #rejects: (Settle | undefined)[] = [];
  readonly #callees: number[] = [];
  readonly #freeCalls: number[] = [];
  #outstanding = 0;
  #waiting = 0;
  /** Calls of others that run or wait here. */
  #serving = 0;
  #localCalls = 0;
  #flushScheduled = false;
  #asleep = false;
  readonly #idleWaiters: { readonly serving: number; readonly resolve: () => void }[] = [];
  readonly #transfers: object[] = [];
  readonly #flush = (): void => this.flush();
  readonly #deathsWord: number;
  readonly #onDeaths: () => void;
  #seenDeaths = 0;

  constructor(options: MessageBusOptions) {
    this.endpoint = options.endpoint;
    this.#allocator = options.allocator;
    this.#sliceBytes = options.allocator.statistics().totalBytes;
    this.#doorbells = options.doorbells;
    this.#resolve = options.resolve;
    this.#types = options.types;
    this.#values = new ValueCodec(options.types);
    this.#inline = new InlineCodec(options.types);
    this.#views = new RecordViews(options.buffer, options.controlByteLength);
    this.#segment = new Uint8Array(options.buffer);
    this.#counters = new Float64Array(options.buffer, options.countersByteOffset, COUNTER_COUNT);
    this.#spins = options.spins;
    this.#credit = options.ringSlots >> 1;
    this.#deathsWord = options.deathsByteOffset >> 2;
    this.#onDeaths = options.onDeaths;
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

  // ─── Calls out ───────────────────────────────────────────────────────────────────────────────

  /** Calls `task` on endpoint `to`. Rejects with what it throws, or with why it was not run. */
  call(to: number, task: Callable, args: readonly unknown[]): Promise<unknown> {
    if (!this.open) {
      return Promise.reject(
        new StoppedError(`Cannot call endpoint ${to}: this endpoint has stopped`),
      );
    }
    if (to === this.endpoint) return this.#callLocally(task, args);
    const peer = this.#peers[to]!;
    if (peer.gone !== undefined) return Promise.reject(peer.gone);
    if (peer.waiting.length >= MAX_WAITING_CALLS) {
      return Promise.reject(new BusyError(to, peer.waiting.length));
    }
    const promise = new Promise<unknown>(captureSettlers);
    const resolve = settleWith;
    const reject = rejectWith;
    try {
      this.#send(peer, task, args, resolve, reject);
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  #send(
    peer: Peer,
    task: Callable,
    args: readonly unknown[],
    resolve: Settle,
    reject: Settle,
  ): void {
    const introduces = peer.introduced[task.index] !== true;
    const values = introduces ? [task.module, task.key, ...args] : args;
    const kind = kindWord(
      KIND_REQUEST,
      Math.min(values.length, 255),
      introduces ? FLAG_INTRODUCES : 0,
    );
    const direct = peer.outstanding < this.#credit && peer.waiting.length === 0;
    const views = direct ? this.#views : RecordViews.ofOneRecord();
    let at = direct ? peer.producer.tryReserve() : 0;
    let transfers = this.#transfers;
    transfers.length = 0;
    let bytes: Uint8Array | undefined;
    if (!this.#inline.tryEncode(values, views, at, transfers)) {
      const skipped = introduces ? 2 : 0;
      transfers = [];
      bytes = this.#values.encode(values, (i) => `arguments[${i - skipped}]`, transfers);
      if (bytes.length > this.#sliceBytes) throw this.#memoryError(bytes.length);
      // A getter among the values may have made calls of its own, and taken the slot.
      if (direct) at = peer.producer.tryReserve();
    }
    views.words[at + KIND_WORD] = kind;
    views.words[at + TASK_WORD] = task.index;
    if (direct && (bytes === undefined || this.#tryWriteBlock(bytes, views, at))) {
      this.#moveTransfers(transfers, peer.endpoint);
      this.#admit(peer, at, resolve, reject);
    } else {
      if (direct && this.#outstanding === 0 && this.#waiting === 0) {
        throw this.#memoryError(bytes!.length); // nothing is under way that could give memory back
      }
      const staged = direct ? RecordViews.ofOneRecord() : views;
      if (direct) staged.copyFrom(views.words, at, 0);
      this.#moveTransfers(transfers, peer.endpoint);
      // The codec's scratch is reused by the next message.
      peer.waiting.push({ views: staged, bytes: bytes?.slice(), resolve, reject });
      this.#waiting++;
    }
    if (introduces) peer.introduced[task.index] = true;
  }

  /** Enters the record at `at` in the table of calls and commits it. */
  #admit(peer: Peer, at: number, resolve: Settle, reject: Settle): void {
    const call = this.#freeCalls.pop() ?? this.#resolves.length;
    this.#resolves[call] = resolve;
    this.#rejects[call] = reject;
    this.#callees[call] = peer.endpoint;
    this.#views.words[at + CALL_WORD] = call;
    peer.outstanding++;
    this.#outstanding++;
    this.#counters[CALLS_SENT]!++;
    this.#commit(peer);
    this.#scheduleFlush();
  }

  /** Behind the microtasks already queued, so that all callers of this turn share one publish. */
  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(this.#flush);
  }

  #commit(peer: Peer): void {
    peer.producer.commit();
    peer.dirty = true;
  }

  /** Sends what waits for `peer`, as far as credit and memory go. */
  #sendWaiting(peer: Peer): void {
    let sent = 0;
    while (sent < peer.waiting.length && peer.outstanding < this.#credit) {
      const next = peer.waiting[sent]!;
      const at = peer.producer.tryReserve();
      this.#views.copyFrom(next.views.words, 0, at);
      if (next.bytes !== undefined && !this.#tryWriteBlock(next.bytes, this.#views, at)) {
        if (this.#outstanding > 0) break; // a reply brings memory back and tries again
        next.reject(this.#memoryError(next.bytes.length));
        this.#values.discard(next.bytes);
      } else this.#admit(peer, at, next.resolve, next.reject);
      sent++;
    }
    if (sent > 0) {
      peer.waiting.splice(0, sent);
      this.#waiting -= sent;
    }
  }

  async #callLocally(task: Callable, args: readonly unknown[]): Promise<unknown> {
    this.#localCalls++;
    try {
      await undefined; // never inside the caller's turn, as on any other shard
      return await task.run(...args);
    } finally {
      this.#localCalls--;
      this.#checkIdle();
    }
  }

  #moveTransfers(transfers: readonly object[], to: number): void {
    for (let i = 0; i < transfers.length; i++) {
      const value = transfers[i]!;
      for (const type of this.#types) {
        if (value instanceof type.class) {
          type.moved(value, to);
          break;
        }
      }
    }
  }

  #tryWriteBlock(bytes: Uint8Array, views: RecordViews, at: number): boolean {
    const address = this.#allocator.malloc(bytes.length);
    if (address === 0) return false;
    this.#segment.set(bytes, address);
    views.words[at + KIND_WORD]! |= FLAG_OUT_OF_LINE;
    views.floats[(at + CELLS_WORD) >> 1] = address;
    views.words[at + BLOCK_LENGTH_WORD] = bytes.length;
    return true;
  }

  #memoryError(byteLength: number): MessageMemoryError {
    const { freeBytes, totalBytes } = this.#allocator.statistics();
    return new MessageMemoryError(byteLength, freeBytes, totalBytes);
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
      peer.producer.publish();
      if (this.#doorbells.ring(peer.endpoint)) this.#counters[WAKE_UPS]!++;
    }
    if (this.#asleep && this.#spins && this.#outstanding > 0) this.#doorbells.ringSelf();
  }

  // ─── Messages in ─────────────────────────────────────────────────────────────────────────────

  /** Handles every record that has come, gives memory back, and publishes the replies. */
  poll(): number {
    this.#allocator.drainRemoteFrees();
    if (this.#views.words[this.#deathsWord] !== this.#seenDeaths) this.#lookForDeaths();
    let handled = 0;
    for (const peer of this.#others) {
      const consumer = peer.consumer;
      // A call number of a dead peer may have been given out again: its late replies are not read.
      if (consumer.looksEmpty() || peer.gone !== undefined) continue;
      for (let at = consumer.peek(); at >= 0; at = consumer.peek()) {
        this.#receive(peer, at);
        handled++;
      }
      consumer.publish();
    }
    if (handled > 0) {
      if (this.#waiting > 0) { for (const peer of this.#others) this.#sendWaiting(peer); }
      this.flush();
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
    return Atomics.load(this.#views.words, this.#deathsWord) !== this.#seenDeaths;
  }

  #lookForDeaths(): void {
    // Orders the reads of the obituaries behind the store of DEATHS that announces them.
    this.#seenDeaths = Atomics.load(this.#views.words, this.#deathsWord);
    this.#onDeaths();
  }

  /** Told by `attend()`. */
  sleeping(asleep: boolean): void {
    this.#asleep = asleep;
    if (asleep) this.#counters[SLEEPS]!++;
  }

  /** Takes the record at `at` out of the ring: its slot is free when this returns. */
  #receive(peer: Peer, at: number): void {
    const words = this.#views.words;
    const kind = words[at + KIND_WORD]!;
    const call = words[at + CALL_WORD]!;
    const task = words[at + TASK_WORD]!;
    let values: unknown[];
    let failure: unknown;
    try {
      values = this.#readValues(kind, at);
    } catch (error) {
      values = [];
      failure = error;
    }
    peer.consumer.release();
    if (kindOf(kind) === KIND_REQUEST) {
      this.#counters[CALLS_RECEIVED]!++;
      this.#serving++;
      if (failure !== undefined) this.#replyError(peer, call, failure);
      else this.#request(peer, call, task, values, (kind & FLAG_INTRODUCES) !== 0);
    } else if (failure !== undefined) this.#settle(call, this.#rejects, failure);
    else if (kindOf(kind) === KIND_RESULT) this.#settle(call, this.#resolves, values[0]);
    else {
      const isText = kindOf(kind) === KIND_ERROR_TEXT;
      this.#settle(call, this.#rejects, isText ? new Error(String(values[0])) : values[0]);
    }
  }

  #readValues(kind: number, at: number): unknown[] {
    if ((kind & FLAG_OUT_OF_LINE) === 0) {
      const count = valueCountOf(kind);
      const values = new Array<unknown>(count);
      this.#inline.decode(count, this.#views, at, values);
      return values;
    }
    const address = this.#views.floats[(at + CELLS_WORD) >> 1]!;
    const byteLength = this.#views.words[at + BLOCK_LENGTH_WORD]!;
    try {
      return this.#values.decode(this.#segment.subarray(address, address + byteLength));
    } finally {
      this.#allocator.free(address); // the sender's block: a remote free
    }
  }

  #request(
    peer: Peer,
    call: number,
    task: number,
    values: unknown[],
    introduces: boolean,
  ): void {
    if (introduces) {
      const [module, key, ...args] = values as [string, string, ...unknown[]];
      this.#meet(peer, task, module, key);
      values = args;
    }
    if (peer.held !== undefined) peer.held.push({ call, task, args: values });
    else this.#serve(peer, call, task, values);
  }

  /** Learns which function `task` stands for; holds the peer's calls while its module loads. */
  #meet(peer: Peer, task: number, module: string, key: string): void {
    const found = this.#resolve(module, key);
    if (typeof found === "function") {
      peer.handlers[task] = found;
      return;
    }
    const held = peer.held ??= [];
    const ready = (handler: Handler | Error): void => {
      peer.handlers[task] = handler;
      // Two modules may load at once; calls go on, in order, as far as their tasks are known.
      while (held.length > 0 && peer.handlers[held[0]!.task] !== undefined) {
        const next = held.shift()!;
        this.#serve(peer, next.call, next.task, next.args);
      }
      if (held.length === 0) peer.held = undefined;
      this.flush();
    };
    found.then(ready, ready);
  }

  #serve(peer: Peer, call: number, task: number, args: unknown[]): void {
    const handler = peer.handlers[task]!;
    if (typeof handler !== "function") return this.#replyError(peer, call, handler);
    try {
      const result = handler(...args);
      if (isThenable(result)) {
        result.then(
          (value) => this.#replyLater(peer, call, value, false),
          (error) => this.#replyLater(peer, call, error, true),
        );
      } else this.#reply(peer, call, result);
    } catch (error) {
      this.#replyError(peer, call, error);
    }
  }

  #replyLater(peer: Peer, call: number, value: unknown, failed: boolean): void {
    if (failed) this.#replyError(peer, call, value);
    else this.#reply(peer, call, value);
    this.#scheduleFlush();
  }

  #reply(peer: Peer, call: number, value: unknown): void {
    try {
      this.#writeReply(peer, call, KIND_RESULT, value, "the result");
    } catch (error) {
      this.#replyError(peer, call, error);
    }
  }

  #replyError(peer: Peer, call: number, error: unknown): void {
    try {
      this.#writeReply(peer, call, KIND_ERROR, error, "the error");
    } catch {
      // It has a field that cannot travel, or the slice has no memory for it: its text can go.
      const text = String(error).replace(/[^\0-\xff]/g, "?").slice(0, INLINE_CHARACTERS);
      this.#writeReply(peer, call, KIND_ERROR_TEXT, text, "the error");
    }
  }

  #writeReply(peer: Peer, call: number, kind: number, value: unknown, name: string): void {
    if (peer.gone === undefined) {
      const values = [value];
      // Invariant: the credit that admitted the request keeps a slot for its reply.
      let at = peer.producer.tryReserve();
      let transfers = this.#transfers;
      transfers.length = 0;
      let bytes: Uint8Array | undefined;
      if (!this.#inline.tryEncode(values, this.#views, at, transfers)) {
        transfers = [];
        bytes = this.#values.encode(values, () => name, transfers);
        at = peer.producer.tryReserve(); // a getter may have made calls, and taken the slot
      }
      const words = this.#views.words;
      words[at + KIND_WORD] = kindWord(kind, 1, 0);
      words[at + CALL_WORD] = call;
      if (bytes !== undefined && !this.#tryWriteBlock(bytes, this.#views, at)) {
        throw this.#memoryError(bytes.length);
      }
      this.#moveTransfers(transfers, peer.endpoint);
      this.#counters[REPLIES_SENT]!++;
      this.#commit(peer);
    }
    this.#serving--;
    this.#checkIdle();
  }

  #settle(call: number, settlers: (Settle | undefined)[], value: unknown): void {
    const settle = settlers[call]!;
    this.#counters[REPLIES_RECEIVED]!++;
    this.#releaseCall(call);
    settle(value);
    this.#checkIdle();
  }

  #releaseCall(call: number): void {
    this.#peers[this.#callees[call]!]!.outstanding--;
    this.#outstanding--;
    this.#resolves[call] = undefined;
    this.#rejects[call] = undefined;
    this.#freeCalls.push(call);
  }

  // ─── Ends ────────────────────────────────────────────────────────────────────────────────────

  /** Rejects every call to `endpoint`, now and from now on, with `error`; returns how many. */
  declareGone(endpoint: number, error: Error): number {
    const peer = this.#peers[endpoint]!;
    if (peer.gone !== undefined) return 0;
    peer.gone = error;
    const waiting = peer.waiting.splice(0);
    this.#waiting -= waiting.length;
    let rejected = waiting.length;
    for (let call = 0; call < this.#rejects.length; call++) {
      const reject = this.#rejects[call];
      if (reject === undefined || this.#callees[call] !== endpoint) continue;
      this.#releaseCall(call);
      reject(error);
      rejected++;
    }
    for (const { views, bytes, reject } of waiting) {
      if (bytes !== undefined) this.#values.discard(bytes);
      else this.#inline.discard(valueCountOf(views.words[KIND_WORD]!), views, 0);
      reject(error);
    }
    this.#checkIdle();
    return rejected;
  }

  /** Figures of this endpoint. */
  statistics(): BusStatistics {
    return statisticsOf(this.#counters);
  }

  /** Resolves when no call of this endpoint is under way, and at most `serving` of others here. */
  async idle(serving = 0): Promise<void> {
    while (!this.#isIdle(serving)) {
      await new Promise<void>((resolve) => this.#idleWaiters.push({ serving, resolve }));
    }
  }

  #isIdle(serving: number): boolean {
    return this.#outstanding === 0 && this.#waiting === 0 && this.#localCalls === 0 &&
      this.#serving <= serving;
  }

  #checkIdle(): void {
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

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
