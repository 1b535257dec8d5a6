/**
 * Errors as bytes that need no memory of a slice: what a reply carries beside the ring when there is
 * none, what a dying shard says by `postMessage`, what its obituary holds. Structured clone would
 * drop an error's class.
 *
 * They own nothing: a foreign pointer in a field is left out. So bytes that nobody reads are no loss.
 *
 * @module
 */

import { bareError } from "./error_codec.ts";
import { ValueCodec } from "./value_codec.ts";
import type { WireType } from "./wire_type.ts";

/** Bytes of an error, unless told otherwise. */
const MAX_BYTES = 1 << 20;
/** Three for a character of the message, three for one of the stack, two for what is besides. */
const BYTES_PER_CHARACTER = 8;

function errorName(): string {
  return "the error";
}

/** Writes and reads errors. */
export class ErrorPacker {
  readonly #codec: ValueCodec;
  readonly #plainCodec = new ValueCodec([]);
  readonly #maxCharacters: number;

  /**
   * Makes one of its own for a thread.
   *
   * @param types classes whose objects do not travel here, as they own something
   * @param maxBytes the most that an error takes; fields that would make it longer are left out, and
   *   then the ends of its message and its stack
   */
  constructor(types: readonly WireType<object>[] = [], maxBytes = MAX_BYTES) {
    const tooLong = (byteLength: number) =>
      new RangeError(`Cannot send a message of ${byteLength} bytes`);
    this.#codec = new ValueCodec(types.map(refusing), { maxBytes, tooLong, leavesFieldsOut: true });
    this.#maxCharacters = Math.floor(maxBytes / BYTES_PER_CHARACTER);
  }

  /** Whatever was thrown as bytes: as it is if it can travel, else an error with its text. */
  pack(thrown: unknown): Uint8Array<ArrayBuffer> {
    try {
      return this.#codec.encode([thrown], errorName, []).slice() as Uint8Array<ArrayBuffer>;
    } catch {
      // Less of it will do: nothing in a bare error can throw, and it fits.
      const bare = bareError(thrown, this.#maxCharacters);
      return this.packAll([bare]);
    }
  }

  /** What `pack()` was given. */
  unpack(bytes: Uint8Array): unknown {
    return this.unpackAll(bytes)[0];
  }

  /** Values that own nothing and can travel, as they are, however many. */
  packAll(values: readonly unknown[]): Uint8Array<ArrayBuffer> {
    return this.#plainCodec.encode(values, errorName, []).slice() as Uint8Array<ArrayBuffer>;
  }

  /** What `packAll()` was given. */
  unpackAll(bytes: Uint8Array): unknown[] {
    return this.#plainCodec.decode(bytes);
  }
}

/** The same type, none of whose objects travels. */
function refusing(type: WireType<object>): WireType<object> {
  return {
    class: type.class,
    words: type.words,
    write() {
      throw new TypeError("stays behind");
    },
    read: type.read,
    moved: type.moved,
    undelivered: type.undelivered,
  };
}
