/**
 * What endpoints tell each other beside calls and their replies.
 *
 * Notices are messages of their own, which get no reply: a request for credit, a cancellation, a
 * warning, and the late reply of a call that has given its credit back. They must not wait for the
 * calls that they are to end, so they go before calls that wait, on credit that no call may take
 * (see credit.ts), and end as soon as they are read. Answers take the slot of what they answer:
 * acknowledgements and grants.
 *
 * @module
 */

import {
  CALL_WORD,
  DETACHED_WORD,
  FLAG_LATE,
  KIND_ACK,
  KIND_ASK,
  KIND_CANCEL,
  KIND_GRANT,
  KIND_WARNING,
  KIND_WORD,
  kindOf,
  kindWord,
  REPLIES_SENT,
} from "../ring/mod.ts";
import type { Batches } from "./batches.ts";
import { RecordViews } from "./inline_codec.ts";
import type { MessageBody } from "./message_body.ts";
import { ComingParcel, type Parcels, Transferred } from "./parcels.ts";
import type { Peer } from "./peer.ts";

function noticeName(): string {
  return "the notice";
}

/** The notices of one endpoint, out and in. */
export class Notices {
  readonly #views: RecordViews;
  readonly #body: MessageBody;
  readonly #parcels: Parcels;
  readonly #counters: Float64Array;
  readonly #batches: Batches;
  readonly #onWarning: (warning: Error) => void;
  #waiting = 0;

  /** `onWarning` is told of the peers' warnings. */
  constructor(
    views: RecordViews,
    body: MessageBody,
    parcels: Parcels,
    counters: Float64Array,
    batches: Batches,
    onWarning: (warning: Error) => void,
  ) {
    this.#views = views;
    this.#body = body;
    this.#parcels = parcels;
    this.#counters = counters;
    this.#batches = batches;
    this.#onWarning = onWarning;
  }

  /** Notices that wait for credit. */
  get waiting(): number {
    return this.#waiting;
  }

  // ─── Out ─────────────────────────────────────────────────────────────────────────────────────

  /**
   * Sends a notice, `kind` with its flags. It waits for credit alone: memory that is not there now may
   * come only when the call is over that it is to end.
   *
   * @throws {MessageMemoryError} If there is no memory for it. Nothing has moved.
   */
  send(
    peer: Peer,
    kind: number,
    call: number,
    values: readonly unknown[],
    name: (index: number) => string,
  ): void {
    const record = RecordViews.ofOneRecord(); // rare enough to go by the queue always
    const encoded = this.#body.encode(values, record, 0, name);
    const block = this.#body.expectBlock(encoded, peer);
    record.words[KIND_WORD] = kindWord(kind, values.length, encoded.flags);
    record.words[CALL_WORD] = call;
    this.#body.put(encoded, block, record, 0, peer.endpoint);
    peer.notices.push(record);
    this.#waiting++;
    this.sendWaiting(peer);
  }

  /**
   * Sends a notice with a value that must arrive: whole, or packed beside the ring if there is no memory
   * for it or it cannot travel.
   */
  tell(peer: Peer, kind: number, call: number, value: unknown): void {
    try {
      if (peer.gone === undefined) this.send(peer, kind, call, [value], noticeName);
    } catch {
      const bytes = this.#body.pack(value);
      // Code of the program's has run meanwhile, getters and reclaimers, and may have ended all.
      if (peer.gone !== undefined) return;
      this.send(peer, kind, call, [new Transferred(bytes)], noticeName);
    }
  }

