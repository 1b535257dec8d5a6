/**
 * A struct that its owner writes and every shard reads, always whole: what cell_slots.ts does, with
 * addresses and types.
 *
 * @module
 */

import type {
  FieldValue,
  StructInit,
  StructPlain,
  StructType,
  StructView,
} from "../../allocator/mod.ts";
import { Runtime } from "../../shard/mod.ts";
import { type Endpoint, SENT_BY } from "../../shard/unstable_layers.ts";
import {
  checkElement,
  checkName,
  type Definition,
  describeType,
  endpointOf,
  makeBlock,
  publishHeader,
  shown,
  Tenancies,
  WORD_BYTES,
  writeHeader,
} from "../header/mod.ts";
import { CellLayout, VALUE_BYTES } from "./cell_layout.ts";
import { CellWriter } from "./cell_slots.ts";
import { SeqCellReader } from "./seq_cell_reader.ts";
import { StaleStructureError } from "../readers/mod.ts";

/** A struct as it was when it was looked at: its fields as properties, none of which can be assigned. */
export type SeqCellView<Fields> =
  & { readonly [Name in keyof Fields]: FieldValue<Fields[Name]> }
  & {
    /** The fields as a plain object: a copy. */
    toJSON(): StructPlain<Fields>;
  };

/** Up to so many words a loop copies sooner than a call. */
const LOOP_WORDS = 64;

/** How a cell is defined, for owner and readers. Made by {@linkcode seqCell}. */
export class SeqCellType<Fields extends object> {
  /** The struct that a cell holds. */
  readonly type: StructType<Fields>;
  readonly #definition: Definition;

  /** Made by {@linkcode seqCell}. */
  constructor(name: string, type: StructType<Fields>) {
    this.type = type;
    this.#definition = { kind: "SeqCell", text: `${name} of ${describeType(type)}` };
  }

