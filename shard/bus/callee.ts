/**
 * Calls into an endpoint: finding the function, running it, replying.
 *
 * @module
 */

import {
  CALL_WORD,
  CALLS_RECEIVED,
  FLAG_CANCELLABLE,
  FLAG_IN_REQUEST,
  FLAG_INTRODUCES,
  FLAG_LATE,
  FLAG_NO_REPLY,
  FLAG_PARCELS,
  KIND_ERROR,
  KIND_PACKED_ERROR,
  KIND_RESULT,
  KIND_WORD,
  kindWord,
  REPLIES_SENT,
  TASK_WORD,
} from "../ring/mod.ts";
import type { Batches } from "./batches.ts";
import type { Credit } from "./credit.ts";
import type { MessageBody } from "./message_body.ts";
import type { Notices } from "./notices.ts";
import type { RecordViews } from "./inline_codec.ts";
import { NO_ROOM, NOT_WHOLE } from "./whole_values.ts";
import { ComingParcel, type Parcels, Transferred } from "./parcels.ts";
import { type DeferredCall, type Handler, type Peer, ServedCall } from "./peer.ts";

/** The function behind a module's URL and a key; a promise while the module loads. */
export type Resolver = (module: string, key: string) => Handler | Promise<Handler>;

function resultName(): string {
  return "the result";
}
function errorName(): string {
  return "the error";
}

/** Calls into one endpoint. */
export class Callee {
  readonly #views: RecordViews;
  readonly #body: MessageBody;
  readonly #counters: Float64Array;
  readonly #parcels: Parcels;
  readonly #resolve: Resolver;
  readonly #notices: Notices;
  readonly #batches: Batches;
  #underWay = 0;
  /** The peer and the call whose task is running now, up to its first await. */
  #currentPeer: Peer | undefined;
  #currentCall: ServedCall | undefined;

  /**
   * The block of the request that was read last, which its sender keeps until it has the reply; from whom,
   * and the number of its call.
   */
  readonly #room = { address: 0, byteLength: 0 };
  #roomPeer: Peer | undefined;
  #roomCall = 0;

  /** `notices` sends what has no slot reserved. */
  constructor(
    views: RecordViews,
    body: MessageBody,
    parcels: Parcels,
    counters: Float64Array,
    resolve: Resolver,
    notices: Notices,
    batches: Batches,
  ) {
    this.#views = views;
    this.#body = body;
    this.#parcels = parcels;
    this.#counters = counters;
    this.#resolve = resolve;
    this.#notices = notices;
    this.#batches = batches;
  }

  /** Calls that run or wait here. */
  get underWay(): number {
    return this.#underWay;
  }

  /** The endpoint that made the call whose task runs now, up to its first await. */
  get currentPeer(): Peer | undefined {
    return this.#currentPeer;
  }

  /** The call whose task runs now, up to its first await, if it can be cancelled. */
  get currentCall(): ServedCall | undefined {
    return this.#currentCall;
  }

  /** Takes the request at `at` and runs it, or defers it. */
  request(peer: Peer, kind: number, at: number): void {
    const words = this.#views.words;
    const call = words[at + CALL_WORD]!;
    const task = words[at + TASK_WORD]!;
    this.#counters[CALLS_RECEIVED]!++;
    this.#underWay++;
    if ((kind & FLAG_NO_REPLY) !== 0) peer.detached++;
    let args: unknown[];
    let unreadable: unknown;
    try {
      args = this.#body.read(this.#views, at);
    } catch (error) {
      unreadable = error;
      // The caller will not say again which task this is.
      args = (kind & FLAG_INTRODUCES) === 0 ? [] : this.#body.readFirst(this.#views, at, 2);
    }
    this.#roomPeer = peer;
    this.#roomCall = call;
    this.#room.address = this.#body.blockOf(this.#views, at);
    const hasRoom = this.#room.address !== 0 && (kind & FLAG_NO_REPLY) === 0;
    this.#room.byteLength = hasRoom ? this.#body.blockLengthOf(this.#views, at) : 0;
    this.#body.release(this.#views, at, peer.consumer);
    if ((kind & FLAG_INTRODUCES) !== 0) {
      this.#meet(peer, task, args[0] as string, args[1] as string);
      args = args.slice(2);
    }
    if (unreadable !== undefined) return this.#fail(peer, call, kind, unreadable);
    if ((kind & FLAG_CANCELLABLE) !== 0) peer.served.set(call, new ServedCall());
    if (peer.deferred === undefined && (kind & FLAG_PARCELS) === 0) {
      this.#run(peer, call, task, args, kind);
    } else this.#defer(peer, { call, task, args, flags: kind, parcelsMissing: 0 });
  }

