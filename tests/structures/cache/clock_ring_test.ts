/** The ring by itself: who goes, how many the hand passes over, and how near to LRU that is. */
import { assert, assertEquals } from "@std/assert";
import {
  BYTES_WORD,
  EXPIRES_WORD,
  FRONT_WORDS,
  TOUCHED_WORD,
} from "../../../structures/cache/cache_layout.ts";
import { ClockRing, MOST_CHANCES, touch } from "../../../structures/cache/clock_ring.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";

const NODE_WORDS = FRONT_WORDS + 2;

/** A ring of keys from 0 on, each of which has a node. */
class Ring {
  readonly words: Int32Array;
  readonly ring: ClockRing;
  readonly #inside: Uint8Array;

  constructor(keys: number) {
    const memory = new ArrayBuffer((keys + 1) * NODE_WORDS * 4);
    this.words = new Int32Array(memory);
    this.ring = new ClockRing(this.words, new Float64Array(memory));
    this.#inside = new Uint8Array(keys);
  }

  add(key: number): void {
    this.#inside[key] = 1;
    this.words[this.#node(key) + TOUCHED_WORD] = 0;
    this.ring.add(this.#node(key));
  }

  /** Takes out what is to go, and gives its key. */
  evict(): number {
    const node = this.ring.next(-Infinity);
    const key = (node - FRONT_WORDS) / NODE_WORDS - 1;
    this.remove(key);
    return key;
  }

  remove(key: number): void {
    this.#inside[key] = 0;
    this.ring.remove(this.#node(key));
  }

  has(key: number): boolean {
    return this.#inside[key] === 1;
  }

  touch(key: number): void {
    touch(this.words, this.#node(key));
  }

  isTouched(key: number): boolean {
    return this.words[this.#node(key) + TOUCHED_WORD] === 1;
  }

  #node(key: number): number {
    return (key + 1) * NODE_WORDS + FRONT_WORDS;
  }
}

Deno.test("the hand lets those stay that were used, and takes the oldest of the others", () => {
  const ring = new Ring(10);
  for (let key = 0; key < 5; key++) ring.add(key);
  for (const key of [0, 1, 3]) ring.touch(key);
  assertEquals([ring.evict(), ring.isTouched(0), ring.isTouched(3)], [2, false, true]);
  ring.add(5); // behind the hand, that is, behind 0 and 1
  assertEquals([ring.evict(), ring.evict(), ring.evict()], [4, 0, 1]);
  assertEquals([ring.evict(), ring.evict(), ring.ring.count], [5, 3, 0]);
  assertEquals(ring.ring.next(0), 0);
});

Deno.test("a hand goes on when what it is at is taken away, and comes back to an empty ring", () => {
  const ring = new Ring(10);
  for (let key = 0; key < 4; key++) ring.add(key);
  ring.remove(0);
  assertEquals(ring.evict(), 1);
  for (const key of [2, 3]) ring.remove(key);
  ring.add(7);
  ring.add(8);
  assertEquals([ring.evict(), ring.evict()], [7, 8]);
});

Deno.test("no more than so many are passed over, though all were used", () => {
  const ring = new Ring(1000);
  for (let key = 0; key < 1000; key++) {
    ring.add(key);
    ring.touch(key);
  }
  assertEquals(ring.evict(), MOST_CHANCES);
  let cleared = 0;
  for (let key = 0; key < 1000; key++) if (!ring.isTouched(key)) cleared++;
  assertEquals(cleared, MOST_CHANCES);
});

Deno.test("the second hand finds every entry that has ended, and changes nothing", () => {
  const ring = new Ring(100);
  const doubles = new Float64Array(ring.words.buffer);
  for (let key = 0; key < 100; key++) {
    ring.add(key);
    ring.touch(key);
    const node = (key + 1) * NODE_WORDS + FRONT_WORDS;
    ring.words[node + BYTES_WORD] = key;
    doubles[(node + EXPIRES_WORD) >> 1] = key % 10 === 0 ? key + 1 : 0;
  }
  const found: number[] = [];
  for (let look = 0; look < 100; look++) {
    const node = ring.ring.sweep(50, 2);
    if (node === 0) continue;
    const key = ring.words[node + BYTES_WORD]!;
    found.push(key);
    ring.remove(key);
  }
  assertEquals(found, [0, 10, 20, 30, 40]);
  assert(ring.isTouched(1) && ring.isTouched(99));
});

/** Keys by their popularity: the n-th is asked for 1/n^skew times as often as the first. */
function zipf(random: SeededRandom, keys: number, skew: number): () => number {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let key = 0; key < keys; key++) sums[key] = sum += 1 / (key + 1) ** skew;
  return () => {
    const at = random.next() / 2 ** 32 * sum;
    let [low, high] = [0, keys - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > at) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

const KEYS = 10_000;
const ACCESSES = 100_000;

/** Hits of CLOCK and of exact LRU, of so many accesses behind as many that warm up. */
function hitsOf(capacity: number, next: () => number): { clock: number; lru: number } {
  const ring = new Ring(KEYS);
  const lru = new Map<number, true>();
  const hits = { clock: 0, lru: 0 };
  for (let access = -ACCESSES / 2; access < ACCESSES; access++) {
    const key = next();
    const counts = access < 0 ? 0 : 1;
    if (ring.has(key)) {
      hits.clock += counts;
      ring.touch(key);
    } else {
      if (ring.ring.count === capacity) ring.evict();
      ring.add(key);
    }
    if (lru.delete(key)) hits.lru += counts;
    else if (lru.size === capacity) lru.delete(lru.keys().next().value!);
    lru.set(key, true);
  }
  return hits;
}

/** Asks for what `next` gives, moved on by one key every so many accesses: what is popular changes. */
function drifting(next: () => number, period: number): () => number {
  let access = 0;
  return () => (next() + Math.floor(access++ / period)) % KEYS;
}

for (const skew of [0.8, 1, 1.2]) {
  for (const share of [0.01, 0.1, 0.5]) {
    Deno.test(`CLOCK hits at least as often as LRU, within 0.2 %, on Zipf ${skew}, with room for ${share} of the keys`, () => {
      withRandom((random) => {
        const { clock, lru } = hitsOf(KEYS * share, zipf(random, KEYS, skew));
        const message = `CLOCK ${clock}, LRU ${lru} of ${ACCESSES}`;
        assert(lru > 0.1 * ACCESSES && clock - lru > -0.002 * ACCESSES, message);
      });
    });
  }
}

for (const period of [10, 100, 1000]) {
  Deno.test(`CLOCK hits as often as LRU, within 1 %, if the popular change every ${period} accesses`, () => {
    withRandom((random) => {
      const { clock, lru } = hitsOf(KEYS / 10, drifting(zipf(random, KEYS, 1), period));
      const message = `CLOCK ${clock}, LRU ${lru} of ${ACCESSES}`;
      assert(lru > 0.1 * ACCESSES && clock - lru > -0.01 * ACCESSES, message);
    });
  });
}
