/**
 * What a connection asks of the storage: a struct in the slice of the shard that serves the
 * connection. The home shard of the key is sent its address, reads it where it lies, and writes the
 * outcome into it: the key and the value of a command cross no thread but by reference, straight from
 * the buffer that the socket filled.
 *
 * A request belongs to its connection, which makes one at a time. Only whoever is at work on it
 * writes it: the connection before it calls, the home shard until it answers.
 *
 * @module
 */

import { address, f64, i32, struct, u32, u64, u8, type ViewOf } from "@tidepool/core";

/** A request and its outcome. */
export const Request = struct("Request", {
  /** Where the bytes of the key are: in the buffer of the connection. */
  keyAddress: address,
  /** Where those of the value are. */
  valueAddress: address,
  /** Where a short value may be put for an answer: `answerBytes`, and seven more. */
  answerAddress: address,
  /** The version that is wanted, 0 for any: see versionOf(). */
  cas: f64,
  /** What to add or subtract. */
  delta: u64,
  /** The number that a missing item is made with. */
  initial: u64,
  /** Outcome: where the value of a short answer begins. */
  resultAddress: address,
  /** Outcome: the item's version. */
  resultCas: f64,
  /** Outcome: the item's number. */
  resultNumber: u64,
  /** Hash of the key. */
  hash: u32,
  /** Bytes of the key. */
  keyLength: u32,
  /** Bytes of the value. */
  valueLength: u32,
  /** The client's flags. */
  flags: u32,
  /** When the item is to expire, in seconds since 1970; 0 for never. */
  expiry: u32,
  /** The same for an item that is made because it was missing. */
  vivifyExpiry: u32,
  /** An item that expires before this is to be renewed. */
  recacheTime: u32,
  /** How long a value may be that is put there. */
  answerBytes: u32,
  /** See MODE_SET and what follows it. */
  mode: u8,
  /** See TOUCH and what follows it. */
  options: u32,
  /** What the flags of a meta command do to the item, in their order: see STEP_TOUCH. */
  program: u32,
  /** Outcome: the client's flags of the item. */
  resultFlags: u32,
  /** Outcome: bytes of its value. */
  resultLength: u32,
  /** Outcome: seconds that the item has left, -1 for no end. */
  resultTtl: i32,
  /** Outcome: seconds since it was last used before. */
  resultIdle: u32,
  /** Outcome: the item's state before, and WON, STALE as they concern this client; or MADE. */
  resultState: u32,
});

/** A view of a request. */
export type RequestView = ViewOf<typeof Request>;

/** How to store. */
export const MODE_SET = 0;
/** Only if there is no such item. */
export const MODE_ADD = 1;
/** Only if there is. */
export const MODE_REPLACE = 2;
/** Behind the value that there is. */
export const MODE_APPEND = 3;
/** Before it. */
export const MODE_PREPEND = 4;
/** Only if the version is the one that is wanted. */
export const MODE_CAS = 5;

/** Option: give the item the expiry of the request. */
export const TOUCH = 1;
/** Option: make the item if it is missing. */
export const VIVIFY = 2;
/** Option: count the use of the item only when the flags have run. */
export const COUNT_LATE = 4;
/** Option: do not count this as a use of the item. */
export const NO_BUMP = 8;
/** Option: mark the item as stale, or accept an older version and mark what is stored. */
export const INVALIDATE = 16;
/** Option: subtract. */
export const DECREMENT = 32;
/** Option: the key came in base64. */
export const KEY_IN_BASE64 = 64;

/** Bits of one step of a program, the first step in the lowest; 0 ends it. */
export const STEP_BITS = 3;
/** Step: the item gets `expiry`. */
export const STEP_TOUCH = 1;
/** Step: the item gets `vivifyExpiry` if this request has made it, and the client is to fill it. */
export const STEP_VIVIFY = 2;
/** Step: if the item expires before `recacheTime`, the client is to renew it. */
export const STEP_RECACHE = 3;
/** Step: the time that the item has left goes into `resultTtl`. */
export const STEP_TTL = 4;
/** Step: nothing of what follows is done. */
export const STEP_STOP = 5;

/** In `resultState`: another client was told to renew the item before. */
export const OTHER_WON = 32;
/** In `resultState`: the item was made, as it was missing. */
export const MADE = 64;

/** A version that no item has, and that is not older than any. */
export const NO_VERSION = Infinity;

/** A version as a request has it. Those past 2^53 are never given out. */
export function versionOf(cas: bigint): number {
  return cas > BigInt(Number.MAX_SAFE_INTEGER) ? NO_VERSION : Number(cas);
}

/** Outcome: done. */
export const DONE = 0;
/** Outcome: not done, as the item is there, or is not. */
export const NOT_STORED = 1;
/** Outcome: the item has another version. */
export const EXISTS = 2;
/** Outcome: there is no such item. */
export const NOT_FOUND = 3;
/** Outcome: the item would be larger than an item may be. */
export const TOO_LARGE = 4;
/** Outcome: no memory, although what could go has gone. */
export const NO_MEMORY = 5;
/** Outcome: the value is not a number. */
export const NOT_NUMERIC = 6;
/** Outcome: the home shard of the key is gone, or is being started again. */
export const NO_SHARD = 7;

/** Seconds: what is given as more is a time, not a duration. */
const LONGEST_DURATION = 60 * 60 * 24 * 30;
/** A time long past. */
export const EXPIRED = 1;

/**
 * When an item expires that a client wants to last for `duration`: seconds, or a time since 1970 if
 * they are more than 30 days; 0 for never. What is negative, or past, has expired.
 */
export function expiryOf(duration: number, now: number): number {
  if (duration === 0) return 0;
  if (duration < 0) return EXPIRED;
  if (duration <= LONGEST_DURATION) return now + duration;
  return duration <= now ? EXPIRED : duration;
}
