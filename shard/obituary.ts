/**
 * Obituaries: what a shard died of, written by the host into the shard's control page, for every
 * endpoint to reject its calls with.
 *
 * @module
 */

import {
  OBITUARY_BYTES,
  OBITUARY_CAPACITY_BYTES,
  OBITUARY_LENGTH_BYTES,
  STATE_BYTES,
  STATE_DEAD,
  ValueCodec,
} from "./bus/mod.ts";
import { ShardCrashedError } from "./errors.ts";
import { CHANGES_BYTES, type SegmentLayout } from "./segment_layout.ts";

/** Writes down that `shard` died of `cause`, for every endpoint to read. Host only. */
export function writeObituary(
  buffer: SharedArrayBuffer,
  layout: SegmentLayout,
  shard: number,
  cause: unknown,
): void {
  const codec = new ValueCodec([]);
  let bytes = codec.encode([describable(cause)], () => "the cause", []);
  if (bytes.length > OBITUARY_CAPACITY_BYTES) {
    bytes = codec.encode([String(cause).slice(0, 1000)], () => "the cause", []);
  }
  const page = layout.controlPage(shard);
  new Uint8Array(buffer, page + OBITUARY_BYTES, OBITUARY_CAPACITY_BYTES).set(bytes);
  const words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
  words[(page + OBITUARY_LENGTH_BYTES) >> 2] = bytes.length;
  // Publishes the obituary; readObituary() loads STATE before it reads it.
  Atomics.store(words, (page + STATE_BYTES) >> 2, STATE_DEAD);
  Atomics.add(words, CHANGES_BYTES >> 2, 1);
}

/** The error that calls to `shard` fail with, if it is dead. */
export function readObituary(
  buffer: SharedArrayBuffer,
  layout: SegmentLayout,
  shard: number,
): ShardCrashedError | undefined {
  const page = layout.controlPage(shard);
  const words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
  if (Atomics.load(words, (page + STATE_BYTES) >> 2) !== STATE_DEAD) return undefined;
  const length = words[(page + OBITUARY_LENGTH_BYTES) >> 2]!;
  const [cause] = new ValueCodec([]).decode(new Uint8Array(buffer, page + OBITUARY_BYTES, length));
  return new ShardCrashedError(shard, cause);
}

/** `cause` if it can be written down, else its text. */
function describable(cause: unknown): unknown {
  try {
    new ValueCodec([]).encode([cause], () => "the cause", []);
    return cause;
  } catch (unsendable) {
    return new Error(`${String(cause)} (its fields are lost: ${String(unsendable)})`);
  }
}
