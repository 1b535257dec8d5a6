/**
 * What an endpoint has published: structures of its own that any other finds by a number, without being
 * told an address. So who had found one finds its successor when the owner has been started again.
 *
 * A list in the owner's slice, the latest first. The owner links and unlinks, and what it has unlinked is
 * freed when nobody reads.
 *
 * ```
 * word  0  NEXT    index of what was published before, 0 for nothing
 *       1  NUMBER  by which others find it
 *       2  PLACE   index of the structure
 * ```
 *
 * @module
 */

import type { Endpoint } from "../../shard/unstable_layers.ts";
import { OwnReadings } from "./foreign_structure.ts";
import { controlWords, lineOf, Readers, sliceWords } from "./readers.ts";
import { PUBLISHED_LIFE_WORD, PUBLISHED_WORD } from "./readings_layout.ts";

const NEXT_WORD = 0;
const NUMBER_WORD: number = NEXT_WORD + 1;
const PLACE_WORD: number = NUMBER_WORD + 1;
const NODE_BYTES = 16;

/** What this endpoint has published, a part of it: see `Endpoint.part()`. */
export class Published {
  readonly #readers: Readers;
  readonly #control: Int32Array;
  readonly #first: number;

  constructor(endpoint: Endpoint) {
    const { id } = endpoint;
    const line = lineOf(endpoint, id, id);
    this.#readers = endpoint.part(Readers);
    this.#control = controlWords(endpoint);
    this.#first = line + PUBLISHED_WORD;
    this.#control[this.#first] = 0;
    // Publishes the line above: who finds another life here takes nothing of this endpoint for published.
    Atomics.store(this.#control, line + PUBLISHED_LIFE_WORD, endpoint.epochOf(id) + 1);
  }

  /**
   * Publishes the structure at `address`.
   *
   * @throws {BadAllocError} If there is no room.
   */
  add(number: number, address: number): void {
    const readers = this.#readers;
    const { words } = readers;
    const node = readers.allocate(NODE_BYTES, "a publication");
    words[node + NUMBER_WORD] = number;
    words[node + PLACE_WORD] = readers.indexOf(address);
    words[node + NEXT_WORD] = this.#control[this.#first]!;
    // Publishes the node; publishedBy() loads this first.
    Atomics.store(this.#control, this.#first, node);
  }

  /** What was published by that number is not, any more. */
  delete(number: number): void {
    const { words } = this.#readers;
    let array = this.#control;
    let link = this.#first;
    // The owner alone writes all of it: plain reads are exact here.
    for (let node = array[link]!; node !== 0; node = array[link]!) {
      if (words[node + NUMBER_WORD] === number) {
        Atomics.store(array, link, words[node + NEXT_WORD]!);
        this.#readers.retire(node);
        return;
      }
      array = words;
      link = node + NEXT_WORD;
    }
  }
}

/**
 * The address of what `owner` has published by that number, in the life that it is in; 0 if there is nothing.
 *
 * @throws {ShardCrashedError} If it has died.
 */
export function publishedBy(endpoint: Endpoint, owner: number, number: number): number {
  const control = controlWords(endpoint);
  const line = lineOf(endpoint, owner, owner);
  const words = sliceWords(endpoint, owner);
  const reading = endpoint.part(OwnReadings).of(owner);
  reading.begin();
  try {
    const life = Atomics.load(control, line + PUBLISHED_LIFE_WORD);
    if (life !== endpoint.epochOf(owner) + 1) return 0;
    let node = Atomics.load(control, line + PUBLISHED_WORD);
    while (node !== 0 && words[node + NUMBER_WORD] !== number) {
      node = Atomics.load(words, node + NEXT_WORD);
    }
    return node === 0 ? 0 : words.byteOffset + words[node + PLACE_WORD]! * 4;
  } finally {
    reading.end();
  }
}
