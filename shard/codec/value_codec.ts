/**
 * Values as bytes: what does not fit the cells of a record travels so, in a block of the sender's
 * slice. Coverage and meaning are structured clone's, with errors whole and wire types besides;
 * docs/values.md lists every kind of value.
 *
 * @module
 */

import type { LengthLimit } from "./byte_writer.ts";
import { ValueReader } from "./value_reader.ts";
import { ValueWriter } from "./value_writer.ts";
import { type WireType, WireTypes } from "./wire_type.ts";

export { type ErrorClass, registerErrorClass } from "./error_codec.ts";

const NO_LIMIT: LengthLimit = {
  maxBytes: Infinity,
  tooLong: (byteLength) => new RangeError(`Cannot send a message of ${byteLength} bytes`),
};

/** Writes and reads messages. One of its own for each thread. */
export class ValueCodec {
  readonly #types: readonly WireType<object>[];
  readonly #limit: LengthLimit;
  readonly #writer: ValueWriter;
  readonly #reader: ValueReader;
  #encodes = false;
  #decodes = false;
  /** For messages that a getter or a wire type sends while this codec is at work. */
  #inner: ValueCodec | undefined;

  /**
   * Makes a codec with tables and a scratch of its own.
   *
   * @param types the wire types, in the same order on all shards: their ids on the wire are their
   *   indices here
   * @param limit how long a message may be
   */
  constructor(types: readonly WireType<object>[], limit: LengthLimit = NO_LIMIT) {
    this.#types = types;
    this.#limit = limit;
    this.#writer = new ValueWriter(new WireTypes(types), limit);
    this.#reader = new ValueReader(types);
  }

  /**
   * Writes a message. Runs the values' own getters; O(size of the values).
   *
   * @param values what to send
   * @param name how an error calls the value of that index, as in "arguments[0]"
   * @param transfers receives the wire-typed values met, each once; after a throw it is as it was
   * @returns the bytes, in the codec's own scratch: valid until the next `encode()`
   * @throws {TypeError} a value that cannot travel, named by its path
   * @throws {RangeError} objects nested too deeply, a block beyond 4 GiB, or what the limit says of a
   * message that is too long
   */
  encode(
    values: readonly unknown[],
    name: (index: number) => string,
    transfers: object[],
  ): Uint8Array {
    if (this.#encodes) return this.#nested().encode(values, name, transfers);
    this.#encodes = true;
    try {
      return this.#writer.write(values, name, transfers);
    } finally {
      this.#encodes = false;
    }
  }

  /** What was encoded last stays valid, whatever is sent meanwhile; `unpin()` what this gives. */
  pin(): ValueCodec {
    if (this.#encodes) return this.#nested().pin(); // a getter's message was the last
    this.#encodes = true;
    return this;
  }

  /** The next message may use the scratch again. */
  unpin(): void {
    this.#encodes = false;
  }

  /**
   * Reads a message. All that is returned is a copy; the bytes may be a view of shared memory.
   *
   * @param bytes what `encode()` of a codec with the same types returned, or memory that holds it
   * @param start where in `bytes` it begins
   * @param end where it ends
   * @returns the values
   * @throws {RangeError} the bytes are no whole message; the offset is named
   */
  decode(bytes: Uint8Array, start = 0, end = bytes.length): unknown[] {
    if (this.#decodes) return this.#nested().decode(bytes, start, end);
    this.#decodes = true;
    try {
      return this.#reader.read(bytes, start, end);
    } finally {
      this.#decodes = false;
    }
  }

  /** The first `count` values of a message, none of which is wire-typed; the rest is not looked at. */
  decodeFirst(bytes: Uint8Array, count: number, start = 0, end = bytes.length): unknown[] {
    if (this.#decodes) return this.#nested().decodeFirst(bytes, count, start, end);
    return this.#reader.readFirst(bytes, count, start, end);
  }

  /**
   * Calls `WireType.undelivered()` for each wire-typed value of a message that nobody will read.
   * O(1) where there is none.
   *
   * @param bytes what `encode()` returned, or memory that holds it
   * @param start where in `bytes` it begins
   * @param end where it ends
   * @throws {AggregateError} what `undelivered()` threw, once all values were told
   */
  discard(bytes: Uint8Array, start = 0, end = bytes.length): void {
    if (this.#decodes) return this.#nested().discard(bytes, start, end);
    this.#decodes = true;
    try {
      this.#reader.discard(bytes, start, end);
    } finally {
      this.#decodes = false;
    }
  }

  #nested(): ValueCodec {
    this.#inner ??= new ValueCodec(this.#types, this.#limit);
    return this.#inner;
  }
}
