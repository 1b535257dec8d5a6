/**
 * How the elements of a SharedQueue lie in its slots, and how they come out: as values of their own, as the
 * slot is written again.
 *
 * @module
 */

import {
  type Allocator,
  array,
  type ArrayType,
  type ArrayView,
  type FieldInit,
  type FieldPlain,
  type FieldType,
} from "../../allocator/mod.ts";
import { checkElement, describeType, kindOf, WORD_BYTES } from "../header/mod.ts";

/** Writes and reads the elements of one queue. */
export interface QueueSlots<Element extends FieldType> {
  /** Writes an element, all of it; throws if it is refused. */
  write(slot: number, value: FieldInit<Element>): void;
  /** A copy of an element. */
  read(slot: number): FieldPlain<Element>;
}

/** The elements of one definition. */
export class QueueElements<Element extends FieldType> {
  /** Bytes of a slot. */
  readonly slotBytes: number;
  /** As both sides must have it. */
  readonly description: string;
  readonly #element: Element;
  readonly #maxBytes: number | undefined;

  /**
   * @param name Of the queue, for errors.
   * @throws {TypeError} If the element is not a field type, or `maxBytes` not what it takes.
   * @throws {RangeError} If `maxBytes` is out of range.
   */
  constructor(name: string, element: Element, maxBytes: number | undefined) {
    const isText = ["text", "bytes"].includes((Object(element) as Partial<FieldType>).kind ?? "");
    if (!isText) checkElement("SharedQueue", name, element);
    checkMaxBytes(name, element.name, isText, maxBytes);
    this.#element = element;
    this.#maxBytes = maxBytes;
    if (maxBytes === undefined) {
      this.slotBytes = element.byteLength;
      this.description = describeType(element);
    } else {
      this.slotBytes = Math.ceil((WORD_BYTES + maxBytes) / 8) * 8;
      this.description = `${element.name} of ${maxBytes} bytes`;
    }
  }

