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

import { SHAPE, SHAPE_BYTES, SHAPE_KEYS, WIDE_SHAPE, WIDE_SHAPE_UNIT } from "./value_layout.ts";
import { GROWN_FIELDS, objectMaker } from "./wide_objects.ts";

const WRITTEN_SLOTS = 256;
const READ_SLOTS = 1024;

/** Bytes from the tag of a shape to its keys: tag, u16 hash, u8 bytes, u8 count. */
export const SHAPE_HEADER_BYTES = 5;

/** Bytes of the keys of the shape whose tag is at `at`. */
export function keyBytes(bytes: Uint8Array, at: number): number {
  return bytes[at + 3]! * (bytes[at] === WIDE_SHAPE ? WIDE_SHAPE_UNIT : 1);
}

/** Keys and their bytes, from the tag on. */
export interface WrittenShape {
  readonly keys: readonly string[];
  readonly bytes: Uint8Array;
  /** The message in which the shape was last written, and its number there. */
  message: number;
  number: number;
  /** The shape that was written after it the last time. */
  next: WrittenShape | undefined;
  /** Objects that were written with it, up to COMPILE_AFTER. */
  uses: number;
  /** Writes the fields of an object, once there is code for it. */
  write: ((object: object) => void) | undefined;
}

/** The writer's table. */
export class WrittenShapes {
  readonly #slots: (WrittenShape | undefined)[] = new Array(WRITTEN_SLOTS).fill(undefined);
  #last: WrittenShape | undefined;

  /**
   * The shape of `value`, if that is the one that followed the last one before: so it is in a list, and
   * wherever a program sends the same kinds of things again. Its keys are not even listed then. Only for
   * objects that inherit nothing that for-in shows.
   */
  expected(value: object): WrittenShape | undefined {
    const shape = this.#last?.next;
    if (shape === undefined || !hasKeys(value, shape.keys)) return undefined;
    this.#last = shape;
    return shape;
  }

  /** The shape of these keys, at least one; undefined if they are too many or too long for one. */
  find(keys: readonly string[]): WrittenShape | undefined {
    const shape = this.#find(keys);
    if (shape !== undefined) {
      if (this.#last !== undefined) this.#last.next = shape;
      this.#last = shape;
    }
    return shape;
  }

  #find(keys: readonly string[]): WrittenShape | undefined {
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

const EMPTY = {};

/** Whether for-in shows of a plain object what Object.keys() does: it has its fields from no other. */
export function inheritsNothing(): boolean {
  for (const _ in EMPTY) return false;
  return true;
}

function hasKeys(value: object, keys: readonly string[]): boolean {
  let i = 0;
  // Nothing faster than for-in asks an object for its keys: it reads those of its hidden class.
  for (const key in value) {
    if (key !== keys[i++]) return false;
  }
  return i === keys.length;
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
  for (const key of keys) {
    if (key.length > 0xff) return undefined;
    byteLength += 1 + key.length;
  }
  const unit = byteLength > SHAPE_BYTES ? WIDE_SHAPE_UNIT : 1;
  const units = Math.ceil(byteLength / unit);
  if (units > SHAPE_BYTES) return undefined;
  const bytes = new Uint8Array(SHAPE_HEADER_BYTES + units * unit);
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
  bytes[0] = unit === 1 ? SHAPE : WIDE_SHAPE;
  bytes[1] = hash;
  bytes[2] = hash >>> 8;
  bytes[3] = units;
  bytes[4] = keys.length;
  return {
    keys,
    bytes,
    message: -1,
    number: 0,
    next: undefined,
    uses: 0,
    write: undefined,
  };
}

/** Keys as the reader needs them. */
export interface ReadShape {
  readonly bytes: Uint8Array;
  readonly keys: readonly string[];
  /** Whether assignment would not make an own field of each key: "__proto__" is among them. */
  readonly unsafe: boolean;
  /** Makes the object, if it has too many fields to grow. */
  readonly make: (() => Record<string, unknown>) | undefined;
  /** Objects that were read with it, up to COMPILE_AFTER. */
  uses: number;
  /** Reads the fields and makes the object of them, once there is code for it. */
  read: (() => object) | undefined;
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
  // Invariant: the tag and what lies at 3 say how long they are, so bytes that are fewer than those of
  // the known shape differ from it there already.
  for (let i = 0; i < known.length; i++) {
    if (known[i] !== bytes[at + i]) return false;
  }
  return true;
}

function readShape(bytes: Uint8Array, at: number): ReadShape | undefined {
  const end = at + SHAPE_HEADER_BYTES + keyBytes(bytes, at);
  const count = bytes[at + 4]!;
  const keys: string[] = [];
  let next = at + SHAPE_HEADER_BYTES;
  while (keys.length < count && next < end) {
    const keyEnd = next + 1 + bytes[next]!;
    if (keyEnd > end) return undefined;
    let key = "";
    for (let i = next + 1; i < keyEnd; i++) key += String.fromCharCode(bytes[i]!);
    keys.push(key);
    next = keyEnd;
  }
  // Behind the keys there is no more than what fills the last unit up.
  if (keys.length !== count || end - next >= (bytes[at] === WIDE_SHAPE ? WIDE_SHAPE_UNIT : 1)) {
    return undefined;
  }
  const unsafe = keys.includes("__proto__");
  const make = unsafe || count <= GROWN_FIELDS ? undefined : objectMaker(keys);
  return { bytes: bytes.slice(at, end), keys, unsafe, make, uses: 0, read: undefined };
}
