/** A shared map on a few words, with a reader and an owner that run in every interleaving of their steps. */
import { assertEquals } from "@std/assert";
import { Buckets } from "../../../structures/map/buckets.ts";
import {
  BUCKETS_WORD,
  KEY_INFO_WORD,
  KEY_WORD,
  NEXT_WORD,
  ORDER_WORD,
  PAGES_WORD,
} from "../../../structures/map/map_layout.ts";
import { ListOwner, OUT_OF_ORDER, type SoughtKey } from "../../../structures/map/split_list.ts";
import { orderOfBucket, orderOfHash } from "../../../structures/map/split_order.ts";
import { TableReader } from "../../../structures/map/table_reader.ts";
import { Reading } from "../../../structures/readers/reading.ts";
import { RetiredBlocks } from "../../../structures/readers/retired_blocks.ts";
import { LIFE_WORD } from "../../../structures/readers/readings_layout.ts";
import { type Exploration, explore } from "../../harness/interleaver.ts";

const WORDS = 1024;
/** Lines of two readers. */
export const LINES = [2, 6] as const;
export const HEADER = 64;
export const MAGIC = HEADER;
const PAGE = 400;
export const PIECE = 512;
export const NODES = [900, 908, 916] as const;
export const VALUE_WORD = KEY_WORD + 1;
const NODE_WORDS = VALUE_WORD + 1;
const KEY_INFO = 8;

/** Keys are their hashes. Of two buckets, both are in the second. */
export const [A, B] = [1, 3] as const;

export function keyOf(hash: number): SoughtKey {
  return { words: new Int32Array([hash]), wordCount: 1, info: KEY_INFO };
}

export function writeNode(words: Int32Array, node: number, hash: number, value: number): void {
  words[node + ORDER_WORD] = orderOfHash(hash);
  words[node + KEY_INFO_WORD] = KEY_INFO;
  words[node + KEY_WORD] = hash;
  words[node + VALUE_WORD] = value;
}

/** A map with one bucket, and in it `A`, whose value is 1. */
function oneEntry(words: Int32Array): void {
  words[MAGIC] = 1;
  words[HEADER + BUCKETS_WORD] = 1;
  words[HEADER + PAGES_WORD] = PAGE;
  words[PAGE] = PIECE;
  words[PIECE + ORDER_WORD] = orderOfBucket(0);
  writeNode(words, NODES[0], A, 1);
  words[PIECE + NEXT_WORD] = NODES[0];
}

/** The owner's parts, as it goes on with a map of one bucket. */
export function ownerOf(words: Int32Array, lines: readonly number[] = LINES) {
  const list = new ListOwner(words);
  const buckets = new Buckets(words, HEADER, list);
  buckets.pieces.push(PIECE);
  const retired = new RetiredBlocks(words, lines, () => ({ hasEnded: false }));
  return { words, list, buckets, retired };
}

type Owner = ReturnType<typeof ownerOf>;

/** What is done with a block that is free: its memory is `B` from then on, and linked. */
export function reuse({ words, list, buckets }: Owner, node: number): void {
  writeNode(words, node, B, 9);
  assertEquals(list.find(buckets.slotFor(B), orderOfHash(B), keyOf(B)), 0);
  list.link(list.previous, node);
}

/** Sets A to 2 in a new node, and uses the memory of the old one again as soon as it may. */
export function replacer(words: Int32Array): number {
  const owner = ownerOf(words);
  const { list, buckets, retired } = owner;
  const old = list.find(buckets.slotFor(A), orderOfHash(A), keyOf(A));
  writeNode(words, NODES[1], A, 2);
  list.replace(list.previous, old, NODES[1]);
  retired.retire(old, { release: (node) => reuse(owner, node) });
  retired.collect();
  retired.collect();
  return 0;
}

/** Deletes A, and uses its memory again as soon as it may. */
export function deleter(words: Int32Array): number {
  const owner = ownerOf(words);
  const { list, buckets, retired } = owner;
  const node = list.find(buckets.slotFor(A), orderOfHash(A), keyOf(A));
  list.unlink(list.previous, node);
  retired.retire(node, { release: (node) => reuse(owner, node) });
  retired.collect();
  retired.collect();
  return 0;
}

/** Sets B, and splits the bucket of both in two. */
export function grower(words: Int32Array): number {
  const { list, buckets } = ownerOf(words);
  writeNode(words, NODES[1], B, 3);
  list.find(buckets.slotFor(B), orderOfHash(B), keyOf(B));
  list.link(list.previous, NODES[1]);
  buckets.split();
  return 0;
}

export function readingOf(words: Int32Array, line: number): Reading {
  return new Reading(words, line, { isOver: false }, () => new Error("over"), 0);
}

/** Gets the values of keys, 0 for none, each within a reading. */
export function getter(keys: readonly number[], line: number = LINES[0]) {
  return (words: Int32Array): string => {
    const reading = readingOf(words, line);
    let table: TableReader | undefined;
    return keys.map((hash) => {
      reading.begin();
      table ??= new TableReader(words as Int32Array<SharedArrayBuffer>, HEADER);
      const place = table.find(hash, keyOf(hash));
      const value = place === 0 ? 0 : words[place + VALUE_WORD]!;
      reading.end();
      return value;
    }).join();
  };
}

/** Gets the values of keys by a look afterwards, and within a reading if that says no. */
export function glancer(...keys: number[]) {
  return (words: Int32Array): string => {
    const reading = readingOf(words, LINES[0]);
    const table = new TableReader(words as Int32Array<SharedArrayBuffer>, HEADER);
    return keys.map((hash) => {
      const seen = table.glance(hash, keyOf(hash));
      if (seen !== OUT_OF_ORDER) {
        const value = seen === 0 ? 0 : words[seen + VALUE_WORD]!;
        if (reading.isUndisturbed()) return value;
      }
      reading.begin();
      const place = table.find(hash, keyOf(hash));
      const value = place === 0 ? 0 : words[place + VALUE_WORD]!;
      reading.end();
      return value;
    }).join();
  };
}

type Program = (words: Int32Array) => unknown;

export function exploreMap(programs: Program[], racyWords: number[] = []): Exploration {
  const lives = LINES.map((line) => line + LIFE_WORD);
  return explore(WORDS, oneEntry, programs, {
    racyWords: [...lives, ...racyWords],
    outcome: ([, ...readers]) => readers.join("; "),
  });
}

export function outcomesOf(found: Exploration): string[] {
  return [...found.outcomes.keys()].map((outcome) => JSON.parse(outcome)).sort();
}

/** Words of the block that is used again: who looks afterwards may read them while they are written. */
export const REUSED = Array.from({ length: NODE_WORDS }, (_, word) => NODES[0] + word);

/** Races but those on memory that was freed, which the look afterwards makes up for. */
export function racesElsewhere(found: Exploration): string[] {
  return [...found.races].filter((race) =>
    !REUSED.some((word) => race.startsWith(`word ${word}:`))
  );
}