  /** Those of one queue. */
  at(allocator: Allocator, address: number, slotCount: number): QueueSlots<Element> {
    // Casts, as the kind of an element says what its type is, and not the other way round.
    if (this.#maxBytes === undefined) {
      const type = array(this.#element as FieldType, slotCount);
      return new PlainSlots(allocator, address, type) as unknown as QueueSlots<Element>;
    }
    const { slotBytes } = this;
    const slots = this.#element.kind === "text"
      ? new TextSlots(allocator, address, slotBytes, this.#maxBytes)
      : new BytesSlots(allocator, address, slotBytes, this.#maxBytes);
    return slots as unknown as QueueSlots<Element>;
  }
}

/** Elements of a fixed length. */
class PlainSlots {
  readonly #view: ArrayView<FieldType>;
  /** The slots in words, or in bytes where an element is no whole number of words. */
  readonly #units: Int32Array | Uint8Array;
  readonly #unitsOfEach: number;
  readonly #isView: boolean;

  constructor(allocator: Allocator, address: number, type: ArrayType<FieldType>) {
    const { kind, byteLength } = type.element;
    this.#view = type.at(allocator, address);
    this.#isView = kind !== "scalar" && kind !== "pointer";
    const isWords = byteLength % WORD_BYTES === 0;
    this.#units = isWords
      ? new Int32Array(allocator.buffer, address, type.byteLength / WORD_BYTES)
      : new Uint8Array(allocator.buffer, address, type.byteLength);
    this.#unitsOfEach = isWords ? byteLength / WORD_BYTES : byteLength;
  }

  write(slot: number, value: unknown): void {
    if (this.#isView) {
      // A struct may be given without some of its fields, which are not to be those of a former element.
      const units = this.#units;
      const end = (slot + 1) * this.#unitsOfEach;
      for (let unit = slot * this.#unitsOfEach; unit < end; unit++) units[unit] = 0;
    }
    this.#view.set(slot, value as never);
  }

  read(slot: number): unknown {
    const value: unknown = this.#view.get(slot);
    return this.#isView ? (value as ArrayView<FieldType>).toJSON() : value;
  }
}

/** Text, as UTF-8 behind its length. */
class TextSlots {
  readonly #allocator: Allocator;
  readonly #lengths: SlotLengths;
  readonly #maxBytes: number;

  constructor(allocator: Allocator, address: number, slotBytes: number, maxBytes: number) {
    this.#allocator = allocator;
    this.#lengths = new SlotLengths(allocator.buffer, address, slotBytes);
    this.#maxBytes = maxBytes;
  }

  write(slot: number, value: unknown): void {
    if (typeof value !== "string") throw kindError(value, "a string");
    const address = this.#lengths.address(slot);
    this.#lengths.set(slot, this.#allocator.writeText(address, this.#maxBytes, value));
  }

  read(slot: number): string {
    return this.#allocator.readText(this.#lengths.address(slot), this.#lengths.get(slot));
  }
}

/** Bytes, behind their length. */
class BytesSlots {
  readonly #bytes: Uint8Array;
  readonly #lengths: SlotLengths;
  readonly #maxBytes: number;

  constructor(allocator: Allocator, address: number, slotBytes: number, maxBytes: number) {
    this.#bytes = new Uint8Array(allocator.buffer);
    this.#lengths = new SlotLengths(allocator.buffer, address, slotBytes);
    this.#maxBytes = maxBytes;
  }

  write(slot: number, value: unknown): void {
    if (!(value instanceof Uint8Array)) throw kindError(value, "a Uint8Array");
    const { byteLength } = value;
    if (byteLength > this.#maxBytes) {
      throw new RangeError(
        `Cannot push ${byteLength} bytes to a SharedQueue: expected ${this.#maxBytes} at most, its maxBytes`,
      );
    }
    this.#bytes.set(value, this.#lengths.address(slot));
    this.#lengths.set(slot, byteLength);
  }

  read(slot: number): Uint8Array<ArrayBuffer> {
    const address = this.#lengths.address(slot);
    const copy = new Uint8Array(this.#lengths.get(slot));
    copy.set(this.#bytes.subarray(address, address + copy.length));
    return copy;
  }
}

/** The lengths of elements that have one, in the first word of their slots. */
class SlotLengths {
  readonly #words: Uint32Array;
  readonly #address: number;
  readonly #slotBytes: number;

  constructor(buffer: SharedArrayBuffer, address: number, slotBytes: number) {
    this.#words = new Uint32Array(buffer, 0, Math.floor(buffer.byteLength / WORD_BYTES));
    this.#address = address;
    this.#slotBytes = slotBytes;
  }

  /** Where the element begins, behind its length. */
  address(slot: number): number {
    return this.#address + slot * this.#slotBytes + WORD_BYTES;
  }

  get(slot: number): number {
    return this.#words[this.address(slot) / WORD_BYTES - 1]!;
  }

  set(slot: number, length: number): void {
    this.#words[this.address(slot) / WORD_BYTES - 1] = length;
  }
}

function checkMaxBytes(name: string, element: string, isText: boolean, maxBytes: unknown): void {
  const start = `Cannot define SharedQueue ${name} of ${element} with maxBytes`;
  if (!isText) {
    if (maxBytes === undefined) return;
    throw new TypeError(`${start}: its elements have a fixed length`);
  }
  if (typeof maxBytes !== "number") {
    throw new TypeError(
      `${start} that is ${kindOf(maxBytes)}: expected how long an element may be`,
    );
  }
  if (Number.isInteger(maxBytes) && maxBytes >= 1 && maxBytes <= MOST_ELEMENT_BYTES) return;
  throw new RangeError(
    `${start} of ${maxBytes}: expected a whole number from 1 to ${MOST_ELEMENT_BYTES}`,
  );
}

/** Longer ones are better sent by their address. */
const MOST_ELEMENT_BYTES = 2 ** 20;

function kindError(value: unknown, expected: string): TypeError {
  return new TypeError(`Cannot push ${kindOf(value)} to a SharedQueue: expected ${expected}`);
}
