/**
 * The elements of a SharedVector, as owner and readers see them alike: which piece one is in, and a view of
 * that.
 *
 * @module
 */

import {
  array,
  type ArrayType,
  type ArrayView,
  type FieldType,
  type FieldValue,
} from "../../allocator/mod.ts";
import { kindOf } from "../header/mod.ts";
import { VectorShape } from "./vector_layout.ts";
import type { VectorTable } from "./vector_table.ts";

/** The typed array that holds many elements of a type; `never` if there is none. */
export type ElementsOf<Element> = ArrayView<Element>["elements"];

/** What the vectors of one definition have in common. */
export class VectorParts<Element extends FieldType> {
  /** The type of an element. */
  readonly element: Element;
  /** How elements are divided into pieces. */
  readonly shape: VectorShape;
  readonly #types = new Map<number, ArrayType<Element>>();

  constructor(element: Element) {
    this.element = element;
    this.shape = new VectorShape(element.byteLength);
  }

  /** The type of a piece. */
  typeOf(piece: number): ArrayType<Element> {
    const length = this.shape.lengthOf(piece);
    let type = this.#types.get(length);
    if (type === undefined) {
      type = array(this.element, length);
      this.#types.set(length, type);
    }
    return type;
  }
}

/** The elements of one vector on one thread. */
export class VectorElements<Element extends FieldType> {
  readonly #parts: VectorParts<Element>;
  readonly #buffer: SharedArrayBuffer;
  readonly #table: VectorTable;
  /** Views of the pieces that were looked at. */
  readonly #views: (ArrayView<Element> | undefined)[] = [];
  /** The piece that was looked at last: its view, and the elements that it has. */
  #view: ArrayView<Element> | undefined;
  #start = 0;
  #end = 0;

  constructor(parts: VectorParts<Element>, buffer: SharedArrayBuffer, table: VectorTable) {
    this.#parts = parts;
    this.#buffer = buffer;
    this.#table = table;
  }

  /** The element at a whole number below the length. */
  get(index: number): FieldValue<Element> {
    if (index < this.#start || index >= this.#end) this.#moveTo(index);
    return this.#view!.get(index - this.#start);
  }

  /** A view of a piece that is in the table. */
  piece(piece: number): ArrayView<Element> {
    return this.#views[piece] ??= this.#parts.typeOf(piece)
      .at(this.#buffer, this.#table.piece(piece));
  }

  /** The elements from `from` up to `to`, by pieces. */
  *pieces(from: number, to: number): Generator<ElementsOf<Element>> {
    const { shape } = this.#parts;
    for (let index = from; index < to;) {
      const piece = shape.pieceOf(index);
      const start = shape.start(piece);
      const end = Math.min(to, start + shape.lengthOf(piece));
      // Of any kind that `elements` gives.
      const elements = this.piece(piece).elements as unknown as Float64Array;
      yield elements.subarray(index - start, end - start) as unknown as ElementsOf<Element>;
      index = end;
    }
  }

  /** The elements from `from` up to `to`, one by one. */
  *values(from: number, to: number): Generator<FieldValue<Element>> {
    for (let index = from; index < to; index++) yield this.get(index);
  }

  #moveTo(index: number): void {
    const { shape } = this.#parts;
    const piece = shape.pieceOf(index);
    this.#view = this.piece(piece);
    this.#start = shape.start(piece);
    this.#end = this.#start + shape.lengthOf(piece);
  }
}

/** Throws unless elements can be looked at from an index on, which may be the length. */
export function checkFrom(what: string, from: unknown, length: number): void {
  if (Number.isInteger(from) && from as number >= 0 && from as number <= length) return;
  throw indexError(what, from, `up to its length of ${length}`);
}

/** The error of an index that is not a whole number from 0 to a limit. */
export function indexError(what: string, index: unknown, limit: string): Error {
  return typeof index === "number"
    ? new RangeError(
      `Cannot read ${what} at index ${index}: expected a whole number from 0, ${limit}`,
    )
    : new TypeError(`Cannot read ${what} at index ${kindOf(index)}: expected a number`);
}
