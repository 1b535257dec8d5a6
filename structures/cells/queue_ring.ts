/**
 * A bounded ring with one producer and one consumer, after Lamport's queue, with the opposite index cached as
 * in rigtorp's SPSCQueue: what the bus has in shard/ring/spsc_ring.ts, for slots of any size. To wait is
 * Dekker's handshake, as in shard/ring/wait_strategy.ts: who waits stores its flag and then looks once more;
 * who has changed something looks at the flag afterwards. So one of the two sees the other.
 *
 * Nothing here waits: both ends are synchronous and take their view as an argument, so that the model checker
 * runs this very code.
 *
 * @module
 */

import {
  CLOSED_WORD,
  DISPOSED_WORD,
  HEAD_WORD,
  LEFT_WORD,
  POPPING_WORD,
  PUSHING_WORD,
  TAIL_WORD,
} from "./queue_layout.ts";

/** The producer's end. Only one thread may hold it. */
export class QueueWriter {
  readonly #words: Int32Array;
  /** Index of TAIL. */
  readonly #at: number = 0;
  readonly #capacity: number = 0;
  readonly #mask: number = 0;
  /** Elements written, published or not. */
  #tail = 0;
  #publishedTail = 0;
  /** HEAD as last seen. Invariant: never ahead of HEAD, so the room computed from it is real. */
  #seenHead = 0;

  /** Of a queue that nobody has pushed to or popped from, whose indices are at a start that it is given. */
  constructor(words: Int32Array, at: number, capacity: number, slotCount: number) {
    this.#words = words;
    this.#at = at;
    this.#capacity = capacity;
    this.#mask = slotCount - 1;
    // Only the producer writes TAIL; a plain read is exact here.
    this.#tail = words[at + TAIL_WORD]!;
    this.#publishedTail = this.#tail;
    this.#seenHead = Atomics.load(words, at + HEAD_WORD);
  }

