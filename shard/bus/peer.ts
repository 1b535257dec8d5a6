/**
 * What an endpoint keeps of each other endpoint.
 *
 * @module
 */

import type { Callable } from "./callable.ts";
import type { Credit } from "./credit.ts";
import { FailureLog } from "./failure_log.ts";
import { type Link, LinkedQueue } from "./linked_queue.ts";
import type { RecordViews } from "./inline_codec.ts";
import { rejected } from "./rejection.ts";
import type { RingConsumer, RingProducer } from "../ring/mod.ts";

/** One of a promise's two functions. */
export type Settle = (value: unknown) => void;

/** A function that serves calls. */
export type Handler = (...args: unknown[]) => unknown;

/** A call that has no credit, no memory or no peer yet, whole but for its place in the ring. */
export interface WaitingCall {
  /** The record. */
  readonly views: RecordViews;
  /** The values, when they do not fit the record. */
  readonly bytes: Uint8Array | undefined;
  /** What it calls. */
  readonly task: Callable;
  /** Resolves the caller's promise. */
  readonly resolve: Settle;
  /** Of a call that can be cancelled. */
  readonly handle: CallHandle | undefined;
  /** Whether no reply is wanted. */
  readonly noReply: boolean;
}

/** What ends calls, and lets go of one that is over. */
interface Limit {
  delete(handle: CallHandle): void;
}

/** A call as its caller may give it up, from the moment it is made. */
export class CallHandle {
  /** The call's number, once it was sent; -1 before that. */
  call = -1;
  /** Whom it went to; undefined while it has not come to a ring yet. */
  peer: Peer | undefined;
  /** Where it waits for a place in its group, if it does. */
  place: { withdraw(reason: unknown): void } | undefined;
  /** Where it waits for credit, for memory, or for its peer to come back, if it does; and in which queue. */
  waiting: Link<WaitingCall> | undefined;
  queue: LinkedQueue<WaitingCall> | undefined;
  /** Whether the caller's promise is settled, or about to be. */
  settled = false;
  /** Why it was given up, if it was: for who finds it so before it was sent. */
  reason: unknown;
  /** What its signal and its deadline end: this call leaves them when it is settled. */
  bySignal: Limit | undefined;
  byDeadline: Limit | undefined;
  /** When its time is over, and its place among those whose time ends: see deadlines.ts. */
  deadline = 0;
  deadlineIndex = -1;
  /** The call itself, and its promise, when it runs on the caller's own endpoint. */
  local: { readonly served: ServedCall; readonly resolve: Settle } | undefined;

  /** The caller's promise is settled, or about to be. */
  settle(): void {
    this.settled = true;
    this.bySignal?.delete(this);
    this.byDeadline?.delete(this);
  }

  /**
   * Throws why the call was given up, if it was. Whoever takes the call a step further asks: code of
   * the program's has run since the step before, and may have given it up.
   */
  throwIfGivenUp(): void {
    if (this.settled) throw this.reason;
  }
}

/** What a call gets that is not made, for `error`: nothing waits for its end any more. */
export function refused(handle: CallHandle | undefined, error: unknown): Promise<never> {
  handle?.settle();
  return rejected(error);
}

/** A call taken in that has to wait: for a module to load, for parcels, or behind one that does. */
export interface DeferredCall {
  readonly call: number;
  readonly task: number;
  readonly args: unknown[];
  readonly flags: number;
  /** Parcels among the arguments that have not come. */
  parcelsMissing: number;
}

/** A call that runs here and may be cancelled by its caller. */
export class ServedCall {
  #controller: AbortController | undefined;

  /** Aborts when the caller gives the call up. Made when first asked for. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  /** The caller has given the call up. */
  cancel(reason: unknown): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}

/** What an endpoint keeps of another. */
export class Peer {
  // Declared alone, so that none is undefined before it has its value: see RingProducer.
  /** The other endpoint's number. */
  declare readonly endpoint: number;
  /** The same if it is a shard, for messages; undefined of the host. */
  declare readonly shard: number | undefined;
  /** Ring to it. */
  declare readonly producer: RingProducer;
  /** Ring from it. */
  declare readonly consumer: RingConsumer;
  /** How much may be sent to it, and what is owed to it. */
  declare readonly credit: Credit;
  /** Calls that wait for credit or memory. */
  readonly waiting: LinkedQueue<WaitingCall> = new LinkedQueue();
  /** Notices that wait for credit, which go first: records, whose blocks are there. */
  readonly notices: LinkedQueue<RecordViews> = new LinkedQueue();
  /** Own tasks, by index, that this peer has met. */
  readonly introduced: boolean[] = [];
  /** The peer's tasks by the number it gives them. */
  readonly handlers: (Handler | Error)[] = [];
  /** Not undefined while a call has to wait: later calls of the peer queue behind it. */
  deferred: DeferredCall[] | undefined;
  /** The peer's calls that run here and can be cancelled, by its number for them. */
  readonly served: Map<number, ServedCall> = new Map();
  /** Its calls without reply that run or wait here. */
  detached = 0;
  /** What its calls without reply have thrown here, for its next flush(). */
  readonly failures: FailureLog = new FailureLog();
  /** Why nothing more can be sent to it. */
  gone: Error | undefined;
  /** Why it takes no calls: it is gone, or has come back and takes none but those that open it. */
  shut: Error | undefined;
  /** Calls that wait until it takes calls again; undefined if it does, or never will. */
  later: LinkedQueue<WaitingCall> | undefined;
  /** Blocks of this endpoint's slice in records that it left unread: free once its thread has ended. */
  readonly unread: number[] = [];
  /** Whether a call made since then has been rejected with that. */
  goneTold = false;
  /** Whether the ring to it has records that are not published. */
  dirty = false;

  constructor(
    endpoint: number,
    shard: number | undefined,
    credit: Credit,
    producer: RingProducer,
    consumer: RingConsumer,
  ) {
    this.endpoint = endpoint;
    this.shard = shard;
    this.credit = credit;
    this.producer = producer;
    this.consumer = consumer;
  }
}

/**
 * The queue for the next life of a peer that is shut.
 *
 * @throws Why the peer is gone, if that is for good; why it is shut, if a call can't wait for the next.
 */
export function expectLater(peer: Peer, early: boolean): LinkedQueue<WaitingCall> {
  if (peer.later === undefined) {
    peer.goneTold = true;
    throw peer.gone;
  }
  if (early) throw peer.shut;
  return peer.later;
}

/** What counts as waiting for `peer`: one more call than may is refused. */
export function waitingFor({ waiting, notices, credit }: Peer): number {
  return waiting.size + notices.size + credit.runningOn;
}

/** Whether a call has credit, and nothing before it. */
export function mayGo({ credit, waiting, notices }: Peer): boolean {
  return credit.mayCall && waiting.size === 0 && notices.size === 0;
}