  /** Sends what waits for `peer`, as far as credit goes. */
  sendWaiting(peer: Peer): void {
    const { notices, credit, producer } = peer;
    for (let first = notices.first; first !== undefined; first = notices.first) {
      if (!credit.mayTell) return;
      notices.remove(first);
      this.#waiting--;
      // Invariant: a message with credit has room in the ring.
      const at = producer.reserve();
      this.#views.copyFrom(first.value.words, 0, at);
      credit.admitDetached();
      if ((this.#views.words[at + KIND_WORD]! & FLAG_LATE) !== 0) this.#counters[REPLIES_SENT]!++;
      this.#batches.commit(peer);
    }
  }

  /**
   * Asks peers for credit that calls which run there hold, where others wait for it. Calls that run
   * here may depend on them, and theirs on these: without it, a chain of calls that comes back to an
   * endpoint whose credit is all in use would wait for itself.
   */
  askForCredit(peers: readonly (Peer | undefined)[]): void {
    for (const peer of peers) {
      if (peer === undefined || peer.waiting.size === 0 || !peer.credit.mayAsk) continue;
      peer.credit.ask();
      this.send(peer, KIND_ASK, 0, [], noticeName);
    }
  }

  /** Gives a peer that has asked for it the credit of its calls that run here. */
  grant(peer: Peer): void {
    const { credit, producer } = peer;
    if (!credit.mayGrant || peer.gone !== undefined) return;
    // Invariant: the credit of any call that runs on keeps a slot for the grant.
    const at = producer.reserve();
    const { words } = this.#views;
    words[at + KIND_WORD] = kindWord(KIND_GRANT, 0, 0);
    words[at + CALL_WORD] = credit.running;
    words[at + DETACHED_WORD] = credit.runningDetached;
    credit.grant();
    this.#batches.commit(peer);
  }

  /** Acknowledges the messages without reply that are over. The credit of any of them is a slot for it. */
  acknowledge(peer: Peer): void {
    const { credit, producer } = peer;
    if (credit.owedAcks === 0 || peer.gone !== undefined) return;
    const at = producer.reserve();
    const { words } = this.#views;
    words[at + KIND_WORD] = kindWord(KIND_ACK, 0, 0);
    words[at + CALL_WORD] = credit.owedAcks;
    credit.settle();
    producer.commit();
  }

  /** Lets go of what waits for a peer that is gone. */
  drop(peer: Peer): void {
    for (let first = peer.notices.first; first !== undefined; first = peer.notices.first) {
      peer.notices.remove(first);
      this.#waiting--;
      this.#body.discard(first.value, 0);
      this.#body.free(this.#body.blockOf(first.value, 0));
    }
  }

  // ─── In ──────────────────────────────────────────────────────────────────────────────────────

  /** Takes the record at `at`, of `kind`, which is neither a request nor a reply. */
  receive(peer: Peer, kind: number, at: number): void {
    const { credit, consumer } = peer;
    const { words } = this.#views;
    const call = words[at + CALL_WORD]!;
    switch (kindOf(kind)) {
      case KIND_ACK:
        credit.acknowledge(call);
        return consumer.release();
      case KIND_GRANT:
        credit.regain(call, words[at + DETACHED_WORD]!);
        return consumer.release();
      case KIND_ASK:
        credit.want();
        return consumer.release();
      case KIND_CANCEL: {
        // Looked up now: when all of the reason is here, the number may be another call's.
        const served = peer.served.get(call);
        return this.#take(peer, at, (reason) => {
          served?.cancel(new DOMException(reason as string, "AbortError"));
        });
      }
      case KIND_WARNING:
        return this.#take(peer, at, (warning) => this.#onWarning(warning as Error));
    }
  }

  /** Has `use` called with the one value of the notice at `at`, which is over then. */
  #take(peer: Peer, at: number, use: (value: unknown) => void): void {
    let value: unknown;
    try {
      value = this.#body.readOne(this.#views, at);
    } catch (error) {
      value = error; // that of a warning with something in it that is gone: a warning itself
    }
    this.#body.release(this.#views, at, peer.consumer);
    if (!(value instanceof ComingParcel)) {
      peer.credit.owe();
      return use(value);
    }
    this.#parcels.receive(peer.endpoint, value.parcel, (bytes) => {
      // Not sooner: its sender is not done before all of it is here.
      peer.credit.owe();
      this.#batches.touch(peer);
      use(this.#body.packer.unpack(bytes as Uint8Array));
    });
  }
}
