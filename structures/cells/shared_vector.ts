/**
 * A list that its owner appends to and every shard reads: what vector_table.ts does, with elements.
 *
 * @module
 */

import type { ArrayView, FieldInit, FieldType, FieldValue } from "../../allocator/mod.ts";
import { Runtime } from "../../shard/mod.ts";
import { type Endpoint, SENT_BY } from "../../shard/unstable_layers.ts";
import {
  checkElement,
  checkName,
  type Definition,
  describeType,
  endpointOf,
  headerBytes,
  makeBlock,
  publishHeader,
  shown,
  Tenancies,
  WORD_BYTES,
  writeHeader,
} from "../header/mod.ts";
import { SharedVectorReader } from "./shared_vector_reader.ts";
import { StaleStructureError } from "../readers/mod.ts";
import {
  checkFrom,
  type ElementsOf,
  indexError,
  VectorElements,
  VectorParts,
} from "./vector_elements.ts";
import { DIRECTORY_BYTES, vectorBytes } from "./vector_layout.ts";
import { VectorTable } from "./vector_table.ts";

/** How a vector is defined, for owner and readers. Made by {@linkcode sharedVector}. */
export class SharedVectorType<Element extends FieldType> {
  readonly #definition: Definition;
  readonly #parts: VectorParts<Element>;

  /** Made by {@linkcode sharedVector}. */
  constructor(name: string, element: Element) {
    this.#definition = { kind: "SharedVector", text: `${name} of ${describeType(element)}` };
    this.#parts = new VectorParts(element);
  }

