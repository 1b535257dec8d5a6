/**
 * Obituaries: what a shard died of, written by the host into the shard's control page, for every
 * endpoint to reject its calls with.
 *
 * @module
 */

import {
  bareError,
  OBITUARY_BYTES,
  OBITUARY_CAPACITY_BYTES,
  OBITUARY_LENGTH_BYTES,
  STATE_BYTES,
  STATE_DEAD,
  STATE_STUCK,
  textOf,
  ValueCodec,
} from "./bus/mod.ts";
import { ShardCrashedError } from "./errors.ts";
import { CHANGES_BYTES, type SegmentLayout } from "./segment_layout.ts";

/** Characters of a text, so that two of them fit the room for an obituary whatever their script. */
const SHORT_CHARACTERS = Math.floor(OBITUARY_CAPACITY_BYTES / 5);

/** What is told of the death of a shard. */
export interface Obituary {
  /** What calls to it fail with. */
  readonly error: ShardCrashedError;
  /** Whether its thread has ended; if not, it may still read what was sent to it. */
  readonly hasEnded: boolean;
}

/**
 * Writes down that `shard` died of `cause`, and whether its thread has ended, for every endpoint to read.
 * Host only.
 */
export function writeObituary(
  buffer: SharedArrayBuffer,
  layout: SegmentLayout,
  shard: number,
  cause: unknown,
  hasEnded: boolean,
): void {
  const bytes = tryEncode(cause) ?? tryEncode(bareError(cause, SHORT_CHARACTERS)) ??
    tryEncode(textOf(cause).slice(0, SHORT_CHARACTERS))!;
  const page = layout.controlPage(shard);
  new Uint8Array(buffer, page + OBITUARY_BYTES, OBITUARY_CAPACITY_BYTES).set(bytes);
  const words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
  words[(page + OBITUARY_LENGTH_BYTES) >> 2] = bytes.length;
  // Publishes the obituary; readObituary() loads STATE before it reads it.
  Atomics.store(words, (page + STATE_BYTES) >> 2, hasEnded ? STATE_DEAD : STATE_STUCK);
  Atomics.add(words, CHANGES_BYTES >> 2, 1);
}

/** What is told of `shard`, if it is dead. */
export function readObituary(
  buffer: SharedArrayBuffer,
  layout: SegmentLayout,
  shard: number,
): Obituary | undefined {
  const page = layout.controlPage(shard);
  const words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
  const state = Atomics.load(words, (page + STATE_BYTES) >> 2);
  if (state !== STATE_DEAD && state !== STATE_STUCK) return undefined;
  const length = words[(page + OBITUARY_LENGTH_BYTES) >> 2]!;
  const [cause] = new ValueCodec([]).decode(new Uint8Array(buffer, page + OBITUARY_BYTES, length));
  return { error: new ShardCrashedError(shard, cause), hasEnded: state === STATE_DEAD };
}

/** `cause` as bytes; undefined if it cannot travel, or there is no room for it. */
function tryEncode(cause: unknown): Uint8Array | undefined {
  try {
    const bytes = new ValueCodec([]).encode([cause], () => "the cause", []);
    return bytes.length <= OBITUARY_CAPACITY_BYTES ? bytes : undefined;
  } catch {
    return undefined; // the next attempt is shorter, and the last is text alone
  }
}
