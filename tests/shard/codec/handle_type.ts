/**
 * A wire type for tests.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { WireType } from "../../../shard/codec/wire_type.ts";

/** A wire type as a foreign pointer's: the handle moves, and its number is what travels. */
export class Handle {
  constructor(public value: number) {}
}

/** How a handle travels, and which of them were never read. */
export class HandleType implements WireType<Handle> {
  readonly class = Handle;
  readonly words = 3;
  readonly lost: number[] = [];

  write(value: Handle, words: Int32Array, wordIndex: number): void {
    if (value.value < 0) throw new TypeError("Cannot send a handle that was moved");
    words[wordIndex] = 0x12345678;
    words[wordIndex + 1] = value.value;
    words[wordIndex + 2] = -1;
  }

  read(words: Int32Array, wordIndex: number): Handle {
    assertEquals([words[wordIndex], words[wordIndex + 2]], [0x12345678, -1]);
    return new Handle(words[wordIndex + 1]!);
  }

  moved(): never {
    throw new Error("Only the caller of encode() says that a message was admitted");
  }

  undelivered(words: Int32Array, wordIndex: number): void {
    const value = words[wordIndex + 1]!;
    this.lost.push(value);
    if (value === 13) throw new Error("13 cannot be taken back");
  }
}
