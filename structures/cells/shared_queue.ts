/**
 * A queue from one shard to another: what queue_ring.ts does, with elements, and with waiting.
 *
 * @module
 */

import type { FieldType } from "../../allocator/mod.ts";
import { Runtime } from "../../shard/mod.ts";
import { type Endpoint, SENT_BY } from "../../shard/unstable_layers.ts";
import {
  checkName,
  type Definition,
  endpointOf,
  kindOf,
  makeBlock,
  publishHeader,
  shown,
  Tenancies,
  WORD_BYTES,
  writeHeader,
} from "../header/mod.ts";
import { QueueConsumer } from "./queue_consumer.ts";
import { QueueElements } from "./queue_elements.ts";
import { MOST_CAPACITY, QueueLayout } from "./queue_layout.ts";
import { QueueProducer } from "./queue_producer.ts";
import { endQueue, QueueReader, QueueWriter } from "./queue_ring.ts";
import { QueueSide } from "./queue_side.ts";

/** What a queue holds, and how much of it. */
export interface SharedQueueOptions<Element extends FieldType> {
  /**
   * The type of an element: a number, a boolean, `string(n)`, an array of these, or a struct that owns no text
   * or bytes; or `text()` or `bytes()`, which lie in the queue itself.
   */
  readonly element: Element;
  /** How many elements there is room for: 1 to 2^24. */
  readonly capacity: number;
  /** How many bytes an element of `text()`, as UTF-8, or of `bytes()` may have, up to a MiB; for these alone. */
  readonly maxBytes?: number;
}

/** How a queue is defined, for all sides. Made by {@linkcode sharedQueue}. */
export class SharedQueueType<Element extends FieldType> {
  readonly #definition: Definition;
  readonly #elements: QueueElements<Element>;
  readonly #capacity: number;

  /** Made by {@linkcode sharedQueue}. */
  constructor(name: string, { element, capacity, maxBytes }: SharedQueueOptions<Element>) {
    this.#elements = new QueueElements(name, element, maxBytes);
    this.#capacity = capacity;
    const text = `${name} of ${capacity} ${this.#elements.description}`;
    this.#definition = { kind: "SharedQueue", text };
  }

  /**
   * Makes a queue in this shard's slice; on the host, in the host's slice. Who makes it need be neither its
   * producer nor its consumer.
   *
   * @param runtime The runtime, on its host; on a shard, left out.
   * @throws {TypeError} If this thread is not a shard, and no runtime is given.
   * @throws {BadAllocError} If there is no room.
   */
  make(runtime?: Runtime): SharedQueue {
    const endpoint = endpointOf(runtime);
    return new SharedQueue(endpoint, this.#definition, this.#layoutFor(endpoint));
  }

  /**
   * Makes this thread the producer of a queue. There is one alone, for the life of the queue.
   *
   * @param address `address` of the queue, which must not be disposed of.
   * @throws {TypeError} If there is or was another producer; if this thread is not a shard, and no runtime is
   * given; if something else lies there.
   * @throws {RangeError} If no structure begins there.
   * @throws {ShardCrashedError} If the queue's owner has died.
   */
  producer(address: number): QueueProducer<Element>;
  /** Makes the host the producer of a queue. */
  producer(runtime: Runtime, address: number): QueueProducer<Element>;
  producer(first: Runtime | number, second?: number): QueueProducer<Element> {
    const { endpoint, words, at, side, layout, slotsAddress } = this.#open(
      "producer",
      first,
      second,
    );
    const ring = new QueueWriter(words, at, this.#capacity, layout.slotCount);
    const slots = this.#elements.at(endpoint.allocator, slotsAddress, layout.slotCount);
    return new QueueProducer(side, ring, slots);
  }

  /** Makes this thread the consumer of a queue, of which there is one alone. Throws what `producer()` throws. */
  consumer(address: number): QueueConsumer<Element>;
  /** Makes the host the consumer of a queue. */
  consumer(runtime: Runtime, address: number): QueueConsumer<Element>;
  consumer(first: Runtime | number, second?: number): QueueConsumer<Element> {
    const { endpoint, words, at, side, layout, slotsAddress } = this.#open(
      "consumer",
      first,
      second,
    );
    const ring = new QueueReader(words, at, layout.slotCount);
    const slots = this.#elements.at(endpoint.allocator, slotsAddress, layout.slotCount);
    return new QueueConsumer(side, ring, slots);
  }

