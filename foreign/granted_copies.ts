/**
 * What the owner of an object answers to a request for copies: handles that it has opened for the
 * endpoint that asks. They travel as a wire type of their own, so that they are foreign pointers when
 * the call's promise resolves, with nothing in between.
 *
 * ```
 * word  0  OWNER       the owner
 *       1  COUNT       of `copy(n)`; -1: of `copy()`
 *       2  HANDLE      of `copy()`; of `copy(n)` the address of a block with the handles, in units of
 *                      8 bytes, which the receiver frees
 *       3  OBJECT      as in pointer_wire_layout.ts
 *       4  GENERATION  of the handle of `copy()`: to read it where the owner has just written it would
 *                      fetch that line from the other core; of `copy(n)` that of FIRST
 *       5  FIRST       of the handles of `copy(n)`; the block goes with it
 * ```
 *
 * The handles are the asking endpoint's since they were opened: if it dies, the owner takes them back.
 * But FIRST is the owner's until the answer is read, and whoever has FIRST frees the block.
 *
 * @module
 */

import { STRUCT_UNIT_BYTES } from "./pointer_wire_layout.ts";

/** Word 0. */
export const GRANTED_OWNER_WORD = 0;
/** Word 1. */
export const GRANTED_COUNT_WORD: number = GRANTED_OWNER_WORD + 1;
/** Word 2. */
export const GRANTED_HANDLE_WORD: number = GRANTED_COUNT_WORD + 1;
/** Word 3. */
export const GRANTED_OBJECT_WORD: number = GRANTED_HANDLE_WORD + 1;
/** Word 4. */
export const GRANTED_GENERATION_WORD: number = GRANTED_OBJECT_WORD + 1;
/** Word 5. */
export const GRANTED_FIRST_WORD: number = GRANTED_GENERATION_WORD + 1;
/** Words of granted copies. */
export const GRANTED_WORDS: number = GRANTED_FIRST_WORD + 1;

/** Opened handles, on their owner. */
export class GrantedCopies {
  /** The owner. */
  readonly owner: number;
  /** How many were asked for; -1 for the one of `copy()`. */
  readonly count: number;
  /** The handle, or the address of several. */
  readonly handle: number;
  /** OBJECT of pointer_wire_layout.ts. */
  readonly object: number;
  /** Of the handle of `copy()`, or of `first`. */
  readonly generation: number;
  /** The first handle of `copy(n)`, 0 otherwise. */
  readonly first: number;

  /** Made where the handles are opened, for the endpoint that holds them by then. */
  constructor(
    owner: number,
    count: number,
    handle: number,
    object: number,
    generation: number,
    first: number,
  ) {
    this.owner = owner;
    this.count = count;
    this.handle = handle;
    this.object = object;
    this.generation = generation;
    this.first = first;
  }

  /** Writes them as a message carries them. */
  static write(granted: GrantedCopies, words: Int32Array, at: number): void {
    const { owner, count, handle, object, generation, first } = granted;
    words[at + GRANTED_OWNER_WORD] = owner;
    words[at + GRANTED_COUNT_WORD] = count;
    words[at + GRANTED_HANDLE_WORD] = count < 0 ? handle : handle / STRUCT_UNIT_BYTES;
    words[at + GRANTED_OBJECT_WORD] = object;
    words[at + GRANTED_GENERATION_WORD] = generation;
    words[at + GRANTED_FIRST_WORD] = first;
  }
}
