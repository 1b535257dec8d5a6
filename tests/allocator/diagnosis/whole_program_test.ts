/**
 * A whole program over the public interface, of which every single allocation fails once: it must end
 * with a clean error, and leave nothing behind. The program counts the words of a text in a hash table
 * of structs in the slice, grows the table and the lists of places, sorts in scratch memory, drops half
 * of the words, and is done. (As Seastar does with parts of itself: `handle_bad_alloc_test`,
 * `test_shared_mutex_failed_lock`.)
 */
import { assert, assertEquals } from "@std/assert";
import {
  address,
  Allocator,
  BadAllocError,
  NewDelete,
  pointer,
  struct,
  u32,
  type ViewOf,
} from "../../../allocator/mod.ts";
import { withAllocationFailures } from "../../../allocator/diagnosis/mod.ts";

const Word = struct("Word", {
  hash: u32,
  byteLength: u32,
  count: u32,
  /** Places that the list has room for. */
  room: u32,
  text: address,
  places: address,
  get next() {
    return pointer(() => Word);
  },
});
type WordView = ViewOf<typeof Word>;

/** A hash table in the slice. What it holds is its own, and goes with it. */
class Index {
  readonly #heap: Allocator;
  readonly #words: Float64Array;
  readonly #bytes: Uint8Array;
  #table = 0;
  #buckets = 0;
  #size = 0;

  constructor(heap: Allocator) {
    this.#heap = heap;
    this.#words = new Float64Array(heap.buffer);
    this.#bytes = new Uint8Array(heap.buffer);
    this.#grow(4);
  }

  get size(): number {
    return this.#size;
  }

  add(text: Uint8Array, place: number): void {
    const hash = text.reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
    const word = this.#find(text, hash) ?? this.#insert(text, hash);
    if (word.count === word.room) {
      const room = Math.max(2, word.room * 2);
      const places = this.#heap.realloc(word.places, room * 8);
      if (places === 0) throw this.#full(room * 8);
      word.places = places;
      word.room = room;
    }
    this.#words[word.places / 8 + word.count] = place;
    word.count++;
  }

