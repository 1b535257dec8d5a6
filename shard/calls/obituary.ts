/**
 * The lives of shards, as other threads see them in shared memory, and their obituaries: what a shard died
 * of, written by the host into the shard's control page, for every endpoint to reject its calls with.
 *
 * @module
 */

import { ErrorPacker, shortened, textOf } from "../codec/mod.ts";
import {
  EPOCH_BYTES,
  OBITUARY_BYTES,
  OBITUARY_CAPACITY_BYTES,
  OBITUARY_LENGTH_BYTES,
  STATE_BYTES,
  STATE_DEAD,
  STATE_STUCK,
} from "../ring/mod.ts";
import type { Endpoint } from "./endpoint.ts";
import { ShardCrashedError } from "./errors.ts";
import { CHANGES_BYTES, type SegmentLayout } from "./segment_layout.ts";

/** Of a text, so that it fits the room for an obituary whatever its script. */
const PLAIN_CHARACTERS = OBITUARY_CAPACITY_BYTES >> 2;

const packer = new ErrorPacker([], OBITUARY_CAPACITY_BYTES);

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
  let bytes = packer.pack(cause);
  // The names of many classes, say.
  if (bytes.length > OBITUARY_CAPACITY_BYTES) bytes = packer.pack(plainError(cause));
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
  const bytes = new Uint8Array(buffer, page + OBITUARY_BYTES, length);
  const error = new ShardCrashedError(shard, packer.unpack(bytes));
  return { error, hasEnded: state === STATE_DEAD };
}

/**
 * One life of an endpoint, up to its death.
 *
 * The slice of a shard that dies is not formatted anew before each other endpoint has come round to its
 * event loop. So who has asked `isOver` may use what lies there until it returns to its own: not a word of
 * it belongs to a next life.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export class Life {
  /** Whose it is. */
  readonly shard: number;
  /** Which of its lives it is, from 0. */
  readonly epoch: number;
  readonly #endpoint: Endpoint;
  readonly #words: Int32Array;
  readonly #stateWord: number;
  readonly #epochWord: number;

  /** A life of `shard`, the one that it is in unless told which, as `endpoint` sees it. */
  constructor(endpoint: Endpoint, shard: number, epoch: number = endpoint.epochOf(shard)) {
    const { buffer, layout } = endpoint;
    const page = layout.controlPage(shard);
    this.shard = shard;
    this.#endpoint = endpoint;
    this.#words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
    this.#stateWord = (page + STATE_BYTES) >> 2;
    this.#epochWord = (page + EPOCH_BYTES) >> 2;
    this.epoch = epoch;
  }

  /** Whether the shard has died since. Two plain reads, which may lag; see above. O(1). */
  get isOver(): boolean {
    const state = this.#words[this.#stateWord]!;
    return state === STATE_DEAD || state === STATE_STUCK ||
      this.#words[this.#epochWord] !== this.epoch;
  }

  /** Whether the thread of this life has ended: nothing of it touches the segment any more. O(1). */
  get hasEnded(): boolean {
    return Atomics.load(this.#words, this.#stateWord) === STATE_DEAD ||
      this.#words[this.#epochWord] !== this.epoch;
  }

  /** What the shard died of in this life; undefined if it lives, or if it has begun another life. */
  get causeOfDeath(): Error | undefined {
    if (this.#words[this.#epochWord] !== this.epoch) return undefined;
    const { buffer, layout } = this.#endpoint;
    return readObituary(buffer, layout, this.shard)?.error;
  }
}

/** The beginning of the text of `cause`, alone. */
function plainError(cause: unknown): Error {
  const error = new Error(shortened(textOf(cause), PLAIN_CHARACTERS));
  delete error.stack;
  return error;
}
