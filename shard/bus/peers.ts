/**
 * The peers of an endpoint, with the rings to and from each, and what has arrived from them.
 *
 * @module
 */

import { Arrivals, type Doorbells, RingConsumer, RingProducer } from "../ring/mod.ts";
import { Credit, type CreditTotals } from "./credit.ts";
import { FailureLog, type Failures } from "./failure_log.ts";
import type { MessageBusOptions } from "./message_bus_options.ts";
import { Peer } from "./peer.ts";

/** The peers of one endpoint. */
export class Peers {
  /** By endpoint; undefined at the own number. */
  readonly list: readonly (Peer | undefined)[];
  readonly #list: (Peer | undefined)[] = [];
  readonly #words: Int32Array;
  readonly #endpoint: number;
  readonly #host: number;
  readonly #ring: (from: number, to: number) => number;
  readonly #ringSlots: number;
  readonly #totals: CreditTotals;
  /** What has arrived at each endpoint. */
  readonly #arrivalsOf: Arrivals[] = [];
  /** The same of this one. */
  readonly #arrivals: Arrivals;

  /** What calls of former lives have thrown here: only the end of the runtime asks for it. */
  readonly #failuresOfDead = new FailureLog();

  /** `words` are those of the control pages and the rings; `totals` those of the peers' credit. */
  constructor(options: MessageBusOptions, words: Int32Array, totals: CreditTotals) {
    const { endpoint, endpointCount } = options;
    this.list = this.#list;
    this.#words = words;
    this.#endpoint = endpoint;
    this.#host = endpointCount - 1;
    this.#ring = options.ring;
    this.#ringSlots = options.ringSlots;
    this.#totals = totals;
    for (let other = 0; other < endpointCount; other++) {
      this.#arrivalsOf.push(new Arrivals(words, options.controlPage(other), endpointCount));
    }
    this.#arrivals = this.#arrivalsOf[endpoint]!;
    for (let other = 0; other < endpointCount; other++) {
      this.#list.push(other === endpoint ? undefined : this.#make(other));
    }
  }

  #make(endpoint: number): Peer {
    const words = this.#words;
    const tailThere = this.#arrivalsOf[endpoint]!.tailWord(this.#endpoint);
    const tailHere = this.#arrivals.tailWord(endpoint);
    return new Peer(
      endpoint,
      endpoint === this.#host ? undefined : endpoint,
      new Credit(this.#ringSlots >> 1, this.#totals),
      new RingProducer(words, this.#ring(this.#endpoint, endpoint), this.#ringSlots, tailThere),
      new RingConsumer(words, this.#ring(endpoint, this.#endpoint), this.#ringSlots, tailHere),
    );
  }

  /**
   * `endpoint` has come back, with empty rings: another peer takes the place of the former, and the calls
   * that wait for it.
   */
  renew(endpoint: number): void {
    const former = this.#list[endpoint]!;
    this.#failuresOfDead.addAll(former.failures.take());
    const peer = this.#make(endpoint);
    peer.shut = former.shut;
    peer.later = former.later;
    this.#list[endpoint] = peer;
    // It may have sent something, and its mark been taken while it still counted as dead.
    this.keepMark(endpoint);
  }

  /** What the calls without reply of each have thrown here, the dead included; forgotten with that. */
  takeFailures(): Failures[] {
    const peers = this.#list.filter((peer) => peer !== undefined);
    return [this.#failuresOfDead, ...peers.map(({ failures }) => failures)].map((log) =>
      log.take()
    );
  }

  /** Whether so many are awake at most: a look at a word of each, and only if there are more. */
  areAwakeAtMost(count: number, doorbells: Doorbells): boolean {
    const list = this.#list;
    if (list.length - 1 <= count) return true;
    let spare = count;
    for (let i = 0; i < list.length; i++) {
      const peer = list[i];
      if (peer === undefined || peer.gone !== undefined) continue;
      if (!doorbells.looksAsleep(i) && --spare < 0) return false;
    }
    return true;
  }

  /** Says to `endpoint` that its ring has something new: see arrivals.ts. */
  mark(endpoint: number): void {
    this.#arrivalsOf[endpoint]!.mark(this.#endpoint);
  }

  /** The next look is to find `endpoint`, from which not all was read. */
  keepMark(endpoint: number): void {
    this.#arrivals.mark(endpoint);
  }

  /** The lines of senders to look at, a bit each. */
  takeLines(): number {
    return this.#arrivals.take();
  }

  /** Whether something seems to have arrived: one word, or the peers where they are few. */
  looksArrived(): boolean {
    if (this.#arrivals.marked) return this.#arrivals.looksMarked();
    const list = this.#list;
    for (let i = 0; i < list.length; i++) {
      const peer = list[i];
      if (peer !== undefined && hasSent(peer)) return true;
    }
    return false;
  }

  /** The same, exactly. */
  hasArrived(): boolean {
    if (this.#arrivals.marked) return this.#arrivals.isMarked();
    for (const peer of this.#list) {
      if (peer !== undefined && peer.gone === undefined && !peer.consumer.isEmpty()) return true;
    }
    return false;
  }
}

/**
 * Whether `peer` seems to have sent something. A call number of a dead peer may have been given out
 * again: its late replies are not read.
 */
export function hasSent(peer: Peer): boolean {
  return peer.gone === undefined && !peer.consumer.looksEmpty();
}
