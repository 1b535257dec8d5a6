/**
 * The values of a message, into a record and out of it: in the cells where they fit, in a block of
 * the sender's slice where they do not.
 *
 * @module
 */

import type { Allocator } from "../../allocator/mod.ts";
import { MessageMemoryError } from "./errors.ts";
import { InlineCodec, type RecordViews } from "./message_codec.ts";
import {
  BLOCK_LENGTH_WORD,
  CELLS_WORD,
  FLAG_OUT_OF_LINE,
  KIND_WORD,
  valueCountOf,
} from "./record_layout.ts";
import { ValueCodec } from "./value_codec.ts";
import type { WireType } from "./wire_type.ts";

/** Writes and reads the values of one endpoint's messages. */
export class MessageBody {
  readonly #allocator: Allocator;
  readonly #segment: Uint8Array;
  readonly #types: readonly WireType<object>[];
  readonly #values: ValueCodec;
  readonly #inline: InlineCodec;
  readonly #sliceBytes: number;
  readonly #inlineTransfers: object[] = [];
  /** Wire-typed values of the last message encoded: see `move()`. */
  #transfers: object[] = this.#inlineTransfers;

  constructor(
    buffer: SharedArrayBuffer,
    allocator: Allocator,
    types: readonly WireType<object>[],
  ) {
    this.#allocator = allocator;
    this.#segment = new Uint8Array(buffer);
    this.#types = types;
    this.#values = new ValueCodec(types);
    this.#inline = new InlineCodec(types);
    this.#sliceBytes = allocator.statistics().totalBytes;
  }

  /**
   * Writes `values` into the cells of the record at `at` and returns undefined; or returns their
   * bytes, valid until the next call, if they do not fit. Runs getters of the values only in the
   * second case, so that a slot of a ring is still the next one in the first.
   */
  encode(
    values: readonly unknown[],
    views: RecordViews,
    at: number,
    name: (index: number) => string,
  ): Uint8Array | undefined {
    const inline = this.#inlineTransfers;
    inline.length = 0;
    if (this.#inline.tryEncode(values, views, at, inline)) {
      this.#transfers = inline;
      return undefined;
    }
    const transfers: object[] = [];
    const bytes = this.#values.encode(values, name, transfers);
    if (bytes.length > this.#sliceBytes) throw this.memoryError(bytes.length);
    this.#transfers = transfers; // last, since a getter may have sent messages of its own
    return bytes;
  }

  /** Lets go of the wire-typed values of the last message encoded: it was admitted for `to`. */
  move(to: number): void {
    const transfers = this.#transfers;
    for (let i = 0; i < transfers.length; i++) {
      const value = transfers[i]!;
      for (const type of this.#types) {
        if (value instanceof type.class) {
          type.moved(value, to);
          break;
        }
      }
    }
    transfers.length = 0;
  }

  /** Puts `bytes` into a block and its address into the record; false if there is no memory. */
  tryWriteBlock(bytes: Uint8Array, views: RecordViews, at: number): boolean {
    const address = this.#allocator.malloc(bytes.length);
    if (address === 0) return false;
    this.#segment.set(bytes, address);
    views.words[at + KIND_WORD]! |= FLAG_OUT_OF_LINE;
    views.floats[(at + CELLS_WORD) >> 1] = address;
    views.words[at + BLOCK_LENGTH_WORD] = bytes.length;
    return true;
  }

  /** The values of the record at `at`; its block, if it has one, is freed. */
  read(views: RecordViews, at: number): unknown[] {
    const kind = views.words[at + KIND_WORD]!;
    if ((kind & FLAG_OUT_OF_LINE) === 0) {
      const count = valueCountOf(kind);
      const values = new Array<unknown>(count);
      this.#inline.decode(count, views, at, values);
      return values;
    }
    const address = views.floats[(at + CELLS_WORD) >> 1]!;
    try {
      return this.#values.decode(this.#block(views, at));
    } finally {
      this.#allocator.free(address); // the sender's block: a remote free
    }
  }

  /** The same for a record that nobody will read: its wire-typed values are told. */
  discard(views: RecordViews, at: number): void {
    const kind = views.words[at + KIND_WORD]!;
    if ((kind & FLAG_OUT_OF_LINE) === 0) {
      this.#inline.discard(valueCountOf(kind), views, at);
      return;
    }
    try {
      this.#values.discard(this.#block(views, at));
    } finally {
      this.#allocator.free(views.floats[(at + CELLS_WORD) >> 1]!);
    }
  }

  /** The same for values that never got a block. */
  discardBytes(bytes: Uint8Array): void {
    this.#values.discard(bytes);
  }

  /** What a message of `byteLength` bytes fails with. */
  memoryError(byteLength: number): MessageMemoryError {
    const { freeBytes, totalBytes } = this.#allocator.statistics();
    return new MessageMemoryError(byteLength, freeBytes, totalBytes);
  }

  #block(views: RecordViews, at: number): Uint8Array {
    const address = views.floats[(at + CELLS_WORD) >> 1]!;
    return this.#segment.subarray(address, address + views.words[at + BLOCK_LENGTH_WORD]!);
  }
}
