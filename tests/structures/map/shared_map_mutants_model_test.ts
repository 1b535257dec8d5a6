/**
 * Each of what the model of a shared map stands for, done wrong by its owner or its reader: the model has to
 * find it, or shared_map_model_test.ts shows nothing.
 */
import { assert } from "@std/assert";
import {
  BUCKETS_WORD,
  NEXT_WORD,
  ORDER_WORD,
  SLOT_BIT,
} from "../../../structures/map/map_layout.ts";
import { OUT_OF_ORDER } from "../../../structures/map/split_list.ts";
import { orderOfBucket, orderOfHash } from "../../../structures/map/split_order.ts";
import { TableReader } from "../../../structures/map/table_reader.ts";
import type { Exploration } from "../../harness/interleaver.ts";
import {
  A,
  exploreMap,
  getter,
  glancer,
  HEADER,
  keyOf,
  LINES,
  NODES,
  outcomesOf,
  ownerOf,
  PIECE,
  readingOf,
  replacer,
  reuse,
  REUSED,
  VALUE_WORD,
  writeNode,
} from "./map_model.ts";

/** Whether a run ends as none may, or accesses race. */
function isFound(found: Exploration, legal: readonly string[]): boolean {
  return found.races.size > 0 || outcomesOf(found).some((outcome) => !legal.includes(outcome));
}

const REPLACED = ["1", "2"];

Deno.test("the model finds a reader that does not say that it reads", () => {
  const silent = (words: Int32Array): string => {
    const table = new TableReader(words as Int32Array<SharedArrayBuffer>, HEADER);
    const place = table.find(A, keyOf(A));
    return String(place === 0 ? 0 : words[place + VALUE_WORD]);
  };
  assert(isFound(exploreMap([replacer, silent]), REPLACED));
  const wrong = outcomesOf(exploreMap([replacer, silent], REUSED));
  assert(wrong.some((outcome) => !REPLACED.includes(outcome)), wrong.join());
});

Deno.test("the model finds a reader that ends its reading too early", () => {
  const early = (words: Int32Array): string => {
    const reading = readingOf(words, LINES[0]);
    const table = new TableReader(words as Int32Array<SharedArrayBuffer>, HEADER);
    reading.begin();
    const place = table.find(A, keyOf(A));
    reading.end();
    return String(words[place + VALUE_WORD]);
  };
  assert(isFound(exploreMap([replacer, early]), REPLACED));
});

Deno.test("the model finds an owner that makes its round before it unlinks", () => {
  const hasty = (words: Int32Array): number => {
    const owner = ownerOf(words);
    const { list, buckets, retired } = owner;
    const old = list.find(buckets.slotFor(A), orderOfHash(A), keyOf(A));
    writeNode(words, NODES[1], A, 2);
    const reads = retired.round().length > 0;
    list.replace(list.previous, old, NODES[1]);
    if (!reads) reuse(owner, old);
    return 0;
  };
  assert(isFound(exploreMap([hasty, getter([A])]), REPLACED));
});

Deno.test("the model finds an owner that frees at once", () => {
  const greedy = (words: Int32Array): number => {
    const owner = ownerOf(words);
    const { list, buckets } = owner;
    const old = list.find(buckets.slotFor(A), orderOfHash(A), keyOf(A));
    writeNode(words, NODES[1], A, 2);
    list.replace(list.previous, old, NODES[1]);
    reuse(owner, old);
    return 0;
  };
  const wrong = outcomesOf(exploreMap([greedy, getter([A])], REUSED));
  assert(wrong.some((outcome) => !REPLACED.includes(outcome)), wrong.join());
});

Deno.test("the model finds an owner that frees when a reader is still in the same reading", () => {
  const impatient = (words: Int32Array): number => {
    const owner = ownerOf(words);
    const { list, buckets, retired } = owner;
    const old = list.find(buckets.slotFor(A), orderOfHash(A), keyOf(A));
    writeNode(words, NODES[1], A, 2);
    list.replace(list.previous, old, NODES[1]);
    retired.round();
    // As if the word's rounds counted as a change of it.
    reuse(owner, old);
    return 0;
  };
  assert(isFound(exploreMap([impatient, getter([A])]), REPLACED));
});

Deno.test("the model finds an owner that publishes a node before its contents", () => {
  const early = (words: Int32Array): number => {
    const { list, buckets } = ownerOf(words);
    const old = list.find(buckets.slotFor(A), orderOfHash(A), keyOf(A));
    list.replace(list.previous, old, NODES[1]);
    writeNode(words, NODES[1], A, 2);
    return 0;
  };
  const found = exploreMap([early, getter([A])]);
  assert(found.races.size > 0 && isFound(found, REPLACED), outcomesOf(found).join());
});

Deno.test("the model finds an owner that counts a slot before it is linked", () => {
  const early = (words: Int32Array): number => {
    const { list, buckets } = ownerOf(words);
    words[PIECE + 2 + ORDER_WORD] = orderOfBucket(1);
    Atomics.store(words, HEADER + BUCKETS_WORD, 2);
    list.split(buckets.slotOf(0), PIECE + 2, orderOfBucket(1));
    return 0;
  };
  const wrong = outcomesOf(exploreMap([early, getter([A])]));
  assert(wrong.includes("0"), wrong.join());
});

Deno.test("the model finds a slot that is linked where nodes of its bucket stand in front of it", () => {
  const misplaced = (words: Int32Array): number => {
    const { list } = ownerOf(words);
    words[PIECE + 2 + ORDER_WORD] = orderOfBucket(1);
    list.link(NODES[0], (PIECE + 2) | SLOT_BIT);
    Atomics.store(words, HEADER + BUCKETS_WORD, 2);
    return 0;
  };
  let failed = false;
  try {
    failed = isFound(exploreMap([misplaced, getter([A])]), ["1"]);
  } catch (error) {
    failed = (error as Error).message.includes("out of order");
  }
  assert(failed);
});

Deno.test("the model finds a reader whose steps are plain", () => {
  const plain = (words: Int32Array): string => {
    const reading = readingOf(words, LINES[0]);
    reading.begin();
    const place = words[PIECE + NEXT_WORD]!;
    const value = words[place + VALUE_WORD]!;
    reading.end();
    return String(value);
  };
  assert(exploreMap([replacer, plain]).races.size > 0);
});

Deno.test("the model finds a reader that looks before it has read the value", () => {
  const early = (words: Int32Array): string => {
    const reading = readingOf(words, LINES[0]);
    const table = new TableReader(words as Int32Array<SharedArrayBuffer>, HEADER);
    const place = table.glance(A, keyOf(A));
    if (place === OUT_OF_ORDER || !reading.isUndisturbed()) return "again";
    return String(place === 0 ? 0 : words[place + VALUE_WORD]);
  };
  const wrong = outcomesOf(exploreMap([replacer, early], REUSED));
  assert(wrong.some((outcome) => ![...REPLACED, "again"].includes(outcome)), wrong.join());
});

Deno.test("the model finds an owner that makes its round after it has freed", () => {
  const late = (words: Int32Array): number => {
    const owner = ownerOf(words);
    const { list, buckets, retired } = owner;
    const old = list.find(buckets.slotFor(A), orderOfHash(A), keyOf(A));
    writeNode(words, NODES[1], A, 2);
    list.replace(list.previous, old, NODES[1]);
    reuse(owner, old);
    retired.round();
    return 0;
  };
  const wrong = outcomesOf(exploreMap([late, glancer(A)], REUSED));
  assert(wrong.some((outcome) => !REPLACED.includes(outcome)), wrong.join());
});
