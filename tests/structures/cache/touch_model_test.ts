/**
 * A reader that marks an entry as used, in every interleaving with the owner's hand, which clears the mark, or
 * lets the entry go and uses its memory again: the production code of ring, readings, retired blocks, list and
 * table, on a few words. Covered: a mark that comes late, and one that is lost. Not covered: ends of entries,
 * figures, and more than one reader, as readers write the same.
 */
import { assert, assertEquals } from "@std/assert";
import { TOUCHED_WORD } from "../../../structures/cache/cache_layout.ts";
import { ClockRing, touch } from "../../../structures/cache/clock_ring.ts";
import {
  BUCKETS_WORD,
  NEXT_WORD,
  ORDER_WORD,
  PAGES_WORD,
} from "../../../structures/map/map_layout.ts";
import { orderOfBucket, orderOfHash } from "../../../structures/map/split_order.ts";
import { TableReader } from "../../../structures/map/table_reader.ts";
import { LIFE_WORD } from "../../../structures/readers/readings_layout.ts";
import { type Exploration, explore } from "../../harness/interleaver.ts";
import {
  A,
  B,
  HEADER,
  keyOf,
  LINES,
  ownerOf,
  PIECE,
  readingOf,
  writeNode,
} from "../map/map_model.ts";

const WORDS = 1024;
const PAGE = 400;
const NODE = 920;
const TOUCHED = NODE + TOUCHED_WORD;
/** No entry ends. */
const DOUBLES = new Float64Array(WORDS / 2);

/** A cache with one bucket, and in it `A`. */
function oneEntry(words: Int32Array): void {
  words[HEADER + BUCKETS_WORD] = 1;
  words[HEADER + PAGES_WORD] = PAGE;
  words[PAGE] = PIECE;
  words[PIECE + ORDER_WORD] = orderOfBucket(0);
  writeNode(words, NODE, A, 1);
  words[PIECE + NEXT_WORD] = NODE;
}

type Owner = ReturnType<typeof ownerOf>;

/** The memory of A is B from then on, which nobody has used yet. */
function reuse({ words, list, buckets }: Owner): void {
  writeNode(words, NODE, B, 9);
  words[TOUCHED] = 0;
  list.find(buckets.slotFor(B), orderOfHash(B), keyOf(B));
  list.link(list.previous, NODE);
}

/** Lets A go, unless `mayStay` and it was used; uses its memory again as `free` does. */
function evictor(mayStay: boolean, free: (owner: Owner) => void) {
  return (words: Int32Array): string => {
    const owner = ownerOf(words);
    const { list, buckets } = owner;
    const ring = new ClockRing(words, DOUBLES);
    ring.add(NODE);
    if (mayStay && words[TOUCHED] === 1) {
      words[TOUCHED] = 0;
      return "stays";
    }
    ring.remove(ring.next(-Infinity));
    list.find(buckets.slotFor(A), orderOfHash(A), keyOf(A));
    list.unlink(list.previous, NODE);
    free(owner);
    return "goes";
  };
}

/** As soon as nobody reads it. */
function whenUnread(owner: Owner): void {
  owner.retired.retire(NODE, { release: () => reuse(owner) });
  owner.retired.collect();
  owner.retired.collect();
}

function user(hash: number) {
  return (words: Int32Array): string => {
    const reading = readingOf(words, LINES[0]);
    reading.begin();
    const table = new TableReader(words as Int32Array<SharedArrayBuffer>, HEADER);
    const node = table.find(hash, keyOf(hash));
    if (node !== 0) touch(words, node);
    reading.end();
    return node === 0 ? "misses" : "hits";
  };
}

type Program = (words: Int32Array) => string;

/** What both say, then which key is in the node's memory, and whether that is marked as used. */
function exploreCache(owner: Program, reader: Program): Exploration {
  const lives = LINES.map((line) => line + LIFE_WORD);
  return explore(WORDS, oneEntry, [owner, reader], {
    racyWords: [...lives, TOUCHED],
    outcome: (results, words) => {
      const key = words[NODE + ORDER_WORD] === orderOfHash(A) ? "A" : "B";
      return [...results, key, words[TOUCHED]].join(" ");
    },
  });
}

function outcomesOf({ outcomes }: Exploration): string[] {
  return [...outcomes.keys()].map((outcome) => JSON.parse(outcome)).sort();
}

/** The mark is meant to race: it is one word, and either value will do. */
function racesElsewhere({ races }: Exploration): string[] {
  return [...races].filter((race) => !race.startsWith(`word ${TOUCHED}:`));
}

Deno.test("a mark reaches its entry or nothing, whatever the hand does meanwhile", () => {
  const found = exploreCache(evictor(true, whenUnread), user(A));
  assertEquals(outcomesOf(found), [
    // Its memory is not free yet, as the reader was in its reading. A mark may come too late to save it.
    "goes hits A 0",
    "goes hits A 1",
    "goes hits B 0",
    "goes misses A 0",
    "goes misses B 0",
    "stays hits A 0",
  ]);
  assertEquals(racesElsewhere(found), []);
});

Deno.test("who finds what the memory holds next marks that", () => {
  const found = exploreCache(evictor(false, whenUnread), user(B));
  assertEquals(outcomesOf(found), ["goes hits B 1", "goes misses A 0", "goes misses B 0"]);
  assertEquals(racesElsewhere(found), []);
});

Deno.test("the model finds a reader that marks after its reading", () => {
  const late: Program = (words) => {
    const reading = readingOf(words, LINES[0]);
    reading.begin();
    const table = new TableReader(words as Int32Array<SharedArrayBuffer>, HEADER);
    const node = table.find(A, keyOf(A));
    reading.end();
    if (node !== 0) touch(words, node);
    return node === 0 ? "misses" : "hits";
  };
  const wrong = outcomesOf(exploreCache(evictor(false, whenUnread), late));
  assert(wrong.includes("goes hits B 1"), wrong.join());
});

Deno.test("the model finds an owner that uses the memory of an entry again at once", () => {
  const found = exploreCache(evictor(false, reuse), user(A));
  const wrong = outcomesOf(found);
  assert(wrong.includes("goes hits B 1") && racesElsewhere(found).length > 0, wrong.join());
});

Deno.test("the model finds an owner that publishes a node before its mark is cleared", () => {
  const early = (owner: Owner) => {
    const { words, list, buckets } = owner;
    owner.retired.retire(NODE, {
      release() {
        words[TOUCHED] = 1; // as the entry before has left it
        writeNode(words, NODE, B, 9);
        list.find(buckets.slotFor(B), orderOfHash(B), keyOf(B));
        list.link(list.previous, NODE);
        words[TOUCHED] = 0;
      },
    });
    owner.retired.collect();
  };
  const wrong = outcomesOf(exploreCache(evictor(false, early), user(B)));
  // A use that is lost though the hand has not come by.
  assert(wrong.includes("goes hits B 0"), wrong.join());
});
