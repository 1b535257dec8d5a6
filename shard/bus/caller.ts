/**
 * Calls out of an endpoint: admission by credit, waiting in order, replies, cancellation.
 *
 * @module
 */

import {
  CALLS_DELAYED,
  CALLS_SENT,
  CALLS_WAITING,
  REPLIES_RECEIVED,
  REPLIES_SENT,
} from "./bus_statistics.ts";
import { CallTable } from "./call_table.ts";
import { BusyError } from "./errors.ts";
import type { LatencyHistogram } from "./latency_histogram.ts";
import type { MessageBody } from "./message_body.ts";
import { RecordViews } from "./message_codec.ts";
import type { Callable } from "./callable.ts";
import { ComingParcel, type Parcels } from "./parcels.ts";
import { type CallHandle, type Peer, rejectBy, type Settle, type WaitingCall } from "./peer.ts";
import { rejectWithLocalStack } from "./two_sided_stack.ts";
import {
  CALL_WORD,
  DETACHED_WORD,
  FLAG_CANCELLABLE,
  FLAG_INTRODUCES,
  FLAG_LATE,
  FLAG_NO_REPLY,
  KIND_ACK,
  KIND_ASK,
  KIND_ERROR_TEXT,
  KIND_GRANT,
  KIND_REQUEST,
  KIND_RESULT,
  KIND_WORD,
  kindOf,
  kindWord,
  TASK_WORD,
} from "./record_layout.ts";

/** Calls that may wait for room to one endpoint before further ones fail with BusyError. */
export const MAX_WAITING_CALLS = 65_536;

function argumentName(index: number): string {
  return `arguments[${index}]`;
}
function introducedName(index: number): string {
  return argumentName(index - 2); // the module and the key come first
}

/** Calls out of one endpoint. */
export class Caller {
  readonly #views: RecordViews;
  readonly #body: MessageBody;
  readonly #counters: Float64Array;
  readonly #credit: number;
  readonly #parcels: Parcels;
  readonly #commit: (peer: Peer) => void;
  readonly #onChange: () => void;
  readonly #calls: CallTable;
  #waiting = 0;
  #unacknowledged = 0;

  /** `commit` takes the reserved slot of a peer's ring and sees to its publication. */
  constructor(
    views: RecordViews,
    body: MessageBody,
    parcels: Parcels,
    counters: Float64Array,
    latencies: LatencyHistogram,
    ringSlots: number,
    commit: (peer: Peer) => void,
    onChange: () => void,
  ) {
    this.#calls = new CallTable(latencies);
    this.#views = views;
    this.#body = body;
    this.#parcels = parcels;
    this.#counters = counters;
    this.#credit = ringSlots >> 1;
    this.#commit = commit;
    this.#onChange = onChange;
  }

  /** Calls sent and not answered, or waiting to be sent. */
  get underWay(): number {
    return this.#calls.size + this.#waiting + this.#unacknowledged;
  }

  /** Whether some call waits for credit or memory. */
  get hasWaiting(): boolean {
    return this.#waiting > 0;
  }

  /**
   * Calls `task` on `peer`. With a handle, the call can be cancelled; without a reply, the promise
   * resolves as soon as the call is sent. An urgent one needs no credit that others hold: its task
   * must end at once.
   */
  call(
    peer: Peer,
    task: Callable,
    args: readonly unknown[],
    handle?: CallHandle,
    noReply = false,
    urgent = false,
  ): Promise<unknown> {
    if (peer.gone !== undefined) {
      peer.goneTold = true;
      return Promise.reject(peer.gone);
    }
    const waiting = peer.waiting.length + peer.runningOn;
    if (waiting >= MAX_WAITING_CALLS && !urgent) {
      return Promise.reject(new BusyError(peer.endpoint, waiting));
    }
    // Once this is compiled, the executor is a part of it: neither it nor a reject() is made.
    let resolve!: Settle;
    const outcome = new Promise<unknown>((itsResolve) => {
      resolve = itsResolve;
    });
    try {
      this.#send(peer, task, args, resolve, handle, noReply, urgent);
    } catch (error) {
      handle?.settle();
      return Promise.reject(error);
    }
    return outcome;
  }

