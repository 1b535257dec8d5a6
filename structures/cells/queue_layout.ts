import { headerBytes, LINE_BYTES, WORD_BYTES } from "../header/mod.ts";
/**
 * Where the words of a SharedQueue lie, behind the header that every structure has. Lines of 128 bytes, the
 * first two with one writer each.
 *
 * ```
 * word     0     TAIL      producer  elements published so far, an i32 that wraps
 *          1     CLOSED    producer  1: no more will come
 *         32     HEAD      consumer  elements taken so far, an i32 that wraps
 *         33     LEFT      consumer  1: takes no more
 *         64     PUSHING   producer stores 1 before it waits for room; whoever wakes it swaps 0 in
 *         65     POPPING   consumer stores 1 before it waits for an element; whoever wakes it swaps 0 in
 *         66     PRODUCER  producer swaps its claim in for 0, once
 *         67     CONSUMER  consumer swaps its claim in for 0, once
 *         68     DISPOSED  owner     1: the queue is disposed of
 *         96     SLOTS     producer  the elements, as many as the capacity, or the next power of two
 * ```
 *
 * A claim is the endpoint's number plus 1 in the low 10 bits, and its epoch above.
 *
 * @module
 */

const LINE_WORDS = LINE_BYTES / WORD_BYTES;

/** Words to TAIL. */
export const TAIL_WORD = 0;
/** Words to CLOSED. */
export const CLOSED_WORD: number = TAIL_WORD + 1;
/** Words to HEAD. */
export const HEAD_WORD: number = LINE_WORDS;
/** Words to LEFT. */
export const LEFT_WORD: number = HEAD_WORD + 1;
/** Words to PUSHING. */
export const PUSHING_WORD: number = HEAD_WORD + LINE_WORDS;
/** Words to POPPING. */
export const POPPING_WORD: number = PUSHING_WORD + 1;
/** Words to PRODUCER. */
export const PRODUCER_WORD: number = POPPING_WORD + 1;
/** Words to CONSUMER. */
export const CONSUMER_WORD: number = PRODUCER_WORD + 1;
/** Words to DISPOSED. */
export const DISPOSED_WORD: number = CONSUMER_WORD + 1;
/** Words to SLOTS. */
export const SLOTS_WORD: number = PUSHING_WORD + LINE_WORDS;

/** The most elements that a queue may have room for. */
export const MOST_CAPACITY = 2 ** 24;
const ENDPOINT_BITS = 10;

/** Offsets of a queue. */
export class QueueLayout {
  /** Bytes from the queue's start to TAIL. */
  readonly wordsBytes: number;
  /** Bytes from the queue's start to SLOTS. */
  readonly slotsBytes: number;
  /** Slots, a power of two. */
  readonly slotCount: number;
  /** Bytes of the queue. */
  readonly byteLength: number;

  constructor(endpointCount: number, capacity: number, slotBytes: number) {
    this.wordsBytes = headerBytes(endpointCount);
    this.slotsBytes = this.wordsBytes + SLOTS_WORD * WORD_BYTES;
    this.slotCount = capacity < 2 ? 1 : 2 ** (32 - Math.clz32(capacity - 1));
    this.byteLength = this.slotsBytes + this.slotCount * slotBytes;
  }
}

/** The claim of an endpoint in some life. */
export function claimOf(endpoint: number, epoch: number): number {
  return (epoch << ENDPOINT_BITS) | (endpoint + 1);
}

/** The endpoint of a claim; -1 of none. */
export function endpointOfClaim(claim: number): number {
  return (claim & (2 ** ENDPOINT_BITS - 1)) - 1;
}

/** The epoch of a claim. */
export function epochOfClaim(claim: number): number {
  return claim >>> ENDPOINT_BITS;
}
