/**
 * The credit between an endpoint and one peer, for both directions: how many messages may be under way,
 * and what each owes the other. message_bus.ts says what it is for.
 *
 * Credit is a number of slots. A ring has two halves: one for its producer's own messages, one for what
 * it says to those of its consumer. A message takes one slot of the first, and with it one of the
 * second in the ring back. The credit comes back
 *
 * - of a call, with its reply, for which the slot back was kept;
 * - of a message without a reply, with an acknowledgement, one record for as many as are over;
 * - of a call that runs on, with a grant, one record for all of them, if its caller has asked for it
 *   (Seastar gives it back at once and bounds nothing). The reply comes later, as a message of its own
 *   sender's: *late*, on credit of that, and acknowledged as one.
 *
 * So each record that is no message of its producer's own takes the slot of some credit that its
 * consumer holds, and a ring is never too full.
 *
 * Synchronous, and alone in writing its figures: verbs say what has happened, and queries what may go.
 * credit_test.ts joins two of these in every order of events.
 *
 * @module
 */

/** Figures of all peers of an endpoint together. Their credits alone write them. */
export class CreditTotals {
  /** Messages that get no reply, sent and not acknowledged. */
  unacknowledged = 0;
}

/** What is under way between this endpoint and a peer. */
export class Credit {
  /** Messages that may hold credit at once: half the slots of a ring. */
  readonly #limit: number = 0;
  readonly #totals: CreditTotals;

  // ─── Of this endpoint's messages to the peer

  /** Those that hold credit. Invariant: at most #limit, late replies that are being taken in aside. */
  #outstanding = 0;
  /** Those of them that get no reply: an acknowledgement gives the credit back. */
  #unacknowledged = 0;
  /** Calls that run there and hold no credit any more: their replies will be late. */
  #runningOn = 0;
  /** Whether the peer was asked for credit, and has not answered. */
  #asked = false;

  // ─── Of the peer's messages to this endpoint

  /** Its messages without a reply that are over, and not acknowledged. */
  #owedAcks = 0;
  /** Its calls that run past the turn in which they began, and hold its credit. */
  #running = 0;
  /** The same of those that want no reply. */
  #runningDetached = 0;
  /** How often it was given credit back: the calls that began before hold none. */
  #grants = 0;
  /** Whether it has asked for credit that calls which run here hold. */
  #isWanted = false;

  /** With so many messages each way at most. */
  constructor(limit: number, totals: CreditTotals) {
    this.#limit = limit;
    this.#totals = totals;
  }

  // ─── What may go

  /** Whether there is credit for a call. */
  get mayCall(): boolean {
    return this.#outstanding < this.#limit - 1;
  }

  /** Whether there is credit for a message of the bus's own, for which the last is kept. */
  get mayTell(): boolean {
    return this.#outstanding < this.#limit;
  }

  /** Whether to ask the peer for credit, when a call waits for it. */
  get mayAsk(): boolean {
    return !this.#asked && !this.mayCall;
  }

  /** Own calls that run at the peer and hold no credit. */
  get runningOn(): number {
    return this.#runningOn;
  }

  /** Whether the peer is to be given the credit of its calls that run here. */
  get mayGrant(): boolean {
    // Without any, it gets credit back by replies.
    return this.#isWanted && this.#running + this.#runningDetached > 0;
  }

  /** The peer's calls that run here on its credit: what a grant says. */
  get running(): number {
    return this.#running;
  }

  /** The same of those that want no reply. */
  get runningDetached(): number {
    return this.#runningDetached;
  }

  /** Messages of the peer's that are over, and not acknowledged. */
  get owedAcks(): number {
    return this.#owedAcks;
  }

  // ─── What happens to own messages

  /** A call is sent that wants a reply. */
  admit(): void {
    this.#outstanding++;
  }

  /** A message is sent that gets no reply. */
  admitDetached(): void {
    this.#outstanding++;
    this.#unacknowledged++;
    this.#totals.unacknowledged++;
  }

  /** The peer is to be asked for credit. */
  ask(): void {
    this.#asked = true;
  }

  /** The call that a reply was of is over. */
  reply(): void {
    this.#outstanding--;
  }

  /** A late reply is here: a message of the peer's, whose call holds credit again for the moment of its end. */
  late(): void {
    this.#runningOn--;
    this.#outstanding++;
    this.#owedAcks++;
  }

  /** The peer acknowledges so many messages. */
  acknowledge(messages: number): void {
    this.#outstanding -= messages;
    this.#unacknowledged -= messages;
    this.#totals.unacknowledged -= messages;
  }

  /** The peer gives back the credit of so many calls that run there, and of so many that want no reply. */
  regain(calls: number, detached: number): void {
    this.#asked = false;
    this.#outstanding -= calls;
    this.#runningOn += calls;
    this.acknowledge(detached);
  }

  /** The peer is gone, and acknowledges nothing any more. */
  forget(): void {
    this.acknowledge(this.#unacknowledged);
  }

  // ─── What happens to the peer's messages

  /** A call of the peer's runs on; returns what `end()` wants to know. */
  run(): number {
    this.#running++;
    return this.#grants;
  }

  /** The same of one that wants no reply. */
  runDetached(): number {
    this.#runningDetached++;
    return this.#grants;
  }

  /** A call that ran on ends, which began when `run()` said `since`; false if it holds no credit any more. */
  end(since: number): boolean {
    if (since !== this.#grants) return false;
    this.#running--;
    return true;
  }

  /** The same of one that wants no reply. */
  endDetached(since: number): boolean {
    if (since !== this.#grants) return false;
    this.#runningDetached--;
    return true;
  }

  /** A message of the peer's that gets no reply is over: its credit goes back with the next acknowledgement. */
  owe(): void {
    this.#owedAcks++;
  }

  /** All that are over are acknowledged. */
  settle(): void {
    this.#owedAcks = 0;
  }

  /** The peer asks for credit, by a message that is over with that. */
  want(): void {
    this.#isWanted = true;
    this.#owedAcks++;
  }

  /** The peer is given the credit of its calls that run here. */
  grant(): void {
    this.#isWanted = false;
    this.#grants++;
    this.#running = 0;
    this.#runningDetached = 0;
  }
}