  /**
   * Makes a cell in this shard's slice, which this thread owns. O(bytes).
   *
   * @param values Values of fields; those left out are zero, `false` or empty.
   * @throws {TypeError} If this thread is not a shard, and no runtime is given; if a value is of the wrong
   * kind.
   * @throws {RangeError} If a value is out of range.
   * @throws {BadAllocError} If there is no room.
   */
  make(values?: StructInit<Fields>): SeqCell<Fields>;
  /** Makes a cell in the host's slice, which the host owns. */
  make(runtime: Runtime, values?: StructInit<Fields>): SeqCell<Fields>;
  make(first?: Runtime | StructInit<Fields>, second?: StructInit<Fields>): SeqCell<Fields> {
    const runtime = first instanceof Runtime ? first : undefined;
    const values = first instanceof Runtime ? second : first;
    return new SeqCell(endpointOf(runtime), this.#definition, this.type, values);
  }

  /**
   * Begins to read a cell of any shard from this one. Of one cell a thread has one reader, however often it
   * asks; dispose of it as often.
   *
   * @param address `address` of the cell, which must not be disposed of.
   * @throws {TypeError} If this thread is not a shard, and no runtime is given; if something else lies there.
   * @throws {RangeError} If no structure begins there.
   * @throws {ShardCrashedError} If its owner has died.
   */
  reader(address: number): SeqCellReader<Fields>;
  /** Begins to read a cell of a shard from the host. */
  reader(runtime: Runtime, address: number): SeqCellReader<Fields>;
  reader(first: Runtime | number, second?: number): SeqCellReader<Fields> {
    const isHost = first instanceof Runtime;
    const endpoint = endpointOf(isHost ? first : undefined);
    const tenancies = endpoint.part(Tenancies);
    const tenancy = tenancies.open(isHost ? second! : first, this.#definition);
    tenancy.user ??= new SeqCellReader<Fields>(endpoint, tenancies.words, tenancy, this.type);
    return tenancy.user as SeqCellReader<Fields>;
  }
}

/**
 * Defines a cell: a struct that its owner writes, and that every shard reads, always whole. Neither waits
 * for the other, whatever becomes of it: a reader has the value that was the newest when it looked.
 *
 * Write the definition in a module that both sides import. Send `cell.address`, a number.
 *
 * @param name Of the cell, for errors.
 * @param type The struct, from `struct()`. It may own no text or bytes: take `string(n)`.
 * @throws {TypeError} If the name is not text, or the type not such a struct.
 *
 * @example
 * ```ts ignore
 * // quotes.ts
 * import { defineTasks, f64, struct } from "@tidepool/core";
 * import { seqCell } from "@tidepool/core/structures";
 *
 * export const Quotes = seqCell("Quotes", struct("Quote", { bid: f64, ask: f64 }));
 *
 * const quotes = { cell: undefined as ReturnType<typeof Quotes.make> | undefined };
 * export const market = defineTasks(import.meta.url, {
 *   open() {
 *     quotes.cell = Quotes.make({ bid: 99, ask: 101 });
 *     return quotes.cell.address;
 *   },
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 * import { market, Quotes } from "./quotes.ts";
 *
 * await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
 * using reader = Quotes.reader(runtime, await runtime.submitTo(0, market.open));
 * const { bid, ask } = reader.view(); // no message, no copy
 * assertEquals(ask - bid, 2);
 * assertEquals(reader.read(), { bid: 99, ask: 101 });
 * ```
 */
export function seqCell<Fields extends object>(
  name: string,
  type: StructType<Fields>,
): SeqCellType<Fields> {
  checkName("SeqCell", name);
  checkElement("SeqCell", name, type);
  if (type.kind !== "struct") {
    throw new TypeError(
      `Cannot define SeqCell ${name} of ${(type as { name: string }).name}: expected a struct`,
    );
  }
  return new SeqCellType(name, type);
}

/** A struct that its owner writes and every shard reads. The owner's side; made by a {@linkcode SeqCellType}. */
export class SeqCell<Fields extends object> {
  static {
    Object.defineProperty(this.prototype, SENT_BY, { value: "address" });
  }

  readonly #address: number;
  readonly #endpoint: Endpoint;
  readonly #definition: Definition;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #layout: CellLayout;
  readonly #currentWord: number;
  readonly #slots: CellWriter;
  readonly #slotsAddress: number;
  /** The newest value, and the one that is to be the next. */
  readonly #value: StructView<Fields>;
  readonly #draft: StructView<Fields>;
  #version = 1;
  #isWriting = false;
  #isDisposed = false;

  /** Made by a {@linkcode SeqCellType}. */
  constructor(
    endpoint: Endpoint,
    definition: Definition,
    type: StructType<Fields>,
    values: StructInit<Fields> | undefined,
  ) {
    const { endpointCount } = endpoint.layout;
    const { words } = endpoint.part(Tenancies);
    const layout = new CellLayout(endpointCount, type.byteLength);
    const address = makeBlock(endpoint, layout.byteLength, shown(definition));
    this.#address = address;
    this.#endpoint = endpoint;
    this.#definition = definition;
    this.#words = words;
    this.#layout = layout;
    this.#currentWord = (address + layout.currentBytes) / WORD_BYTES;
    this.#slots = new CellWriter(words, this.#currentWord, endpointCount);
    this.#slotsAddress = address + layout.slotsBytes;
    this.#value = type.at(endpoint.buffer, this.#slotsAddress + VALUE_BYTES);
    this.#draft = type.at(endpoint.buffer, this.#slotsAddress + VALUE_BYTES);
    try {
      if (values !== undefined) this.#draft.assign(values);
    } catch (error) {
      endpoint.allocator.free(address);
      throw error;
    }
    this.#writeVersion(0);
    writeHeader(words, address, definition);
    publishHeader(words, address);
  }

  /** Where it lies: what readers are given. */
  get address(): number {
    return this.#address;
  }

  /** How many values it has had, the first included: 1 for a new cell. */
  get version(): number {
    return this.#version;
  }

  /** The value as a plain object: a copy. */
  read(): StructPlain<Fields> {
    return this.view().toJSON();
  }

  /** The value where it lies; the next one lies elsewhere. */
  view(): SeqCellView<Fields> {
    this.#expectThere("read");
    return this.#value as unknown as SeqCellView<Fields>;
  }

  /**
   * Replaces the value by one that has the fields given, and all others as they are. Readers see all of it or
   * nothing.
   *
   * @throws {TypeError} If there is no such field, or a value is of the wrong kind. Whatever is thrown, the
   * value stays.
   * @throws {RangeError} If a value is out of range.
   */
  assign(values: StructInit<Fields>): void {
    this.update((draft) => void draft.assign(values));
  }

  /**
   * Replaces the value by what `change` makes of a copy, without garbage. Readers see all of it or nothing.
   *
   * @param change Gets the copy, to be written to until it returns.
   * @throws What `change` throws: then the value stays.
   * @throws {TypeError} If `change` writes to the same cell by another call, or returns a promise.
   *
   * @example
   * ```ts
   * import { f64, struct } from "@tidepool/core";
   * import { type SeqCell, seqCell } from "@tidepool/core/structures";
   *
   * const fields = { bid: f64, ask: f64 };
   * export const Quotes = seqCell("Quotes", struct("Quote", fields));
   * export function widen(cell: SeqCell<typeof fields>, by: number) {
   *   cell.update((quote) => {
   *     quote.bid -= by;
   *     quote.ask += by;
   *   });
   * }
   * ```
   */
  update(change: (draft: StructView<Fields>) => void): void {
    this.#expectThere("write");
    if (this.#isWriting) {
      throw new TypeError(
        `Cannot write ${shown(this.#definition)}: another write to it has not ended`,
      );
    }
    const slot = this.#slots.take();
    this.#isWriting = true;
    let isChanged = false;
    try {
      this.#copyTo(slot);
      this.#draft.at(this.#valueAddress(slot));
      const result: unknown = change(this.#draft);
      if (result instanceof Promise) {
        throw new TypeError(
          `Cannot write ${
            shown(this.#definition)
          } by a function that returns a promise: it has to end before it returns`,
        );
      }
      isChanged = true;
    } finally {
      this.#isWriting = false;
      if (!isChanged) this.#slots.giveBack();
    }
    this.#version++;
    this.#writeVersion(slot);
    this.#value.at(this.#valueAddress(slot));
    if (this.#slots.publish(slot)) Atomics.notify(this.#words, this.#currentWord);
  }

  /**
   * Ends the cell: whoever reads it gets a StaleStructureError. The memory is freed when every reader has had it,
   * or was disposed of, or its shard has ended.
   *
   * @throws {TypeError} Inside of `update()`: the write has to end first.
   */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    if (this.#isWriting) {
      throw new TypeError(
        `Cannot dispose of ${shown(this.#definition)}: a write to it has not ended`,
      );
    }
    this.#isDisposed = true;
    if (this.#slots.end()) Atomics.notify(this.#words, this.#currentWord);
    this.#endpoint.part(Tenancies).dispose(this.#address);
  }

  #expectThere(what: string): void {
    if (!this.#isDisposed) return;
    throw new StaleStructureError(
      `Cannot ${what} ${shown(this.#definition)}: it was disposed of`,
      this.#endpoint.id,
    );
  }

  #valueAddress(slot: number): number {
    return this.#slotsAddress + slot * this.#layout.slotBytes + VALUE_BYTES;
  }

  #copyTo(slot: number): void {
    const words = this.#words;
    const { slotBytes } = this.#layout;
    const from = (this.#slotsAddress + this.#slots.current * slotBytes) / WORD_BYTES;
    const to = (this.#slotsAddress + slot * slotBytes) / WORD_BYTES;
    const count = slotBytes / WORD_BYTES;
    if (count > LOOP_WORDS) words.copyWithin(to, from, from + count);
    else for (let i = 0; i < count; i++) words[to + i] = words[from + i]!;
  }

  #writeVersion(slot: number): void {
    const word = (this.#slotsAddress + slot * this.#layout.slotBytes) / WORD_BYTES;
    this.#words[word] = this.#version | 0;
    this.#words[word + 1] = Math.floor(this.#version / 2 ** 32);
  }
}
