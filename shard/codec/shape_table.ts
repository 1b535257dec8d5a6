/**
 * Lists of keys that were written or read before. Objects of a program repeat their keys, so both
 * sides keep what they learned: the writer the bytes of a list, the reader its strings. After the
 * record extension of MessagePack libraries, with this difference: the bytes always hold the whole
 * list, so neither side depends on what the other remembers.
 *
 * Both tables are of fixed size; a newcomer takes the place of who was there.
 *
 * @module
 */

import { SHAPE, SHAPE_BYTES, SHAPE_KEYS } from "./value_layout.ts";

const WRITTEN_SLOTS = 256;
const READ_SLOTS = 1024;

/** Bytes from the tag of a shape to its keys: tag, u16 hash, u8 bytes, u8 count. */
export const SHAPE_HEADER_BYTES = 5;

/** Keys and their bytes, from the tag on. */
export interface WrittenShape {
  readonly keys: readonly string[];
  readonly bytes: Uint8Array;
  /** The message in which the shape was last written, and its number there. */
  message: number;
  number: number;
}

/** The writer's table. */
export class WrittenShapes {
  readonly #slots: (WrittenShape | undefined)[] = new Array(WRITTEN_SLOTS).fill(undefined);

  /** The shape of these keys, at least one; undefined if they are too many or too long for one. */
  find(keys: readonly string[]): WrittenShape | undefined {
    const count = keys.length;
    if (count > SHAPE_KEYS) return undefined;
    let hash = count;
    for (let i = 0; i < count; i++) {
      const key = keys[i]!;
      const length = key.length;
      // An empty key has no last character: NaN, which the addition's `| 0` turns into 0.
      hash = (Math.imul(hash, 31) + length + key.charCodeAt(length - 1) * 5) | 0;
    }
    const slot = (hash ^ (hash >>> 8)) & (WRITTEN_SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && sameKeys(known.keys, keys)) return known;
    const shape = makeShape(keys);
    if (shape !== undefined) this.#slots[slot] = shape;
    return shape;
  }

  /** Takes back the numbers from `number` on that were given in this message. */
  forget(message: number, number: number): void {
    for (const shape of this.#slots) {
      if (shape !== undefined && shape.message === message && shape.number >= number) {
        shape.message = -1;
      }
    }
  }
}

function sameKeys(known: readonly string[], keys: readonly string[]): boolean {
  if (known.length !== keys.length) return false;
  for (let i = 0; i < keys.length; i++) {
    if (known[i] !== keys[i]) return false;
  }
  return true;
}

function makeShape(keys: readonly string[]): WrittenShape | undefined {
  let byteLength = 0;
  for (const key of keys) byteLength += 1 + key.length;
  if (byteLength > SHAPE_BYTES) return undefined;
  const bytes = new Uint8Array(SHAPE_HEADER_BYTES + byteLength);
  let at = SHAPE_HEADER_BYTES;
  let hash = 0;
  for (const key of keys) {
    bytes[at++] = key.length;
    hash = Math.imul(hash ^ key.length, 0x01000193);
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i);
      if (code > 0xff) return undefined;
      bytes[at++] = code;
      hash = Math.imul(hash ^ code, 0x01000193);
    }
  }
  hash ^= hash >>> 15;
  bytes[0] = SHAPE;
  bytes[1] = hash;
  bytes[2] = hash >>> 8;
  bytes[3] = byteLength;
  bytes[4] = keys.length;
  return { keys, bytes, message: -1, number: 0 };
}

/** Keys as the reader needs them. */
export interface ReadShape {
  readonly bytes: Uint8Array;
  readonly keys: readonly string[];
  /** Whether assignment would not make an own field of each key: "__proto__" is among them. */
  readonly unsafe: boolean;
}

/** The reader's table. */
export class ReadShapes {
  readonly #slots: (ReadShape | undefined)[] = new Array(READ_SLOTS).fill(undefined);

  /**
   * The shape whose tag is at `at`; its bytes are known to lie inside. Undefined if they contradict
   * themselves.
   */
  find(bytes: Uint8Array, at: number): ReadShape | undefined {
    const slot = (bytes[at + 1]! | (bytes[at + 2]! << 8)) & (READ_SLOTS - 1);
    const known = this.#slots[slot];
    if (known !== undefined && sameBytes(known.bytes, bytes, at)) return known;
    const shape = readShape(bytes, at);
    if (shape !== undefined) this.#slots[slot] = shape;
    return shape;
  }
}

function sameBytes(known: Uint8Array, bytes: Uint8Array, at: number): boolean {
  // Invariant: both hold their length at 3, so a known shape is never compared past its end.
  for (let i = 3; i < known.length; i++) {
    if (known[i] !== bytes[at + i]) return false;
  }
  return true;
}

function readShape(bytes: Uint8Array, at: number): ReadShape | undefined {
  const end = at + SHAPE_HEADER_BYTES + bytes[at + 3]!;
  const count = bytes[at + 4]!;
  const keys: string[] = [];
  let next = at + SHAPE_HEADER_BYTES;
  while (next < end) {
    const keyEnd = next + 1 + bytes[next]!;
    if (keyEnd > end) return undefined;
    let key = "";
    for (let i = next + 1; i < keyEnd; i++) key += String.fromCharCode(bytes[i]!);
    keys.push(key);
    next = keyEnd;
  }
  if (keys.length !== count) return undefined;
  return { bytes: bytes.slice(at, end), keys, unsafe: keys.includes("__proto__") };
}