  #layoutFor(endpoint: Endpoint): QueueLayout {
    const { endpointCount } = endpoint.layout;
    return new QueueLayout(endpointCount, this.#capacity, this.#elements.slotBytes);
  }

  #open(name: "producer" | "consumer", first: Runtime | number, second: number | undefined) {
    const isHost = first instanceof Runtime;
    const endpoint = endpointOf(isHost ? first : undefined);
    const tenancies = endpoint.part(Tenancies);
    const { words } = tenancies;
    const tenancy = tenancies.open(isHost ? second! : first, this.#definition);
    const layout = this.#layoutFor(endpoint);
    const at = (tenancy.address + layout.wordsBytes) / WORD_BYTES;
    const side = new QueueSide(endpoint, words, at, tenancy, name);
    return { endpoint, words, at, side, layout, slotsAddress: tenancy.address + layout.slotsBytes };
  }
}

/**
 * Defines a queue: from one producer to one consumer, each on any shard or the host, with room for so many
 * elements. Neither sends a message; each waits for the other without blocking its thread.
 *
 * Write the definition in a module that all sides import. Send `queue.address`, a number.
 *
 * @param name Of the queue, for errors.
 * @param options What it holds.
 * @throws {TypeError} If the name is not text, the element not such a type, or an option of the wrong kind.
 * @throws {RangeError} If `capacity` or `maxBytes` is out of range.
 *
 * @example
 * ```ts ignore
 * // lines.ts
 * import { defineTasks } from "@tidepool/core";
 * import { text } from "@tidepool/core/allocator";
 * import { sharedQueue } from "@tidepool/core/structures";
 *
 * export const Lines = sharedQueue("Lines", { element: text(), capacity: 1024, maxBytes: 200 });
 *
 * export const counters = defineTasks(import.meta.url, {
 *   async countWords(address: number) {
 *     using lines = Lines.consumer(address);
 *     let words = 0;
 *     for await (const line of lines) words += line.split(" ").length;
 *     return words; // the producer has closed the queue
 *   },
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 * import { counters, Lines } from "./lines.ts";
 *
 * await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
 * using queue = Lines.make(runtime);
 * const words = runtime.submitTo(0, counters.countWords, queue.address);
 * {
 *   using lines = Lines.producer(runtime, queue.address); // closes the queue at the end
 *   await lines.push("the sea at ebb"); // waits while the queue is full
 *   await lines.push("and at flood");
 * }
 * assertEquals(await words, 7);
 * ```
 */
export function sharedQueue<Element extends FieldType>(
  name: string,
  options: SharedQueueOptions<Element>,
): SharedQueueType<Element> {
  checkName("SharedQueue", name);
  const start = `Cannot define SharedQueue ${name}`;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${start} by ${kindOf(options)}: expected an object of options`);
  }
  const { capacity } = options;
  if (typeof capacity !== "number") {
    throw new TypeError(`${start} with a capacity that is ${kindOf(capacity)}: expected a number`);
  }
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > MOST_CAPACITY) {
    throw new RangeError(
      `${start} with a capacity of ${capacity}: expected a whole number from 1 to ${MOST_CAPACITY}`,
    );
  }
  return new SharedQueueType(name, options);
}

/** A queue, as its owner has it: to dispose of it. Made by a {@linkcode SharedQueueType}. */
export class SharedQueue {
  static {
    Object.defineProperty(this.prototype, SENT_BY, { value: "address" });
  }

  readonly #endpoint: Endpoint;
  readonly #address: number;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #at: number;
  #isDisposed = false;

  /** Made by a {@linkcode SharedQueueType}. */
  constructor(endpoint: Endpoint, definition: Definition, layout: QueueLayout) {
    const { words } = endpoint.part(Tenancies);
    const address = makeBlock(endpoint, layout.byteLength, shown(definition));
    this.#endpoint = endpoint;
    this.#address = address;
    this.#words = words;
    this.#at = (address + layout.wordsBytes) / WORD_BYTES;
    writeHeader(words, address, definition);
    publishHeader(words, address);
  }

  /** Where it lies: what producer and consumer are given. */
  get address(): number {
    return this.#address;
  }

  /**
   * Ends the queue: a side that waits, and then each that has nothing more to do, gets a StaleStructureError. The
   * memory is freed when both sides have had it, or were disposed of, or their shards have ended. Both may
   * have come to their end before.
   */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    endQueue(this.#words, this.#at);
    this.#endpoint.part(Tenancies).dispose(this.#address);
  }
}
