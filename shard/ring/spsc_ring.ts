/**
 * A bounded ring with one producer and one consumer, after Lamport's queue with the opposite index
 * cached, as in FastForward and rigtorp's SPSCQueue. It differs in that slots are written and read
 * in place and both indices are published once a batch, since an Atomics operation is a call here
 * and costs sixteen times a plain access.
 *
 * Nothing here waits: the two ends are synchronous and take their views as arguments, so that the
 * model checker runs this very code.
 *
 * @module
 */

import { RECORD_WORDS } from "./record_layout.ts";
import { RING_HEAD_BYTES, RING_SLOTS_BYTES } from "./ring_layout.ts";

/** The sending end. Only one thread may hold it. */
export class RingProducer {
  // Numbers from the start: a field that was undefined first may hold anything, as far as the engine
  // knows, and it looks at each use what it has loaded.
  readonly #words: Int32Array;
  readonly #tailWord: number = 0;
  readonly #headWord: number = 0;
  readonly #slotsWord: number = 0;
  readonly #slotCount: number = 0;
  /** Records written, published or not. */
  #tail = 0;
  /** The last value given to TAIL. */
  #publishedTail = 0;
  /** HEAD as last seen. Invariant: never ahead of HEAD, so the room computed from it is real. */
  #seenHead = 0;

  constructor(words: Int32Array, byteOffset: number, slotCount: number, tailWord: number) {
    this.#words = words;
    this.#tailWord = tailWord;
    this.#headWord = (byteOffset + RING_HEAD_BYTES) >> 2;
    this.#slotsWord = (byteOffset + RING_SLOTS_BYTES) >> 2;
    this.#slotCount = slotCount;
    // Only the producer writes TAIL; a plain read is exact here.
    this.#tail = words[this.#tailWord]!;
    this.#publishedTail = this.#tail;
    this.#seenHead = Atomics.load(words, this.#headWord);
  }

  /** Word index of the next free slot, or -1 when the ring is full. O(1). */
  tryReserve(): number {
    if (((this.#tail - this.#seenHead) | 0) >= this.#slotCount) {
      // RingConsumer.publish() stores HEAD after its last read of the slots before it.
      this.#seenHead = Atomics.load(this.#words, this.#headWord);
      if (((this.#tail - this.#seenHead) | 0) >= this.#slotCount) return -1;
    }
    return this.#slotsWord + (this.#tail & (this.#slotCount - 1)) * RECORD_WORDS;
  }

  /** The same where flow control keeps a slot free: a full ring would be an error of this library. */
  reserve(): number {
    const at = this.tryReserve();
    if (at < 0) throw new Error("Invariant violated: credit must keep a slot free in the ring");
    return at;
  }

  /** Keeps the slot that `tryReserve()` gave; the consumer sees it after `publish()`. */
  commit(): void {
    this.#tail = (this.#tail + 1) | 0;
  }

  /** Word indices of the records that the consumer has not given back, for when it never will. */
  *unread(): Generator<number> {
    const head = Atomics.load(this.#words, this.#headWord);
    for (let at = head; at !== this.#tail; at = (at + 1) | 0) {
      yield this.#slotsWord + (at & (this.#slotCount - 1)) * RECORD_WORDS;
    }
  }

  /** Makes every committed slot visible. Returns false when there was nothing new. */
  publish(): boolean {
    if (this.#tail === this.#publishedTail) return false;
    // Publishes the slots written above; RingConsumer.peek() loads TAIL before it reads a slot.
    Atomics.store(this.#words, this.#tailWord, this.#tail);
    this.#publishedTail = this.#tail;
    return true;
  }
}

/** The receiving end. Only one thread may hold it. */
export class RingConsumer {
  readonly #words: Int32Array;
  readonly #tailWord: number = 0;
  readonly #headWord: number = 0;
  readonly #slotsWord: number = 0;
  readonly #slotCount: number = 0;
  /** Records taken, published or not. */
  #head = 0;
  #publishedHead = 0;
  /** TAIL as last loaded. Invariant: never ahead of TAIL, so every slot below it is written. */
  #seenTail = 0;

  constructor(words: Int32Array, byteOffset: number, slotCount: number, tailWord: number) {
    this.#words = words;
    this.#tailWord = tailWord;
    this.#headWord = (byteOffset + RING_HEAD_BYTES) >> 2;
    this.#slotsWord = (byteOffset + RING_SLOTS_BYTES) >> 2;
    this.#slotCount = slotCount;
    // Only the consumer writes HEAD; a plain read is exact here.
    this.#head = words[this.#headWord]!;
    this.#publishedHead = this.#head;
    this.#seenTail = this.#head;
  }

  /** Whether there seems to be no record: a plain look, may lag. */
  looksEmpty(): boolean {
    return this.#words[this.#tailWord] === this.#head;
  }

  /** Whether there is no record, exactly: the look that must precede a sleep. */
  isEmpty(): boolean {
    return Atomics.load(this.#words, this.#tailWord) === this.#head;
  }

  /** Word index of the oldest record, or -1 when there is none. Valid until `release()`. O(1). */
  peek(): number {
    if (this.#head === this.#seenTail) {
      // Orders the reads of the slots behind RingProducer.publish()'s store of TAIL.
      this.#seenTail = Atomics.load(this.#words, this.#tailWord);
      if (this.#head === this.#seenTail) return -1;
    }
    return this.#slotsWord + (this.#head & (this.#slotCount - 1)) * RECORD_WORDS;
  }

  /** How many records `peek()` gives before it looks for more. */
  get seen(): number {
    return (this.#seenTail - this.#head) | 0;
  }

  /** Lets go of the record that `peek()` gave; its slot is reused after `publish()`. */
  release(): void {
    this.#head = (this.#head + 1) | 0;
  }

  /** Gives the released slots back to the producer. */
  publish(): void {
    if (this.#head === this.#publishedHead) return;
    // Ends this side's reads of the slots; RingProducer.tryReserve() loads HEAD before it rewrites one.
    Atomics.store(this.#words, this.#headWord, this.#head);
    this.#publishedHead = this.#head;
  }
}
