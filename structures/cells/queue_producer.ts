/**
 * The side of a SharedQueue that puts elements in.
 *
 * @module
 */

import type { FieldInit, FieldType } from "../../allocator/mod.ts";
import { QueueClosedError } from "./errors.ts";
import type { QueueSlots } from "./queue_elements.ts";
import type { QueueWriter } from "./queue_ring.ts";
import type { QueueSide } from "./queue_side.ts";

/** What `push()` gives where there was room. */
const DONE: Promise<void> = Promise.resolve();

/** The producer of a queue, of which there is one; made by a `SharedQueueType`. */
export class QueueProducer<Element extends FieldType> {
  readonly #side: QueueSide;
  readonly #ring: QueueWriter;
  readonly #slots: QueueSlots<Element>;
  #isClosed = false;
  #isWriting = false;

  /** Made by a `SharedQueueType`. */
  constructor(side: QueueSide, ring: QueueWriter, slots: QueueSlots<Element>) {
    this.#side = side;
    this.#ring = ring;
    this.#slots = slots;
  }

  /**
   * Puts an element in if there is room. The consumer sees it at once.
   *
   * @returns False if the queue is full, or others wait for room.
   * @throws {TypeError} If the value is of the wrong kind. Whatever is thrown, nothing was put in.
   * @throws {RangeError} If it is out of range, or too long.
   * @throws {QueueClosedError} If the queue was closed; where it is full, also if its consumer has left.
   * @throws {ShardCrashedError} If the owner has died; where it is full, also if the consumer has.
   * @throws {StaleStructureError} If the owner has disposed of the queue, which shows where it is full.
   */
  tryPush(value: FieldInit<Element>): boolean {
    this.#check();
    return !this.#side.isWaiting && this.#put(value);
  }

  /**
   * Puts elements in, as many as there is room for. The consumer sees them all at once, which takes far less
   * time than one by one.
   *
   * @returns How many it has taken of `values`, from the first on.
   * @throws What `tryPush()` throws: then those before the one that is refused are in the queue.
   */
  tryPushMany(values: readonly FieldInit<Element>[]): number {
    this.#check();
    return this.#side.isWaiting ? 0 : this.#putMany(values, 0);
  }

  /**
   * Puts an element in, and waits for room first if need be. Elements are in the queue in the order of these
   * calls.
   *
   * @throws What `tryPush()` throws, as a rejection, and at once what the end of the consumer means.
   */
  push(value: FieldInit<Element>): Promise<void> {
    try {
      this.#check();
      if (!this.#side.isWaiting && this.#put(value)) return DONE;
    } catch (error) {
      return rejectLater(error);
    }
    return this.#side.inTurn(() => this.#pushNow(value));
  }

  /**
   * Puts all elements in, as there is room, in batches.
   *
   * @throws What `push()` throws: then those before the one that is refused are in the queue.
   */
  pushMany(values: readonly FieldInit<Element>[]): Promise<void> {
    return this.#side.inTurn(async () => {
      for (let done = 0; done < values.length;) {
        this.#check();
        const taken = this.#putMany(values, done);
        done += taken;
        if (taken === 0) await this.#untilRoom();
      }
    });
  }

  /**
   * Puts no more in: the consumer gets what is in the queue, and then its end. What waits for room comes
   * first. May be called again.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#side.check();
    if (this.#side.isWaiting) {
      await this.#side.inTurn(() => DONE);
      this.#side.check();
    }
    this.#close();
  }

  /** Closes the queue at once, and lets go of it. What waits for room is rejected with a TypeError. */
  [Symbol.dispose](): void {
    if (!this.#side.leave()) return;
    if (this.#side.isThere) this.#close();
    this.#side.letGo();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ring.close();
  }

  #check(): void {
    this.#side.check();
    if (this.#isClosed) {
      throw new QueueClosedError(`Cannot push to ${this.#side.queue}: it was closed`);
    }
    if (this.#isWriting) {
      throw new TypeError(
        `Cannot push to ${this.#side.queue}: another element is just being written`,
      );
    }
  }

  /** Throws why there will be no room, if so. */
  #checkConsumer(): void {
    this.#side.checkDisposed();
    if (this.#ring.hasLeft) {
      throw new QueueClosedError(`Cannot push to ${this.#side.queue}: its consumer has left`);
    }
    const why = this.#side.whyOtherIsGone();
    if (why !== undefined) throw why;
  }

  #put(value: FieldInit<Element>): boolean {
    const slot = this.#ring.tryReserve();
    if (slot < 0) {
      this.#checkConsumer();
      return false;
    }
    this.#write(slot, value);
    this.#ring.publish();
    return true;
  }

  #putMany(values: readonly FieldInit<Element>[], from: number): number {
    let at = from;
    try {
      for (; at < values.length; at++) {
        const slot = this.#ring.tryReserve();
        if (slot < 0) break;
        this.#write(slot, values[at]!);
      }
    } finally {
      this.#ring.publish();
    }
    if (at === from && values.length > from) this.#checkConsumer();
    return at - from;
  }

  #write(slot: number, value: FieldInit<Element>): void {
    this.#isWriting = true;
    try {
      this.#slots.write(slot, value);
    } finally {
      this.#isWriting = false;
    }
    this.#side.check(); // a getter of the value may have disposed of the queue
    this.#ring.commit();
  }

  async #pushNow(value: FieldInit<Element>): Promise<void> {
    for (;;) {
      this.#check();
      if (this.#put(value)) return;
      await this.#untilRoom();
    }
  }

  async #untilRoom(): Promise<void> {
    if (this.#ring.mayWait()) await this.#side.sleep();
  }
}

/** Rejects when its receiver has had the time to handle that. */
async function rejectLater(error: unknown): Promise<never> {
  await undefined;
  throw error;
}
