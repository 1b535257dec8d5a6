/**
 * The side of a SharedQueue that takes elements out.
 *
 * @module
 */

import type { FieldPlain, FieldType } from "../../allocator/mod.ts";
import { kindOf } from "../header/mod.ts";
import type { QueueSlots } from "./queue_elements.ts";
import type { QueueReader } from "./queue_ring.ts";
import type { QueueSide } from "./queue_side.ts";

/** The consumer of a queue, of which there is one; made by a `SharedQueueType`. */
export class QueueConsumer<Element extends FieldType>
  implements AsyncIterable<FieldPlain<Element>> {
  readonly #side: QueueSide;
  readonly #ring: QueueReader;
  readonly #slots: QueueSlots<Element>;

  /** Made by a `SharedQueueType`. */
  constructor(side: QueueSide, ring: QueueReader, slots: QueueSlots<Element>) {
    this.#side = side;
    this.#ring = ring;
    this.#slots = slots;
  }

  /**
   * Takes the oldest element out; undefined if there is none, or others wait for one. Structs and arrays come
   * as plain data.
   *
   * @throws {ShardCrashedError} If the owner has died; where the queue is empty, also if the producer has.
   * @throws {StaleStructureError} If the owner has disposed of the queue, which shows where it is empty.
   */
  tryPop(): FieldPlain<Element> | undefined {
    this.#side.check();
    return this.#side.isWaiting ? undefined : this.#take();
  }

  /**
   * Takes elements out, the oldest first, as many as there are, up to `limit`. That takes far less time than
   * one by one.
   *
   * @throws What `tryPop()` throws.
   */
  tryPopMany(limit: number): FieldPlain<Element>[] {
    checkLimit(limit);
    this.#side.check();
    return this.#side.isWaiting ? [] : this.#takeMany(limit);
  }

  /**
   * Takes the oldest element out, and waits for one if there is none. Elements go to these calls in their
   * order.
   *
   * @returns The element; undefined when the queue is closed and empty.
   * @throws What `tryPop()` throws, as a rejection.
   */
  async pop(): Promise<FieldPlain<Element> | undefined> {
    this.#side.check();
    if (!this.#side.isWaiting) {
      const element = this.#take();
      if (element !== undefined) return element;
    }
    return await this.#side.inTurn(async () => {
      const [element] = await this.#popMany(1);
      return element;
    });
  }

  /**
   * Takes elements out, up to `limit`, and waits for one if there is none.
   *
   * @returns The elements, at least one; none when the queue is closed and empty.
   * @throws What `tryPop()` throws, as a rejection.
   */
  async popMany(limit: number): Promise<FieldPlain<Element>[]> {
    checkLimit(limit);
    return await this.#side.inTurn(() => this.#popMany(limit));
  }

  /** Whether the queue is closed, and all that was in it is taken. */
  get isOver(): boolean {
    this.#side.check();
    return this.#ring.isOver();
  }

  /**
   * All elements to come, until the queue is closed: `for await (const element of consumer)`. A loop that ends
   * early leaves the rest in the queue.
   *
   * @throws What `tryPop()` throws.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<FieldPlain<Element>, void> {
    for (;;) {
      const element = this.tryPop() ?? await this.pop();
      if (element === undefined) return;
      yield element;
    }
  }

  /**
   * Takes no more, and lets go of the queue: the producer's pushes fail from now on, and what waits for an
   * element is rejected with a TypeError.
   */
  [Symbol.dispose](): void {
    if (!this.#side.leave()) return;
    if (this.#side.isThere) this.#ring.leave();
    this.#side.letGo();
  }

  /** Throws why there will be no element, if so. */
  #checkProducer(): void {
    if (this.#ring.isOver()) return; // its end is all that it has to give
    this.#side.checkDisposed();
    const why = this.#side.whyOtherIsGone();
    // What a producer has put in before it died comes first.
    if (why !== undefined && this.#ring.peek() < 0) throw why;
  }

  #take(): FieldPlain<Element> | undefined {
    const slot = this.#ring.peek();
    if (slot < 0) {
      this.#checkProducer();
      return undefined;
    }
    const element = this.#slots.read(slot);
    this.#ring.release();
    this.#ring.publish();
    return element;
  }

  #takeMany(limit: number): FieldPlain<Element>[] {
    const elements: FieldPlain<Element>[] = [];
    while (elements.length < limit) {
      const slot = this.#ring.peek();
      if (slot < 0) break;
      elements.push(this.#slots.read(slot));
      this.#ring.release();
    }
    if (elements.length > 0) this.#ring.publish();
    else this.#checkProducer();
    return elements;
  }

  async #popMany(limit: number): Promise<FieldPlain<Element>[]> {
    for (;;) {
      this.#side.check();
      const elements = this.#takeMany(limit);
      if (elements.length > 0 || this.#ring.isOver()) return elements;
      if (this.#ring.mayWait()) await this.#side.sleep();
    }
  }
}

function checkLimit(limit: unknown): void {
  if (typeof limit !== "number") {
    throw new TypeError(`Cannot pop ${kindOf(limit)} of a SharedQueue: expected how many elements`);
  }
  if (Number.isInteger(limit) && limit >= 1) return;
  throw new RangeError(
    `Cannot pop ${limit} elements of a SharedQueue: expected a whole number from 1`,
  );
}
