/**
 * The bytes of a block that belong to the program: how many, and clearing and copying them.
 *
 * @module
 */
import { blockAt, GRANULE_BYTES, granulesOf, hasStartMap, HEADER_BYTES } from "../layout/mod.ts";
import { requestedBytes } from "../debug_heap/mod.ts";

/** Payloads of up to this many words are cleared and copied in a loop: a call costs as much. */
const LOOP_WORDS = 32;

/** Bytes that a live block of any slice can hold; in a debug heap, those asked for. */
export function usableBytes(words: Int32Array, address: number): number {
  const block = blockAt(words, address);
  if (hasStartMap(words)) return requestedBytes(words, block);
  return granulesOf(words[block]!) * GRANULE_BYTES - HEADER_BYTES;
}

/** Sets words to 0. */
export function clearWords(words: Int32Array, from: number, end: number): void {
  if (end - from > LOOP_WORDS) words.fill(0, from, end);
  else for (let word = from; word < end; word++) words[word] = 0;
}

/** Copies words to where none of them lies. */
export function copyWords(words: Int32Array, to: number, from: number, length: number): void {
  if (length > LOOP_WORDS) words.copyWithin(to, from, from + length);
  else for (let i = 0; i < length; i++) words[to + i] = words[from + i]!;
}
