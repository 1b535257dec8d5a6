/**
 * What a turn has written to the rings, and its publication: once for all of it, at the turn's end,
 * or sooner if it is much.
 *
 * @module
 */

import type { Allocator } from "../../allocator/mod.ts";
import { BATCHES, type Doorbells, type RingConsumer, WAKE_UPS } from "../ring/mod.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";

/**
 * Records that a turn writes before it publishes them without waiting for its end. Measured with 64
 * and 1,024 calls under way: 16 to 64 are alike and half as fast again as publishing at the end only.
 */
const RECORDS_PER_PUBLISH = 32;
/**
 * So many bits of the length of values outside of the record are left out where it counts as records: 256
 * bytes take as long as one. So a list of objects is published at once, and two threads work on lists at
 * the same time, which is twice as fast as by turns.
 */
const RECORD_SHIFT = 8;

/** What one endpoint writes. */
export class Batches {
  readonly #allocator: Allocator;
  readonly #doorbells: Doorbells;
  readonly #counters: Float64Array;
  readonly #peers: Peers;
  readonly #acknowledge: (peer: Peer) => void;
  readonly #end: () => void;
  /** Peers with records to publish. */
  readonly #dirty: Peer[] = [];
  /** Records committed since the last publication, and what counts as such. */
  #unpublished = 0;
  #endScheduled = false;
  /** Whether a poll goes on, whose end publishes. */
  #polling = false;
  /** The ring that is being read, in a poll. */
  #reading: RingConsumer | undefined;

  /**
   * `acknowledge` writes what is owed to a peer, before its ring is published; `endTurn` is called at
   * the end of a turn that does not poll.
   */
  constructor(
    allocator: Allocator,
    doorbells: Doorbells,
    counters: Float64Array,
    peers: Peers,
    acknowledge: (peer: Peer) => void,
    endTurn: () => void,
  ) {
    this.#allocator = allocator;
    this.#doorbells = doorbells;
    this.#counters = counters;
    this.#peers = peers;
    this.#acknowledge = acknowledge;
    this.#end = () => {
      this.#endScheduled = false;
      endTurn();
    };
  }

  /**
   * Takes the reserved slot of the ring to `peer`, to be published at the end of the turn, and with it as
   * many bytes outside of the slot.
   */
  commit(peer: Peer, byteLength = 0): void {
    peer.producer.commit();
    this.touch(peer);
    this.#unpublished += 1 + (byteLength >>> RECORD_SHIFT);
    if (this.#unpublished < RECORDS_PER_PUBLISH) return;
    // The other side begins on these while this one goes on. The slots of the requests go back first:
    // a reply gives its caller credit for a new request, which needs the slot of the old one.
    this.#reading?.publish();
    this.publish();
  }

  /** Has the ring to `peer` published at the end of the turn. */
  touch(peer: Peer): void {
    if (!peer.dirty) {
      peer.dirty = true;
      this.#dirty.push(peer);
    }
    this.scheduleEnd();
  }

  /**
   * The same for the only call under way, which is published at once: nothing else is likely to follow in
   * this turn, and its end is three turns of the microtask queue away. Not for one without reply: those come
   * in bursts, beside a call that takes long.
   */
  commitAlone(peer: Peer, byteLength: number): void {
    this.commit(peer, byteLength);
    if (!this.#polling) this.publish();
  }

  /** The turn has something to do at its end. */
  scheduleEnd(): void {
    // Behind the microtasks already queued, so that all callers of this turn share one publish.
    if (this.#endScheduled || this.#polling) return;
    this.#endScheduled = true;
    queueMicrotask(this.#end);
  }

  /** A poll begins or ends. */
  set polling(polling: boolean) {
    this.#polling = polling;
  }

  /** The ring that is read from now on, if any. */
  set reading(consumer: RingConsumer | undefined) {
    this.#reading = consumer;
  }

  /**
   * Publishes what this turn has written and wakes who sleeps. Remote frees go first: a peer that
   * sees the reply must find the memory of its request given back.
   */
  publish(): void {
    this.#unpublished = 0;
    this.#allocator.flushRemoteFrees();
    const dirty = this.#dirty;
    for (let i = 0; i < dirty.length; i++) {
      const peer = dirty[i]!;
      peer.dirty = false;
      if (peer.gone !== undefined) continue; // its rings may be another life's by now
      this.#acknowledge(peer);
      peer.producer.publish();
      this.#peers.mark(peer.endpoint);
      this.#counters[BATCHES]!++;
      if (this.#doorbells.ring(peer.endpoint)) this.#counters[WAKE_UPS]!++;
    }
    if (dirty.length > 0) dirty.length = 0;
  }
}
