/**
 * Calls out of an endpoint: admission by credit, waiting in order, replies, cancellation.
 *
 * @module
 */

import {
  CALL_WORD,
  CALLS_DELAYED,
  CALLS_SENT,
  CALLS_WAITING,
  FLAG_CANCELLABLE,
  FLAG_INTRODUCES,
  FLAG_LATE,
  FLAG_NO_REPLY,
  KIND_CANCEL,
  KIND_PACKED_ERROR,
  KIND_REQUEST,
  KIND_RESULT,
  KIND_WORD,
  kindOf,
  kindWord,
  type LatencyHistogram,
  REPLIES_RECEIVED,
  TASK_WORD,
} from "../ring/mod.ts";
import type { Batches } from "./batches.ts";
import { CallTable } from "./call_table.ts";
import { textOf } from "../codec/mod.ts";
import type { CreditTotals } from "./credit.ts";
import { BusyError } from "./errors.ts";
import type { MessageBody } from "./message_body.ts";
import { RecordViews } from "./inline_codec.ts";
import type { Callable } from "./callable.ts";
import type { Link, LinkedQueue } from "./linked_queue.ts";
import type { Notices } from "./notices.ts";
import { ComingParcel, type Parcels } from "./parcels.ts";
import {
  type CallHandle,
  expectLater,
  mayGo,
  type Peer,
  type Settle,
  type WaitingCall,
  waitingFor,
} from "./peer.ts";
import { NOT_WHOLE } from "./whole_values.ts";
import { rejectBy } from "./rejection.ts";
import { rejectWithLocalStack } from "./two_sided_stack.ts";

/** Calls that may wait for room to one endpoint before further ones fail with BusyError. */
export const MAX_WAITING_CALLS = 65_536;

const argumentName = (index: number): string => `arguments[${index}]`;
const introducedName = (index: number): string => argumentName(index - 2); // behind module and key

/** Calls out of one endpoint. */
export class Caller {
  readonly #views: RecordViews;
  readonly #body: MessageBody;
  readonly #counters: Float64Array;
  readonly #parcels: Parcels;
  readonly #batches: Batches;
  readonly #notices: Notices;
  readonly #totals: CreditTotals;
  readonly #calls: CallTable;
  readonly #mayEnter: (endpoint: number) => boolean;
  #waiting = 0;

  /**
   * `totals` are those of the peers' credit; `mayEnter` says whether a call made now may go to an endpoint
   * that does not take those of others yet.
   */
  constructor(
    views: RecordViews,
    body: MessageBody,
    parcels: Parcels,
    counters: Float64Array,
    latencies: LatencyHistogram,
    notices: Notices,
    totals: CreditTotals,
    batches: Batches,
    mayEnter: (endpoint: number) => boolean,
  ) {
    this.#mayEnter = mayEnter;
    this.#calls = new CallTable(latencies);
    counters[CALLS_WAITING] = 0; // of this life: the others go on from those before
    this.#views = views;
    this.#body = body;
    this.#parcels = parcels;
    this.#counters = counters;
    this.#notices = notices;
    this.#totals = totals;
    this.#batches = batches;
  }

  /** Calls and notices sent and not answered, or waiting to be sent. */
  get underWay(): number {
    return this.#sent + this.#waiting + this.#notices.waiting;
  }