  /**
   * Makes a vector without elements in this shard's slice, which this thread owns; on the host, in the
   * host's slice.
   *
   * @param runtime The runtime, on its host; on a shard, left out.
   * @throws {TypeError} If this thread is not a shard, and no runtime is given.
   * @throws {BadAllocError} If there is no room.
   */
  make(runtime?: Runtime): SharedVector<Element> {
    return new SharedVector(endpointOf(runtime), this.#definition, this.#parts);
  }

  /**
   * Begins to read a vector of any shard from this one. Of one vector a thread has one reader, however often
   * it asks; dispose of it as often.
   *
   * @param address `address` of the vector, which must not be disposed of.
   * @throws {TypeError} If this thread is not a shard, and no runtime is given; if something else lies there.
   * @throws {RangeError} If no structure begins there.
   * @throws {ShardCrashedError} If its owner has died.
   */
  reader(address: number): SharedVectorReader<Element>;
  /** Begins to read a vector of a shard from the host. */
  reader(runtime: Runtime, address: number): SharedVectorReader<Element>;
  reader(first: Runtime | number, second?: number): SharedVectorReader<Element> {
    const isHost = first instanceof Runtime;
    const endpoint = endpointOf(isHost ? first : undefined);
    const tenancies = endpoint.part(Tenancies);
    const tenancy = tenancies.open(isHost ? second! : first, this.#definition);
    tenancy.user ??= new SharedVectorReader(endpoint, tenancies.words, tenancy, this.#parts);
    return tenancy.user as SharedVectorReader<Element>;
  }
}

/**
 * Defines a vector: a list that its owner appends to, and that every shard reads where it lies. What was
 * appended does not change or move any more.
 *
 * Write the definition in a module that both sides import. Send `vector.address`, a number.
 *
 * @param name Of the vector, for errors.
 * @param element The type of an element: a number, a boolean, `string(n)`, an array of these, or a struct
 * that owns no text or bytes.
 * @throws {TypeError} If the name is not text, or the type not such a one.
 *
 * @example
 * ```ts ignore
 * // samples.ts
 * import { defineTasks, f64 } from "@tidepool/core";
 * import { sharedVector } from "@tidepool/core/structures";
 *
 * export const Samples = sharedVector("Samples", f64);
 *
 * export const sensors = defineTasks(import.meta.url, {
 *   open(count: number) {
 *     const samples = Samples.make(); // keep it, to append more
 *     samples.pushMany(Array.from({ length: count }, (_, i) => i / 2));
 *     return samples.address;
 *   },
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 * import { Samples, sensors } from "./samples.ts";
 *
 * await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
 * using samples = Samples.reader(runtime, await runtime.submitTo(0, sensors.open, 1000));
 * assertEquals([samples.length, samples.get(999)], [1000, 499.5]); // no message
 * let sum = 0;
 * for (const piece of samples.pieces()) for (const value of piece) sum += value; // typed arrays
 * assertEquals(sum, 249_750);
 * ```
 */
export function sharedVector<Element extends FieldType>(
  name: string,
  element: Element,
): SharedVectorType<Element> {
  checkName("SharedVector", name);
  checkElement("SharedVector", name, element);
  return new SharedVectorType(name, element);
}

/** A list that its owner appends to. The owner's side; made by a {@linkcode SharedVectorType}. */
export class SharedVector<Element extends FieldType> implements Iterable<FieldValue<Element>> {
  static {
    Object.defineProperty(this.prototype, SENT_BY, { value: "address" });
  }

  readonly #address: number;
  readonly #endpoint: Endpoint;
  readonly #definition: Definition;
  readonly #parts: VectorParts<Element>;
  readonly #table: VectorTable;
  readonly #elements: VectorElements<Element>;
  /** The piece that the next element goes to, and the elements that it has. */
  #last: ArrayView<Element> | undefined;
  #lastStart = 0;
  #lastEnd = 0;
  #length = 0;
  #pieceCount = 0;
  #isAppending = false;
  #isDisposed = false;

  /** Made by a {@linkcode SharedVectorType}. */
  constructor(endpoint: Endpoint, definition: Definition, parts: VectorParts<Element>) {
    const { endpointCount } = endpoint.layout;
    const { words } = endpoint.part(Tenancies);
    const address = makeBlock(endpoint, vectorBytes(endpointCount), shown(definition));
    this.#address = address;
    this.#endpoint = endpoint;
    this.#definition = definition;
    this.#parts = parts;
    this.#table = new VectorTable(words, (address + headerBytes(endpointCount)) / WORD_BYTES);
    this.#elements = new VectorElements(parts, endpoint.buffer, this.#table);
    writeHeader(words, address, definition);
    publishHeader(words, address);
  }

  /** Where it lies: what readers are given. */
  get address(): number {
    return this.#address;
  }

  /** How many elements it has. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends an element, which readers see from now on. For many, `pushMany()` takes less time.
   *
   * @throws {TypeError} If the value is of the wrong kind. Whatever is thrown, nothing is appended.
   * @throws {RangeError} If it is out of range, or the vector is as long as one can be.
   * @throws {BadAllocError} If there is no room for another piece.
   */
  push(value: FieldInit<Element>): void {
    this.#append(value);
    this.#table.publish(this.#length);
  }

  /**
   * Appends elements, which readers see all at once at the end.
   *
   * @returns How many there were.
   * @throws What `push()` throws: then those before the one that is refused are appended.
   */
  pushMany(values: Iterable<FieldInit<Element>>): number {
    let count = 0;
    try {
      for (const value of values) {
        this.#append(value);
        count++;
      }
    } finally {
      // What gives the values may have disposed of it.
      if (count > 0 && !this.#isDisposed) this.#table.publish(this.#length);
    }
    return count;
  }

  /**
   * An element: its value, or a view of it.
   *
   * @throws {RangeError} If there is none of that index.
   */
  get(index: number): FieldValue<Element> {
    this.#expectThere("read");
    if (!(index >= 0 && index < this.#length && Math.floor(index) === index)) {
      throw indexError(shown(this.#definition), index, `below its length of ${this.#length}`);
    }
    return this.#elements.get(index);
  }

  /** The elements, of numbers and bigints, as typed arrays: as `SharedVectorReader.pieces()`. */
  pieces(from = 0): IterableIterator<ElementsOf<Element>> {
    this.#expectThere("read");
    checkFrom(shown(this.#definition), from, this.#length);
    return this.#elements.pieces(from, this.#length);
  }

  /** The elements that there are now, one by one. */
  [Symbol.iterator](): IterableIterator<FieldValue<Element>> {
    this.#expectThere("read");
    return this.#elements.values(0, this.#length);
  }

  /**
   * Ends the vector: whoever asks for its length gets a StaleStructureError. The memory is freed when every reader
   * has had it, or was disposed of, or its shard has ended.
   *
   * @throws {TypeError} By a getter of what is just being appended.
   */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    if (this.#isAppending) {
      throw new TypeError(
        `Cannot dispose of ${shown(this.#definition)}: an element is just being appended`,
      );
    }
    this.#isDisposed = true;
    this.#lastEnd = 0; // the next element asks for a piece, and is refused
    this.#table.end();
    this.#endpoint.part(Tenancies).dispose(this.#address, () => this.#free());
  }

  #append(value: FieldInit<Element>): void {
    if (this.#length >= this.#lastEnd) this.#grow();
    if (this.#isAppending) {
      throw new TypeError(
        `Cannot append to ${shown(this.#definition)}: another element is just being appended`,
      );
    }
    const index = this.#length - this.#lastStart;
    this.#isAppending = true;
    try {
      this.#last!.set(index, value);
    } catch (error) {
      // Fields that were written would be those of the next element, if that leaves them out.
      const { byteLength } = this.#parts.element;
      const address = this.#last!.address + index * byteLength;
      this.#endpoint.allocator.bytes(address, byteLength).fill(0);
      throw error;
    } finally {
      this.#isAppending = false;
    }
    this.#length++;
  }

  #grow(): void {
    this.#expectThere("append to");
    const { shape } = this.#parts;
    const piece = shape.pieceOf(this.#length);
    if (piece >= this.#pieceCount) this.#addPiece(piece);
    this.#last = this.#elements.piece(piece);
    this.#lastStart = shape.start(piece);
    this.#lastEnd = this.#lastStart + shape.lengthOf(piece);
  }

  #addPiece(piece: number): void {
    const { shape, element } = this.#parts;
    const what = shown(this.#definition);
    if (this.#length >= shape.mostElements) {
      throw new RangeError(
        `Cannot append to ${what}: it has ${this.#length} elements, as many as one can have`,
      );
    }
    const directory = this.#table.missingDirectory(piece);
    if (directory >= 0) {
      this.#table.setDirectory(directory, makeBlock(this.#endpoint, DIRECTORY_BYTES, what));
    }
    const address = makeBlock(this.#endpoint, shape.lengthOf(piece) * element.byteLength, what);
    this.#table.setPiece(piece, address);
    this.#pieceCount = piece + 1;
  }

  #expectThere(what: string): void {
    if (!this.#isDisposed) return;
    throw new StaleStructureError(
      `Cannot ${what} ${shown(this.#definition)}: it was disposed of`,
      this.#endpoint.id,
    );
  }

  #free(): void {
    const { allocator } = this.#endpoint;
    for (let piece = 0; piece < this.#pieceCount; piece++) {
      allocator.free(this.#table.piece(piece));
    }
    for (let directory = 0; this.#table.directory(directory) !== 0; directory++) {
      allocator.free(this.#table.directory(directory));
    }
    allocator.free(this.#address);
  }
}