  /** The slot for the next element; -1 if the queue is full. O(1). */
  tryReserve(): number {
    if (((this.#tail - this.#seenHead) | 0) >= this.#capacity) {
      // QueueReader.publish() stores HEAD after its last read of the slots before it.
      this.#seenHead = Atomics.load(this.#words, this.#at + HEAD_WORD);
      if (((this.#tail - this.#seenHead) | 0) >= this.#capacity) return -1;
    }
    return this.#tail & this.#mask;
  }

  /** Keeps the slot that `tryReserve()` gave; the consumer sees it after `publish()`. */
  commit(): void {
    this.#tail = (this.#tail + 1) | 0;
  }

  /** Makes every element that was committed visible, and wakes a consumer that waits. */
  publish(): void {
    if (this.#tail === this.#publishedTail) return;
    // Publishes the slots written above; QueueReader.peek() loads TAIL before it reads one.
    Atomics.store(this.#words, this.#at + TAIL_WORD, this.#tail);
    this.#publishedTail = this.#tail;
    wake(this.#words, this.#at + POPPING_WORD);
  }

  /** No more will come. */
  close(): void {
    // After the last publish(): QueueReader.isOver() looks at TAIL behind this.
    Atomics.store(this.#words, this.#at + CLOSED_WORD, 1);
    wake(this.#words, this.#at + POPPING_WORD);
  }

  /** Whether the consumer takes no more. */
  get hasLeft(): boolean {
    return Atomics.load(this.#words, this.#at + LEFT_WORD) !== 0;
  }

  /** Says that the producer is about to wait for room; false if it need not. */
  mayWait(): boolean {
    Atomics.store(this.#words, this.#at + PUSHING_WORD, 1);
    const isFull = this.tryReserve() < 0;
    if (isFull && !this.hasLeft && !isDisposed(this.#words, this.#at)) return true;
    Atomics.store(this.#words, this.#at + PUSHING_WORD, 0);
    return false;
  }
}

/** The consumer's end. Only one thread may hold it. */
export class QueueReader {
  readonly #words: Int32Array;
  /** Index of TAIL. */
  readonly #at: number = 0;
  readonly #mask: number = 0;
  /** Elements taken, published or not. */
  #head = 0;
  #publishedHead = 0;
  /** TAIL as last loaded. Invariant: never ahead of TAIL, so every slot below it is written. */
  #seenTail = 0;

  /** Of a queue that nobody has popped from. */
  constructor(words: Int32Array, at: number, slotCount: number) {
    this.#words = words;
    this.#at = at;
    this.#mask = slotCount - 1;
    // Only the consumer writes HEAD; a plain read is exact here.
    this.#head = words[at + HEAD_WORD]!;
    this.#publishedHead = this.#head;
    this.#seenTail = this.#head;
  }

  /** The slot of the oldest element; -1 if there is none. Valid until `release()`. O(1). */
  peek(): number {
    if (this.#head === this.#seenTail) {
      // Orders the reads of the slots behind QueueWriter.publish()'s store of TAIL.
      this.#seenTail = Atomics.load(this.#words, this.#at + TAIL_WORD);
      if (this.#head === this.#seenTail) return -1;
    }
    return this.#head & this.#mask;
  }

  /** Lets go of the element that `peek()` gave; its slot is written again after `publish()`. */
  release(): void {
    this.#head = (this.#head + 1) | 0;
  }

  /** Gives the released slots back, and wakes a producer that waits. */
  publish(): void {
    if (this.#head === this.#publishedHead) return;
    // Ends this side's reads of the slots; QueueWriter.tryReserve() loads HEAD before it gives one.
    Atomics.store(this.#words, this.#at + HEAD_WORD, this.#head);
    this.#publishedHead = this.#head;
    wake(this.#words, this.#at + PUSHING_WORD);
  }

  /** Whether the queue is closed, and all that was in it is taken. */
  isOver(): boolean {
    // TAIL after CLOSED: what was published before the queue was closed is seen.
    return Atomics.load(this.#words, this.#at + CLOSED_WORD) !== 0 && this.peek() < 0;
  }

  /** The consumer takes no more. */
  leave(): void {
    Atomics.store(this.#words, this.#at + LEFT_WORD, 1);
    wake(this.#words, this.#at + PUSHING_WORD);
  }

  /** Says that the consumer is about to wait for an element; false if it need not. */
  mayWait(): boolean {
    Atomics.store(this.#words, this.#at + POPPING_WORD, 1);
    const isClosed = Atomics.load(this.#words, this.#at + CLOSED_WORD) !== 0;
    if (!isClosed && this.peek() < 0 && !isDisposed(this.#words, this.#at)) return true;
    Atomics.store(this.#words, this.#at + POPPING_WORD, 0);
    return false;
  }
}

/** Whether the owner has disposed of the queue. */
export function isDisposed(words: Int32Array, at: number): boolean {
  return Atomics.load(words, at + DISPOSED_WORD) !== 0;
}

/** The owner disposes of the queue: wakes both sides. */
export function endQueue(words: Int32Array, at: number): void {
  Atomics.store(words, at + DISPOSED_WORD, 1);
  for (const flagWord of [at + PUSHING_WORD, at + POPPING_WORD]) {
    Atomics.store(words, flagWord, 0);
    // Also if nobody waits: some may be left of waits that another cause has ended, and this memory is to
    // be another's.
    Atomics.notify(words, flagWord);
  }
}

/**
 * Wakes who waits on a flag, if somebody does. The flag must be loaded: a plain read may pass before the store
 * that is the reason to wake.
 */
function wake(words: Int32Array, flagWord: number): void {
  if (Atomics.load(words, flagWord) !== 1) return;
  // Swapped, so that one alone notifies.
  if (Atomics.compareExchange(words, flagWord, 1, 0) !== 1) return;
  // All: some may be left of waits that another cause has ended.
  Atomics.notify(words, flagWord);
}