  /** The words, the most frequent first, sorted in memory of the slice. */
  ranking(): string[] {
    const scratch = new NewDelete(this.#heap);
    const list = scratch.newArray(this.#size, 8, { alignment: 64 });
    let length = 0;
    for (const word of this.#all()) this.#words[list / 8 + length++] = word.address;
    const addresses = this.#words.subarray(list / 8, list / 8 + length);
    const lines = Array.from(addresses, (at) => Word.at(this.#heap, at))
      .sort((a, b) => b.count - a.count || a.hash - b.hash)
      .map((word) => `${this.#textOf(word)} ${word.count} ${this.#placesOf(word).join(",")}`);
    scratch.deleteArray(list, { count: this.#size, elementBytes: 8, alignment: 64 });
    return lines;
  }

  /** Drops the words that occur once. */
  prune(): void {
    for (let bucket = 0; bucket < this.#buckets; bucket++) {
      const kept = [...this.#chain(bucket)].filter((word) => {
        if (word.count > 1) return true;
        this.#drop(word);
        return false;
      });
      this.#words[this.#table / 8 + bucket] = 0;
      for (const word of kept) this.#link(word, bucket);
    }
  }

  [Symbol.dispose](): void {
    for (const word of [...this.#all()]) this.#drop(word);
    this.#heap.free(this.#table);
  }

  #find(text: Uint8Array, hash: number): WordView | undefined {
    for (const word of this.#chain(hash % this.#buckets)) {
      if (word.hash === hash && this.#textOf(word) === new TextDecoder().decode(text)) return word;
    }
    return undefined;
  }

  #insert(text: Uint8Array, hash: number): WordView {
    if (this.#size >= this.#buckets * 2) this.#grow(this.#buckets * 4);
    const copy = this.#heap.malloc(text.length);
    if (copy === 0) throw this.#full(text.length);
    this.#bytes.set(text, copy);
    let word: WordView;
    try {
      word = Word.make(this.#heap, { hash, byteLength: text.length, text: copy });
    } catch (error) {
      this.#heap.free(copy);
      throw error;
    }
    this.#link(word, hash % this.#buckets);
    this.#size++;
    return word;
  }

  #grow(buckets: number): void {
    const table = this.#heap.calloc(buckets, 8);
    if (table === 0) throw this.#full(buckets * 8);
    const words = [...this.#all()];
    this.#heap.free(this.#table);
    this.#table = table;
    this.#buckets = buckets;
    for (const word of words) this.#link(word, word.hash % buckets);
  }

  #link(word: WordView, bucket: number): void {
    word.next = this.#words[this.#table / 8 + bucket]!;
    this.#words[this.#table / 8 + bucket] = word.address;
  }

  #drop(word: WordView): void {
    this.#heap.free(word.text);
    this.#heap.free(word.places);
    this.#heap.free(word.address);
    this.#size--;
  }

  *#chain(bucket: number): Generator<WordView> {
    let address = this.#words[this.#table / 8 + bucket]!;
    while (address !== 0) {
      const word = Word.at(this.#heap, address);
      address = word.next;
      yield word;
    }
  }

  *#all(): Generator<WordView> {
    for (let bucket = 0; bucket < this.#buckets; bucket++) yield* this.#chain(bucket);
  }

  #textOf({ text, byteLength }: WordView): string {
    return new TextDecoder().decode(this.#bytes.subarray(text, text + byteLength));
  }

  #placesOf({ places, count }: WordView): number[] {
    return [...this.#words.subarray(places / 8, places / 8 + count)];
  }

  #full(byteLength: number): Error {
    const statistics = this.#heap.statistics();
    const oversized = !this.#heap.canHold(byteLength);
    return new BadAllocError({ byteLength, alignment: 8, oversized, ...statistics }, "the index");
  }
}

const TEXT = Array.from({ length: 160 }, (_, i) => `w${(i * i) % 61} x${i % 7} v${i}`).join(" ");

function count(heap: Allocator): string[] {
  using index = new Index(heap);
  const encoder = new TextEncoder();
  TEXT.split(" ").forEach((word, place) => index.add(encoder.encode(word), place));
  index.prune();
  return index.ranking();
}

function expected(): Map<string, number[]> {
  const places = new Map<string, number[]>();
  TEXT.split(" ").forEach((word, place) => {
    places.set(word, [...places.get(word) ?? [], place]);
  });
  return new Map([...places].filter(([, found]) => found.length > 1));
}

for (const debugHeap of [false, true]) {
  const mode = debugHeap ? "a debug heap" : "a plain heap";
  Deno.test(`a program ends cleanly whichever of its allocations fails, on ${mode}`, () => {
    const slice = { byteOffset: 0, byteLength: 2 ** 18 };
    const options = { debugHeap: debugHeap && { stacks: false } };
    const heap = Allocator.create(new SharedArrayBuffer(2 ** 18), [slice], 0, options);
    let clean = 0;
    const { result, failures } = withAllocationFailures(heap, () => {
      try {
        return count(heap);
      } catch (error) {
        clean++;
        throw error;
      } finally {
        assertEquals(heap.statistics().liveBlocks, 0);
        heap.checkHeap();
      }
    });
    assertEquals([clean, heap.statistics().failedMallocs], [failures, failures]);
    assert(failures > 500, `${failures} allocations`);
    const lines = [...expected()].map(([word, found]) =>
      `${word} ${found.length} ${found.join(",")}`
    );
    assertEquals(result.toSorted(), lines.sort());
  });
}

Deno.test("the same program ends cleanly in slices of every size that are too small for it", () => {
  let failed = 0;
  let byteLength = 2048;
  for (;; byteLength += 512) {
    const slice = { byteOffset: 0, byteLength };
    const heap = Allocator.create(new SharedArrayBuffer(byteLength), [slice], 0);
    let result: string[] = [];
    try {
      result = count(heap);
    } catch (error) {
      if (!(error instanceof BadAllocError)) throw error;
      failed++;
    }
    heap.checkHeap();
    assertEquals(heap.statistics().liveBlocks, 0);
    if (result.length === 0) continue;
    assertEquals(result.length, expected().size);
    break;
  }
  assert(failed > 20 && byteLength < 65536, `${failed} slices were too small, up to ${byteLength}`);
});
