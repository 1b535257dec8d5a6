/**
 * What a bus is made with.
 *
 * @module
 */

import type { Allocator } from "../../allocator/mod.ts";
import type { Resolver } from "./callee.ts";
import type { Doorbells, Spinner } from "../ring/mod.ts";
import type { WireType } from "../codec/mod.ts";

/** Where the bus lies and what it works with. */
export interface MessageBusOptions {
  /** This endpoint's number. */
  readonly endpoint: number;
  /** How many endpoints there are; the last is the host. */
  readonly endpointCount: number;
  /** The segment. */
  readonly buffer: SharedArrayBuffer;
  /** Bytes of the segment that hold control pages and rings. */
  readonly controlByteLength: number;
  /** Byte offset of the ring between two endpoints. */
  readonly ring: (from: number, to: number) => number;
  /** Slots of each ring. */
  readonly ringSlots: number;
  /** Byte offset of an endpoint's control page. */
  readonly controlPage: (endpoint: number) => number;
  /** Byte offset of the word that counts the endpoints that have died or come back. */
  readonly changesByteOffset: number;
  /** Called when that word has changed. */
  readonly onChanges: () => void;
  /** Whether a shard lives, by its state in shared memory, which may be news yet to this endpoint. */
  readonly isRunning: (endpoint: number) => boolean;
  /** Whether a call made now may go to an endpoint that takes no calls of others yet. */
  readonly mayEnter: (endpoint: number) => boolean;
  /**
   * Called when an endpoint has been declared gone, once for each of its lives, with why, and whether its
   * thread has ended.
   */
  readonly onGone: (endpoint: number, error: Error, hasEnded: boolean) => void;
  /** Called with what went wrong at another endpoint where nobody waits. */
  readonly onWarning: (warning: Error) => void;
  /** Called when this endpoint goes to sleep. */
  readonly onSleep: () => void;
  /** The allocator of this endpoint's slice. */
  readonly allocator: Allocator;
  /** Classes that travel as themselves. */
  readonly types: readonly WireType<object>[];
  /** Finds the functions that peers call. */
  readonly resolve: Resolver;
  /** Asks for a channel to another endpoint, for `parcels.attach()`. */
  readonly connect: (endpoint: number) => void;
  /** Wakes peers. */
  readonly doorbells: Doorbells;
  /** What spins for this endpoint. A caller that sleeps wakes itself if that pays. */
  readonly spinner: Spinner;
  /** Cores of the machine. */
  readonly cores: number;
}