  #send(
    peer: Peer,
    task: Callable,
    args: readonly unknown[],
    resolve: Settle,
    handle: CallHandle | undefined,
    noReply: boolean,
    urgent: boolean,
  ): void {
    const introduces = peer.introduced[task.index] !== true;
    const values = introduces ? [task.module, task.key, ...args] : args;
    const flags = (introduces ? FLAG_INTRODUCES : 0) |
      (handle === undefined ? 0 : FLAG_CANCELLABLE) | (noReply ? FLAG_NO_REPLY : 0);
    let direct = this.#mayGo(peer, urgent);
    let views = direct ? this.#views : RecordViews.ofOneRecord();
    // Invariant: a call with credit has room in the ring.
    let at = direct ? peer.producer.reserve() : 0;
    const bytes = this.#body.encode(values, views, at, introduces ? introducedName : argumentName);
    // A getter among the values may have made calls of its own, and taken the slot and the credit.
    if (direct && bytes !== undefined) {
      direct = this.#mayGo(peer, urgent);
      views = direct ? this.#views : RecordViews.ofOneRecord();
      at = direct ? peer.producer.reserve() : 0;
    }
    const kindFlags = flags | this.#body.parcelFlag(values);
    views.words[at + KIND_WORD] = kindWord(KIND_REQUEST, Math.min(values.length, 255), kindFlags);
    views.words[at + TASK_WORD] = task.index;
    if (handle !== undefined) handle.peer = peer;
    if (direct && (bytes === undefined || this.#body.tryWriteBlock(bytes, views, at))) {
      this.#body.move(peer.endpoint);
      this.#admit(peer, at, task, resolve, handle, noReply);
    } else {
      if (direct && this.underWay === 0) {
        throw this.#body.memoryError(bytes!.length); // no reply is due that could bring memory back
      }
      const staged = direct ? RecordViews.ofOneRecord() : views;
      if (direct) staged.copyFrom(views.words, at, 0);
      this.#body.move(peer.endpoint);
      // The codec's scratch is reused by the next message.
      const body = bytes?.slice();
      this.#wait(peer, { views: staged, bytes: body, task, resolve, handle, noReply, urgent });
    }
  }

  #creditOf(urgent: boolean): number {
    return urgent ? this.#credit : this.#credit - 1;
  }

  /** Whether a message has credit, and none is before it. */
  #mayGo(peer: Peer, urgent: boolean): boolean {
    return peer.outstanding < this.#creditOf(urgent) &&
      (peer.waiting.length === 0 || urgent && !peer.waiting[0]!.urgent);
  }

  /**
   * Sends what is no call on the credit that is kept for urgent ones, and comes back when it is read: a
   * late reply, or a KIND_ASK. `refused` is told if there is no memory for it.
   */
  sendUrgent(
    peer: Peer,
    kind: number,
    call: number,
    values: readonly unknown[],
    name: (index: number) => string,
    refused: Settle,
  ): void {
    const record = RecordViews.ofOneRecord(); // rare enough to go by the queue always
    const bytes = this.#body.encode(values, record, 0, name)?.slice();
    const flags = this.#body.parcelFlag(values) | (kind === KIND_ASK ? 0 : FLAG_LATE);
    record.words[KIND_WORD] = kindWord(kind, values.length, flags);
    record.words[CALL_WORD] = call;
    this.#body.move(peer.endpoint);
    this.#wait(peer, {
      views: record,
      bytes,
      task: undefined,
      resolve: () => {},
      refused,
      handle: undefined,
      noReply: true,
      urgent: true,
    });
    this.sendWaiting(peer);
  }

  /**
   * Asks peers for credit that calls which run there hold, where others wait for it. Calls that run
   * here may depend on them, and theirs on these: without it, a chain of calls that comes back to an
   * endpoint whose credit is all in use would wait for itself.
   */
  askForCredit(peers: readonly (Peer | undefined)[]): void {
    for (const peer of peers) {
      if (peer === undefined || peer.asked || peer.waiting.length === 0) continue;
      if (peer.outstanding < this.#credit - 1 || peer.waiting.at(-1)!.urgent) continue;
      peer.asked = true;
      this.sendUrgent(peer, KIND_ASK, 0, [], argumentName, () => {});
    }
  }

  #wait(peer: Peer, waiting: WaitingCall): void {
    if (waiting.handle !== undefined) waiting.handle.waiting = waiting;
    const { urgent } = waiting;
    const before = urgent ? peer.waiting.findIndex((other) => !other.urgent) : -1;
    peer.waiting.splice(before < 0 ? peer.waiting.length : before, 0, waiting);
    this.#waiting++;
    if (waiting.task !== undefined) this.#counters[CALLS_DELAYED]!++;
    this.#counters[CALLS_WAITING] = this.#waiting;
    this.#onChange();
  }

  /** Enters the record at `at` in the table of calls and commits it. */
  #admit(
    peer: Peer,
    at: number,
    task: Callable | undefined,
    resolve: Settle,
    handle: CallHandle | undefined,
    noReply: boolean,
  ): void {
    if (noReply) {
      peer.outstanding++;
      peer.unacknowledged++;
      this.#unacknowledged++;
      resolve(undefined);
    } else {
      const block = this.#body.blockOf(this.#views, at);
      const call = this.#calls.add(peer, task!, resolve, handle, block);
      this.#views.words[at + CALL_WORD] = call;
    }
    // Not sooner: a call that waits may never be sent.
    if ((this.#views.words[at + KIND_WORD]! & FLAG_INTRODUCES) !== 0) {
      peer.introduced[this.#views.words[at + TASK_WORD]!] = true;
    }
    this.#counters[task === undefined ? REPLIES_SENT : CALLS_SENT]!++;
    this.#commit(peer);
  }

  /** Sends what waits for `peer`, as far as credit and memory go. */
  sendWaiting(peer: Peer): void {
    let sent = 0;
    while (sent < peer.waiting.length) {
      const next = peer.waiting[sent]!;
      if (peer.outstanding >= this.#creditOf(next.urgent)) break;
      const at = peer.producer.reserve();
      this.#views.copyFrom(next.views.words, 0, at);
      if (next.bytes !== undefined && !this.#body.tryWriteBlock(next.bytes, this.#views, at)) {
        // A call waits: a reply brings memory back and tries again. A reply fails, as one that has its
        // slot does, since the calls whose replies it would wait for may wait for it.
        if (next.task !== undefined && this.#calls.size + this.#unacknowledged > 0) break;
        this.#refuse(next, this.#body.memoryError(next.bytes.length));
      } else {
        this.#admit(peer, at, next.task, next.resolve, next.handle, next.noReply);
      }
      sent++;
    }
    if (sent === 0) return;
    peer.waiting.splice(0, sent);
    this.#waiting -= sent;
    this.#counters[CALLS_WAITING] = this.#waiting;
  }

  /** Rejects a call that was never sent. */
  #refuse(waiting: WaitingCall, error: unknown): void {
    if (waiting.bytes !== undefined) this.#body.discardBytes(waiting.bytes);
    else this.#body.discard(waiting.views, 0);
    waiting.handle?.settle();
    if (waiting.refused !== undefined) waiting.refused(error);
    else rejectBy(waiting.resolve, error);
  }

  /** Takes the reply at `at`, of `kind`, and settles its call. */
  reply(peer: Peer, kind: number, at: number): void {
    const call = this.#views.words[at + CALL_WORD]!;
    switch (kindOf(kind)) {
      case KIND_ACK:
        peer.consumer.release();
        this.#forget(peer, call);
        return;
      case KIND_GRANT:
        peer.asked = false;
        peer.outstanding -= call;
        peer.runningOn += call;
        this.#forget(peer, this.#views.words[at + DETACHED_WORD]!);
        peer.consumer.release();
        return;
      case KIND_ASK:
        peer.consumer.release();
        peer.wantsCredit = true;
        peer.owedAcks++;
        return;
    }
    if ((kind & FLAG_LATE) !== 0) {
      // For the moment of its end the call counts again.
      peer.outstanding++;
      peer.runningOn--;
      peer.owedAcks++;
    }
    this.#counters[REPLIES_RECEIVED]!++;
    const abandoned = this.#calls.isAbandoned(call);
    let failed = kindOf(kind) !== KIND_RESULT;
    let value: unknown;
    try {
      if (abandoned) this.#body.discard(this.#views, at);
      else value = this.#body.readOne(this.#views, at);
      if (kindOf(kind) === KIND_ERROR_TEXT) value = new Error(String(value));
    } catch (error) {
      value = error;
      failed = true;
    }
    const block = this.#body.blockOf(this.#views, at);
    peer.consumer.release();
    if (block !== 0) {
      // Invariant: HEAD is past a record before its sender can see the block freed. If this endpoint
      // dies, the sender looks into the blocks of all records from HEAD on: see discardUnread().
      peer.consumer.publish();
      this.#body.free(block); // the callee's: a remote free
    }
    if (value instanceof ComingParcel) this.#awaitParcel(peer, call, failed, value);
    else if (failed) this.#fail(peer, call, value);
    else this.#finish(call)?.(value);
  }

  /** The call stays under way until the rest of its reply is here. */
  #awaitParcel(peer: Peer, call: number, failed: boolean, { parcel }: ComingParcel): void {
    this.#parcels.receive(peer.endpoint, parcel, (arrived) => {
      if (peer.gone !== undefined) return;
      if (failed) this.#fail(peer, call, arrived);
      else this.#finish(call)?.(arrived);
      this.#onChange(); // its credit is free, and there may be no reply to notice that
    });
  }

  /** Ends a call that has failed with `error`. */
  #fail(peer: Peer, call: number, error: unknown): void {
    const { key } = this.#calls.taskOf(call);
    const resolve = this.#finish(call);
    if (resolve === undefined) return;
    if (error instanceof Error) resolve(rejectWithLocalStack(error, peer.endpoint, key));
    else rejectBy(resolve, error);
  }

  /** Takes the credit of so many messages back that want no reply. */
  #forget(peer: Peer, messages: number): void {
    peer.outstanding -= messages;
    peer.unacknowledged -= messages;
    this.#unacknowledged -= messages;
  }

  /** Ends a call and frees what carried its arguments; returns what resolves its promise, if wanted. */
  #finish(call: number): Settle | undefined {
    this.#body.free(this.#calls.blockOf(call));
    return this.#calls.remove(call);
  }

  /**
   * Gives a call up: its promise rejects with `reason` at once, and its reply will be nobody's.
   * Returns its number if it has been sent, so that its callee can be told; -1 otherwise.
   */
  cancel(handle: CallHandle, reason: unknown): number {
    if (handle.settled) return -1;
    handle.settle();
    const { peer, waiting, local } = handle;
    if (local !== undefined) {
      local.served.cancel(reason);
      local.reject(reason);
    }
    if (peer === undefined) return -1;
    if (waiting !== undefined) {
      peer.waiting.splice(peer.waiting.indexOf(waiting), 1);
      this.#waiting--;
      this.#counters[CALLS_WAITING] = this.#waiting;
      this.#refuse(waiting, reason);
      this.sendWaiting(peer); // it may have been the one that there was no memory for
      return -1;
    }
    rejectBy(this.#calls.abandon(handle.call), reason);
    return handle.call;
  }

  /** Rejects every call to `peer`, sent or waiting, with `error`; returns how many. */
  rejectAll(peer: Peer, error: unknown): number {
    const waiting = peer.waiting.splice(0);
    this.#waiting -= waiting.length;
    this.#counters[CALLS_WAITING] = this.#waiting;
    this.#unacknowledged -= peer.unacknowledged;
    peer.outstanding -= peer.unacknowledged;
    peer.unacknowledged = 0;
    let rejected = waiting.length;
    for (const call of this.#calls.callsTo(peer)) {
      const resolve = this.#finish(call);
      if (resolve === undefined) continue;
      rejectBy(resolve, error);
      rejected++;
    }
    for (const call of waiting) this.#refuse(call, error);
    return rejected;
  }
}