  /** Those that were sent. */
  get #sent(): number {
    return this.#calls.size + this.#totals.unacknowledged;
  }

  /** Whether some call waits for credit or memory. */
  get hasWaiting(): boolean {
    return this.#waiting > 0;
  }

  /** Whether a call to `peer` made now would not be refused with a BusyError, now or in its next life. O(1). */
  hasRoom(peer: Peer): boolean {
    const isNow = peer.shut === undefined || this.#mayPass(peer, false);
    return (isNow ? waitingFor(peer) : peer.later?.size ?? 0) < MAX_WAITING_CALLS;
  }

  /** Why a call to `peer` made now would have to wait for its next life, or be refused; if so. O(1). */
  whyNotNow(peer: Peer): Error | undefined {
    if (peer.shut === undefined || this.#mayPass(peer, false)) return undefined;
    if (peer.later === undefined) peer.goneTold = true; // whoever asks tells the program
    return peer.shut;
  }

  /**
   * Calls `task` on `peer`. With a handle, the call can be given up; without a reply, the promise
   * resolves as soon as the call is sent, and it can be given up until then. To a peer that comes back it
   * goes when that takes calls; an early one at once, or not at all.
   *
   * @throws Why the call is refused at once: then nothing is under way, and nothing has moved.
   */
  call(
    peer: Peer,
    task: Callable,
    args: readonly unknown[],
    handle?: CallHandle,
    noReply = false,
    early = false,
  ): Promise<unknown> {
    if (peer.shut !== undefined && !this.#mayPass(peer, early)) {
      return this.#callLater(peer, task, args, handle, noReply, early);
    }
    const waiting = waitingFor(peer);
    if (waiting >= MAX_WAITING_CALLS && !early) throw new BusyError(peer.shard, waiting);
    // Once this is compiled, the executor is a part of it: neither it nor a reject() is made.
    let resolve!: Settle;
    const outcome = new Promise<unknown>((itsResolve) => {
      resolve = itsResolve;
    });
    this.#send(peer, task, args, resolve, handle, noReply);
    return outcome;
  }

  /** Whether a call may go to a peer that is shut. */
  #mayPass({ gone, endpoint }: Peer, early: boolean): boolean {
    return gone === undefined && (early || this.#mayEnter(endpoint));
  }

  /** Has a call wait for a peer that is shut, if that will take calls again. */
  #callLater(
    peer: Peer,
    task: Callable,
    args: readonly unknown[],
    handle: CallHandle | undefined,
    noReply: boolean,
    early: boolean,
  ): Promise<unknown> {
    const later = expectLater(peer, early);
    if (later.size >= MAX_WAITING_CALLS) throw new BusyError(peer.shard, later.size);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const views = RecordViews.ofOneRecord();
    // Introduces its task, whoever else does: its peer knows none yet.
    const values = [task.module, task.key, ...args];
    const encoded = this.#body.encode(values, views, 0, introducedName);
    // Getters of the values have run, and may have given this call up, or ended all.
    expectLater(peer, early);
    handle?.throwIfGivenUp();
    const flags = encoded.flags | FLAG_INTRODUCES |
      (noReply ? FLAG_NO_REPLY : handle === undefined ? 0 : FLAG_CANCELLABLE);
    views.words[KIND_WORD] = kindWord(KIND_REQUEST, Math.min(values.length, 255), flags);
    views.words[TASK_WORD] = task.index;
    this.#body.move(encoded, peer.endpoint);
    const bytes = encoded.bytes?.slice();
    this.#wait(peer, later, { views, bytes, task, resolve, handle, noReply });
    return promise;
  }

  /** `peer` takes calls again: what has waited for that goes, as far as there is credit, and in order. */
  takeUp(peer: Peer): void {
    const { later, waiting } = peer;
    peer.shut = undefined;
    peer.later = undefined;
    for (let link = later?.first; link !== undefined; link = later!.first) {
      later!.remove(link);
      this.#enqueue(peer, waiting, link.value);
    }
    this.sendWaiting(peer);
    this.#batches.scheduleEnd();
  }

  #send(
    peer: Peer,
    task: Callable,
    args: readonly unknown[],
    resolve: Settle,
    handle: CallHandle | undefined,
    noReply: boolean,
  ): void {
    const introduces = peer.introduced[task.index] !== true;
    const values = introduces ? [task.module, task.key, ...args] : args;
    const flags = (introduces ? FLAG_INTRODUCES : 0) |
      (noReply ? FLAG_NO_REPLY : handle === undefined ? 0 : FLAG_CANCELLABLE);
    const name = introduces ? introducedName : argumentName;

    let goes = mayGo(peer);
    if (goes && values.length === 1) {
      const at = this.#tryWriteWhole(peer, task, values[0], flags, handle);
      const { byteLength } = this.#body.whole;
      if (at >= 0) return this.#admit(peer, at, byteLength, task, resolve, handle, noReply);
    }

    // Encode: into the ring if it may go at once, else into a record of its own.
    goes = mayGo(peer);
    let views = goes ? this.#views : RecordViews.ofOneRecord();
    // Invariant: a call with credit has room in the ring.
    let at = goes ? peer.producer.reserve() : 0;
    const encoded = this.#body.encode(values, views, at, name);
    const { bytes } = encoded;
    let block = 0;
    if (bytes !== undefined) {
      block = this.#blockFor(peer, bytes, handle);
      goes = block !== 0;
      views = goes ? this.#views : RecordViews.ofOneRecord();
      at = goes ? peer.producer.reserve() : 0;
    }
    const valueCount = Math.min(values.length, 255);
    views.words[at + KIND_WORD] = kindWord(KIND_REQUEST, valueCount, flags | encoded.flags);
    views.words[at + TASK_WORD] = task.index;

    // Admit.
    if (goes) {
      this.#body.put(encoded, block, views, at, peer.endpoint);
      return this.#admit(peer, at, bytes?.length ?? 0, task, resolve, handle, noReply);
    }

    // Wait: what moves has moved; the codec's scratch is the next message's.
    this.#body.move(encoded, peer.endpoint);
    const body = bytes?.slice();
    this.#wait(peer, peer.waiting, { views, bytes: body, task, resolve, handle, noReply });
  }

  /**
   * Writes the record of a call whose one argument can be written into its block as it is; -1, and nothing
   * done, if it can't, if there is no memory yet, or if the call may not go any more, as reclaimers have run
   * inside of malloc().
   */
  #tryWriteWhole(
    peer: Peer,
    { index }: Callable,
    argument: unknown,
    flags: number,
    handle: CallHandle | undefined,
  ): number {
    const { whole } = this.#body;
    const block = whole.tryWrite(argument);
    if (block === NOT_WHOLE) return -1;
    const isRefused = peer.gone !== undefined || handle?.settled === true;
    // No reply is due that could bring memory back.
    if (block === 0 && !isRefused && mayGo(peer) && this.underWay === 0) {
      throw this.#body.memoryError(whole.byteLength);
    }
    if (block === 0 || isRefused || !mayGo(peer)) {
      this.#body.free(block);
      return -1;
    }
    const at = peer.producer.reserve();
    this.#views.words[at + KIND_WORD] = kindWord(KIND_REQUEST, 1, flags);
    this.#views.words[at + TASK_WORD] = index;
    whole.put(this.#views, at);
    return at;
  }

  /**
   * A block for the values of a call; 0 if the call has to wait, for credit or for memory.
   *
   * Code of the program's has run by then: getters of the values, reclaimers inside of malloc(). It may
   * have made calls of its own and taken the slot and the credit, given this call up, or ended all.
   */
  #blockFor(
    peer: Peer,
    bytes: Uint8Array,
    handle: CallHandle | undefined,
  ): number {
    const hasCredit = mayGo(peer);
    const block = hasCredit ? this.#body.allocateFor(bytes) : 0;
    try {
      if (peer.gone !== undefined) throw peer.gone;
      handle?.throwIfGivenUp();
      // No reply is due that could bring memory back.
      if (hasCredit && block === 0 && this.underWay === 0) {
        throw this.#body.memoryError(bytes.length);
      }
    } catch (error) {
      this.#body.free(block);
      throw error;
    }
    if (block === 0 || mayGo(peer)) return block;
    this.#body.free(block);
    return 0;
  }

  #enqueue(peer: Peer, queue: LinkedQueue<WaitingCall>, call: WaitingCall): void {
    const link = queue.push(call);
    const { handle } = call;
    if (handle === undefined) return;
    handle.peer = peer;
    handle.queue = queue;
    handle.waiting = link;
  }

  #wait(peer: Peer, queue: LinkedQueue<WaitingCall>, call: WaitingCall): void {
    this.#enqueue(peer, queue, call);
    this.#waiting++;
    this.#counters[CALLS_DELAYED]!++;
    this.#counters[CALLS_WAITING] = this.#waiting;
    this.#batches.scheduleEnd();
  }

  /** Enters the record at `at` in the table of calls and commits it, with `byteLength` bytes outside of it. */
  #admit(
    peer: Peer,
    at: number,
    byteLength: number,
    task: Callable,
    resolve: Settle,
    handle: CallHandle | undefined,
    noReply: boolean,
  ): void {
    if (noReply) {
      peer.credit.admitDetached();
      handle?.settle(); // it was sent, which is all that its promise stands for
      resolve(undefined);
    } else {
      const block = this.#body.blockOf(this.#views, at);
      peer.credit.admit();
      const call = this.#calls.add(peer, task, resolve, handle, block);
      this.#views.words[at + CALL_WORD] = call;
    }
    // Not sooner: a call that waits may never be sent.
    if ((this.#views.words[at + KIND_WORD]! & FLAG_INTRODUCES) !== 0) {
      peer.introduced[this.#views.words[at + TASK_WORD]!] = true;
    }
    this.#counters[CALLS_SENT]!++;
    if (!noReply && this.#calls.size === 1) this.#batches.commitAlone(peer, byteLength);
    else this.#batches.commit(peer, byteLength);
  }

  /** Sends what waits for `peer`, as far as credit and memory go. */
  sendWaiting(peer: Peer): void {
    for (;;) {
      const link = peer.waiting.first;
      if (link === undefined || !peer.credit.mayCall) return;
      const { bytes, views, task, resolve, handle, noReply } = link.value;
      let block = 0;
      if (bytes !== undefined) {
        try {
          block = this.#body.allocate(bytes.length);
          if (block === 0 && link.isLinked) {
            // A reply brings memory back and tries again.
            if (this.#sent > 0) return;
            throw this.#body.memoryError(bytes.length);
          }
        } catch (error) {
          // What a reclaimer throws inside of malloc() is this call's error, too.
          if (this.#unqueue(peer.waiting, link)) this.#refuse(link.value, error);
          continue;
        }
      }
      // Inside of malloc() a reclaimer may have given it up, or others, which takes credit to say.
      if (!peer.credit.mayCall || !this.#unqueue(peer.waiting, link)) {
        this.#body.free(block);
        continue;
      }
      const at = peer.producer.reserve();
      this.#views.copyFrom(views.words, 0, at);
      if (bytes !== undefined) this.#body.putBlock(bytes, block, this.#views, at);
      this.#admit(peer, at, bytes?.length ?? 0, task, resolve, handle, noReply);
    }
  }

  /** Takes a call out of its queue; false if it is in none any more. */
  #unqueue(queue: LinkedQueue<WaitingCall>, link: Link<WaitingCall>): boolean {
    if (!queue.remove(link)) return false;
    this.#waiting--;
    this.#counters[CALLS_WAITING] = this.#waiting;
    return true;
  }

  /** Rejects a call that was never sent. */
  #refuse(waiting: WaitingCall, error: unknown): void {
    if (waiting.bytes !== undefined) this.#body.discardBytes(waiting.bytes);
    else this.#body.discard(waiting.views, 0);
    waiting.handle?.settle();
    rejectBy(waiting.resolve, error);
  }

  /** Takes the reply at `at`, of `kind`, and settles its call. */
  reply(peer: Peer, kind: number, at: number): void {
    const call = this.#views.words[at + CALL_WORD]!;
    if ((kind & FLAG_LATE) !== 0) peer.credit.late();
    this.#counters[REPLIES_RECEIVED]!++;
    const abandoned = this.#calls.isAbandoned(call);
    let failed = kindOf(kind) !== KIND_RESULT;
    let value: unknown;
    try {
      if (abandoned) this.#body.discard(this.#views, at);
      else value = this.#body.readOne(this.#views, at);
    } catch (error) {
      value = error;
      failed = true;
    }
    this.#body.release(this.#views, at, peer.consumer);
    if (value instanceof ComingParcel) this.#awaitParcel(peer, call, kindOf(kind), value);
    else if (failed) this.#fail(peer, call, value);
    else this.#finish(peer, call)?.(value);
  }

  /** The call stays under way until the rest of its reply is here. */
  #awaitParcel(peer: Peer, call: number, kind: number, { parcel }: ComingParcel): void {
    this.#parcels.receive(peer.endpoint, parcel, (arrived) => {
      if (peer.gone !== undefined) return;
      if (kind === KIND_RESULT) this.#finish(peer, call)?.(arrived);
      else {
        const isPacked = kind === KIND_PACKED_ERROR;
        this.#fail(
          peer,
          call,
          isPacked ? this.#body.packer.unpack(arrived as Uint8Array) : arrived,
        );
      }
      this.#batches.scheduleEnd(); // its credit is free, and there may be no reply to notice that
    });
  }

  /** Ends a call that has failed with `error`. */
  #fail(peer: Peer, call: number, error: unknown): void {
    const { key } = this.#calls.taskOf(call);
    const resolve = this.#finish(peer, call);
    if (resolve === undefined) return;
    if (error instanceof Error) resolve(rejectWithLocalStack(error, peer.endpoint, key));
    else rejectBy(resolve, error);
  }

  /** Ends a call and frees what carried its arguments; returns what resolves its promise, if wanted. */
  #finish(peer: Peer, call: number): Settle | undefined {
    this.#body.free(this.#calls.blockOf(call));
    return this.#remove(peer, call);
  }

  /** The same without a look at what carried the arguments. */
  #remove(peer: Peer, call: number): Settle | undefined {
    peer.credit.reply();
    return this.#calls.remove(call);
  }

  /**
   * Gives a call up: its promise rejects with `reason` at once, and its reply will be nobody's. Its
   * callee is told if it has been sent; one that has come to no ring yet is not: see
   * `CallHandle.throwIfGivenUp()`.
   */
  cancel(handle: CallHandle, reason: unknown): void {
    if (handle.settled) return;
    handle.settle();
    handle.reason = reason;
    const { peer, queue, waiting, local } = handle;
    handle.place?.withdraw(reason);
    if (local !== undefined) {
      rejectBy(local.resolve, reason);
      local.served.cancel(reason);
    }
    if (peer === undefined) return;
    if (waiting !== undefined) {
      this.#unqueue(queue!, waiting);
      this.#refuse(waiting.value, reason);
      // It may have been the one that there was no memory for. Not sooner than the end of the turn:
      // what gives this one up may be about to give up those behind it.
      return this.#batches.scheduleEnd();
    }
    rejectBy(this.#calls.abandon(handle.call), reason);
    this.#notices.tell(peer, KIND_CANCEL, handle.call, textOf(reason));
  }

  /**
   * Rejects every call to `peer`, sent or waiting, with `error`; returns how many. The blocks of those
   * sent are freed only if its thread has ended.
   */
  rejectAll(peer: Peer, error: unknown, hasEnded: boolean): number {
    peer.credit.forget();
    this.#notices.drop(peer);
    let rejected = 0;
    for (const call of this.#calls.callsTo(peer)) {
      const resolve = hasEnded ? this.#finish(peer, call) : this.#remove(peer, call);
      if (resolve === undefined) continue;
      rejectBy(resolve, error);
      rejected++;
    }
    return rejected + this.#rejectQueue(peer.waiting, error) + this.rejectLater(peer, error);
  }

  /** Rejects the calls that wait until `peer` takes calls again; returns how many. */
  rejectLater({ later }: Peer, error: unknown): number {
    return later === undefined ? 0 : this.#rejectQueue(later, error);
  }

  #rejectQueue(queue: LinkedQueue<WaitingCall>, error: unknown): number {
    let rejected = 0;
    for (let link = queue.first; link !== undefined; link = queue.first) {
      this.#unqueue(queue, link);
      this.#refuse(link.value, error);
      rejected++;
    }
    return rejected;
  }
}
