/**
 * Whether a call may go to a peer, and what waits before it.
 *
 * @module
 */

import type { LinkedQueue } from "./linked_queue.ts";
import type { Peer, WaitingCall } from "./peer.ts";

/** Calls that may wait for room to one endpoint before further ones fail with BusyError. */
export const MAX_WAITING_CALLS = 65_536;

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
