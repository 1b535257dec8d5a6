/**
 * How a thread reads a SharedVector of any shard.
 *
 * @module
 */

import type { FieldType, FieldValue } from "../../allocator/mod.ts";
import { type Endpoint, SENT_BY } from "../../shard/unstable_layers.ts";
import { headerBytes, shown, type Tenancy, WORD_BYTES } from "../header/mod.ts";
import {
  checkFrom,
  type ElementsOf,
  indexError,
  VectorElements,
  type VectorParts,
} from "./vector_elements.ts";
import { VectorTable } from "./vector_table.ts";

/** A vector as any shard reads it; made by a `SharedVectorType`. */
export class SharedVectorReader<Element extends FieldType>
  implements Iterable<FieldValue<Element>> {
  static {
    Object.defineProperty(this.prototype, SENT_BY, { value: "address" });
  }

  readonly #tenancy: Tenancy;
  readonly #table: VectorTable;
  readonly #elements: VectorElements<Element>;
  /** LENGTH as last loaded. Invariant: never ahead of LENGTH, so that what is below it is written. */
  #seen = 0;

  /** Made by a `SharedVectorType`. */
  constructor(
    endpoint: Endpoint,
    words: Int32Array<SharedArrayBuffer>,
    tenancy: Tenancy,
    parts: VectorParts<Element>,
  ) {
    const { layout: { endpointCount }, buffer } = endpoint;
    this.#tenancy = tenancy;
    this.#table = new VectorTable(
      words,
      (tenancy.address + headerBytes(endpointCount)) / WORD_BYTES,
    );
    this.#elements = new VectorElements(parts, buffer, this.#table);
  }

  /** Where the vector lies. */
  get address(): number {
    return this.#tenancy.address;
  }

  /**
   * How many elements the vector has now.
   *
   * @throws {ShardCrashedError} If the owner has died; StoppedError if the runtime has stopped.
   * @throws {StaleStructureError} If the owner has disposed of the vector.
   */
  get length(): number {
    if (this.#tenancy.why !== undefined) throw this.#tenancy.why;
    const length = this.#table.load();
    if (length < 0) throw this.#tenancy.ended();
    return this.#seen = length;
  }

  /**
   * An element: its value, or a view of it, which does not change. Some 5 ns below a length that was seen.
   *
   * @throws {RangeError} If there is none of that index. Also what `length` throws.
   */
  get(index: number): FieldValue<Element> {
    if (this.#tenancy.why !== undefined) throw this.#tenancy.why;
    if (!(index >= 0 && index < this.#seen && Math.floor(index) === index)) this.#lookFor(index);
    return this.#elements.get(index);
  }

  /**
   * The elements, of numbers and bigints, as typed arrays over the vector itself: a loop over one costs what
   * one over an own typed array does. They are good as long as this reader is; do not write to them.
   *
   * @param from The first element; the vector's first, unless given. The last one is what is the last now.
   * @throws {TypeError} If elements are of another kind, or the index is no number.
   * @throws {RangeError} If the index is not a whole number up to the length. Also what `length` throws.
   */
  pieces(from = 0): IterableIterator<ElementsOf<Element>> {
    const { length } = this;
    checkFrom(shown(this.#tenancy.definition), from, length);
    return this.#elements.pieces(from, length);
  }

  /** The elements that there are now, one by one. Throws what `length` throws. */
  [Symbol.iterator](): IterableIterator<FieldValue<Element>> {
    return this.#elements.values(0, this.length);
  }

  /** Ends the reading: lets go of the vector's memory, when all who asked for the reader have said so. */
  [Symbol.dispose](): void {
    this.#tenancy.leave();
  }

  /** Throws unless there is an element of that index by now. */
  #lookFor(index: number): void {
    const { length } = this;
    if (Number.isInteger(index) && index >= 0 && index < length) return;
    throw indexError(shown(this.#tenancy.definition), index, `below its length of ${length}`);
  }
}