  /** Keeps a call until its module, its parcels and all calls before it are there. */
  #defer(peer: Peer, call: DeferredCall): void {
    peer.deferred ??= [];
    peer.deferred.push(call);
    const { args } = call;
    // One that was given twice comes once. All are counted before the first is taken, which may be here.
    const coming = new Set(args.filter((value) => value instanceof ComingParcel));
    call.parcelsMissing = coming.size;
    for (const parcel of coming) {
      this.#parcels.receive(peer.endpoint, parcel.parcel, (arrived) => {
        args.forEach((value, index) => {
          if (value === parcel) args[index] = arrived;
        });
        call.parcelsMissing--;
        this.#runDeferred(peer);
      });
    }
    this.#runDeferred(peer);
  }

  /** Runs the calls that were deferred, in order, as far as they can be. */
  #runDeferred(peer: Peer): void {
    const { deferred } = peer;
    if (deferred === undefined || peer.gone !== undefined) return;
    while (deferred.length > 0) {
      const { call, task, args, flags, parcelsMissing } = deferred[0]!;
      if (peer.handlers[task] === undefined || parcelsMissing > 0) return;
      deferred.shift();
      this.#run(peer, call, task, args, flags);
    }
    peer.deferred = undefined;
    this.#notices.grant(peer);
  }

  /** Lets go of the calls of a peer that is gone which were deferred: nobody waits for them. */
  dropDeferred(peer: Peer): void {
    for (const { args, flags } of peer.deferred ?? []) {
      this.#body.abandon(args);
      this.#underWay--;
      if ((flags & FLAG_NO_REPLY) !== 0) peer.detached--;
    }
    peer.deferred = undefined;
  }

  /** Learns which function `task` stands for; defers the peer's calls while its module loads. */
  #meet(peer: Peer, task: number, module: string, key: string): void {
    const found = this.#resolve(module, key);
    if (typeof found === "function") {
      peer.handlers[task] = found;
      return;
    }
    peer.deferred ??= [];
    const ready = (handler: Handler | Error): void => {
      peer.handlers[task] = handler;
      this.#runDeferred(peer);
    };
    found.then(ready, ready);
  }

  #run(peer: Peer, call: number, task: number, args: unknown[], flags: number): void {
    const handler = peer.handlers[task]!;
    if (typeof handler !== "function") {
      this.#body.abandon(args);
      return this.#fail(peer, call, flags, handler);
    }
    this.#currentPeer = peer;
    this.#currentCall = (flags & FLAG_CANCELLABLE) === 0 ? undefined : peer.served.get(call);
    try {
      const result = callWith(handler, args);
      if (isThenable(result)) this.#runOn(peer, call, flags, result);
      else this.#succeed(peer, call, flags, result);
    } catch (error) {
      this.#fail(peer, call, flags, error);
    } finally {
      this.#currentPeer = undefined;
      this.#currentCall = undefined;
    }
  }

  /** Waits for a task's result. By itself, since a function that makes closures pays on any way through it. */
  #runOn(peer: Peer, call: number, flags: number, result: PromiseLike<unknown>): void {
    const settled = Promise.resolve(result); // may throw: a promise's own `constructor` is asked for
    const { credit } = peer;
    const since = (flags & FLAG_NO_REPLY) === 0 ? credit.run() : credit.runDetached();
    // A promise of the engine's settles once; a thenable of somebody's own may do so again.
    settled.then(
      (value) => this.#succeed(peer, call, stopRunning(credit, flags, since), value),
      (error) => this.#fail(peer, call, stopRunning(credit, flags, since), error),
    );
  }

  #succeed(peer: Peer, call: number, flags: number, value: unknown): void {
    if ((flags & FLAG_NO_REPLY) === 0) this.#reply(peer, call, flags, value);
    else this.#endDetached(peer, flags);
  }

  #fail(peer: Peer, call: number, flags: number, error: unknown): void {
    if ((flags & FLAG_NO_REPLY) === 0) return this.#replyError(peer, call, flags, error);
    peer.failures.add(error);
    this.#endDetached(peer, flags);
  }

  /** A call without reply is over: its caller gets the credit back with the next batch. */
  #endDetached(peer: Peer, flags: number): void {
    peer.detached--;
    if ((flags & FLAG_LATE) === 0) peer.credit.owe();
    this.#underWay--;
    this.#batches.touch(peer);
  }

  /** Runs `task` as the call `served`, so that it can ask for its signal. */
  runAs(served: ServedCall, task: () => unknown): unknown {
    this.#currentCall = served;
    try {
      return task();
    } finally {
      this.#currentCall = undefined;
    }
  }

  #reply(peer: Peer, call: number, flags: number, value: unknown): void {
    try {
      this.#write(peer, call, flags, KIND_RESULT, value, resultName);
    } catch (error) {
      this.#body.abandon(value);
      this.#replyError(peer, call, flags, error);
    }
  }

  /**
   * Sends an error whole; or packed, beside the ring, if there is no memory for it or it cannot travel.
   * For that nothing has to be had: the record holds the number of a parcel, and its slot is reserved.
   */
  #replyError(peer: Peer, call: number, flags: number, error: unknown): void {
    try {
      this.#write(peer, call, flags, KIND_ERROR, error, errorName);
    } catch {
      this.#replyPacked(peer, call, flags, error);
    }
  }

  #replyPacked(peer: Peer, call: number, flags: number, error: unknown): void {
    const bytes = this.#body.pack(error);
    this.#write(peer, call, flags, KIND_PACKED_ERROR, new Transferred(bytes), errorName);
  }

  /** Writes the record of a reply with any value; gives how many bytes lie outside of it. */
  #writeAny(peer: Peer, call: number, kind: number, value: unknown, name: () => string): number {
    const views = this.#views;
    const { whole } = this.#body;
    // Only while its task runs: the block of a call that was answered is another message's.
    const isCurrent = peer === this.#currentPeer && peer === this.#roomPeer;
    const room = isCurrent && call === this.#roomCall ? this.#room : NO_ROOM;
    const address = whole.tryWrite(value, room);
    if (address !== NOT_WHOLE) {
      if (peer.gone !== undefined) { // by a reclaimer
        if (address !== room.address) this.#body.free(address);
        throw peer.gone;
      }
      if (address === 0) throw this.#body.memoryError(whole.byteLength);
      const at = peer.producer.reserve();
      const flags = address === room.address ? FLAG_IN_REQUEST : 0;
      views.words[at + KIND_WORD] = kindWord(kind, 1, flags);
      views.words[at + CALL_WORD] = call;
      whole.put(views, at);
      return whole.byteLength;
    }
    const encoded = this.#body.encode([value], views, peer.producer.reserve(), name);
    const byteLength = encoded.bytes?.length ?? 0;
    const fits = byteLength > 0 && byteLength <= room.byteLength && encoded.transfers.length === 0;
    const block = fits && peer.gone === undefined
      ? room.address
      : this.#body.expectBlock(encoded, peer);
    // Once more: a getter or a reclaimer may have made calls, and taken the slot.
    const at = peer.producer.reserve();
    const flags = fits ? FLAG_IN_REQUEST : encoded.flags;
    views.words[at + KIND_WORD] = kindWord(kind, 1, flags);
    views.words[at + CALL_WORD] = call;
    this.#body.put(encoded, block, views, at, peer.endpoint);
    return byteLength;
  }

  #write(
    peer: Peer,
    call: number,
    flags: number,
    kind: number,
    value: unknown,
    name: () => string,
  ): void {
    if (peer.gone !== undefined) {
      this.#body.abandon(value);
      this.#batches.touch(peer);
    } else if ((flags & FLAG_LATE) !== 0) {
      this.#notices.send(peer, kind | FLAG_LATE, call, [value], name);
    } else {
      const { words } = this.#views;
      // Invariant: the credit that admitted the request keeps a slot for its reply.
      const at = peer.producer.reserve();
      let byteLength = 0;
      if (this.#body.tryEncodeOne(value, this.#views, at, peer.endpoint)) {
        words[at + KIND_WORD] = kindWord(kind, 1, 0);
        words[at + CALL_WORD] = call;
      } else byteLength = this.#writeAny(peer, call, kind, value, name);
      this.#counters[REPLIES_SENT]!++;
      this.#batches.commit(peer, byteLength);
    }
    if (peer.served.size > 0) peer.served.delete(call);
    this.#underWay--;
  }
}

/** A call ends that ran on `since`; its flags, LATE if it has given its credit back. */
function stopRunning(credit: Credit, flags: number, since: number): number {
  const hasCredit = (flags & FLAG_NO_REPLY) === 0 ? credit.end(since) : credit.endDetached(since);
  return hasCredit ? flags : flags | FLAG_LATE;
}

/** `handler(...args)`, which costs a call of its own where the engine does not know the handler. */
function callWith(handler: Handler, args: readonly unknown[]): unknown {
  switch (args.length) {
    case 0:
      return handler();
    case 1:
      return handler(args[0]);
    case 2:
      return handler(args[0], args[1]);
    case 3:
      return handler(args[0], args[1], args[2]);
    default:
      return handler(...args);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
