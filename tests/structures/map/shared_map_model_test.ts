/**
 * A shared map in every interleaving of a reader and its owner: the production code of readings, retired
 * blocks, list and buckets, on a few words. Covered: a node replaced, deleted, and its memory used again; a
 * new slot in front of what is sought; a reading that is looked at afterwards; a map that is closed; two
 * readers. Not covered: that a processor may do a plain read after the addition that looks afterwards, which
 * reading.ts says why it does not; allocation; and values of more than a word.
 */
import { assert, assertEquals } from "@std/assert";
import { KEY_WORD } from "../../../structures/map/map_layout.ts";
import { orderOfHash } from "../../../structures/map/split_order.ts";
import { TableReader } from "../../../structures/map/table_reader.ts";
import {
  A,
  B,
  deleter,
  exploreMap,
  getter,
  glancer,
  grower,
  HEADER,
  keyOf,
  LINES,
  MAGIC,
  outcomesOf,
  ownerOf,
  racesElsewhere,
  readingOf,
  replacer,
  REUSED,
  VALUE_WORD,
} from "./map_model.ts";

Deno.test("a reader of a key that is replaced sees the old value or the new, and the new from then on", () => {
  const found = exploreMap([replacer, getter([A, A])]);
  assertEquals(outcomesOf(found), ["1,1", "1,2", "2,2"]);
  assertEquals([...found.races], []);
  assert(found.states > 300, `only ${found.states} states were searched`);
});

Deno.test("a reader of a key that is deleted sees its value or none, and none from then on", () => {
  const found = exploreMap([deleter, getter([A, A])]);
  assertEquals(outcomesOf(found), ["0,0", "1,0", "1,1"]);
  assertEquals([...found.races], []);
});

Deno.test("memory is used again as soon as nobody reads it, and found as what it is then", () => {
  const found = exploreMap([deleter, getter([B])]);
  assertEquals(outcomesOf(found), ["0", "9"]);
  assertEquals([...found.races], []);
});

Deno.test("a reader finds what stands behind a new slot at any time", () => {
  const found = exploreMap([grower, getter([A, B, A])]);
  assertEquals(outcomesOf(found), ["1,0,1", "1,3,1"]);
  assertEquals([...found.races], []);
});

Deno.test("two readers hold memory, each of its own reading", () => {
  const found = exploreMap([replacer, getter([A], LINES[0]), getter([A], LINES[1])]);
  assertEquals(outcomesOf(found), ["1; 1", "1; 2", "2; 1", "2; 2"]);
  assertEquals([...found.races], []);
});

Deno.test("a reader that looks afterwards sees what one within a reading sees", () => {
  const replaced = exploreMap([replacer, glancer(A, A)], REUSED);
  assertEquals(outcomesOf(replaced), ["1,1", "1,2", "2,2"]);
  assertEquals(racesElsewhere(replaced), []);
  const deleted = exploreMap([deleter, glancer(A, B)], REUSED);
  assertEquals(outcomesOf(deleted), ["0,0", "0,9", "1,0", "1,9"]);
  assertEquals(racesElsewhere(deleted), []);
  const grown = exploreMap([grower, glancer(A, B)], REUSED);
  assertEquals(outcomesOf(grown), ["1,0", "1,3"]);
  assertEquals(racesElsewhere(grown), []);
});

Deno.test("a map that is closed is met as such, or read before anything of it is freed", () => {
  const closer = (words: Int32Array): number => {
    const { list, buckets, retired } = ownerOf(words);
    const node = list.find(buckets.slotFor(A), orderOfHash(A), keyOf(A));
    words[MAGIC] = 0;
    retired.round();
    const overwrite = (place: number) => words[place + VALUE_WORD] = words[place + KEY_WORD] = 7;
    retired.retire(node, { release: overwrite });
    retired.collect();
    return 0;
  };
  // As ForeignStructure does: it knows the map to be open up to the rounds that it has met.
  const reader = (words: Int32Array): string => {
    const reading = readingOf(words, LINES[0]);
    const table = new TableReader(words as Int32Array<SharedArrayBuffer>, HEADER);
    reading.begin();
    if (words[MAGIC] === 0) return "closed";
    const { rounds } = reading;
    reading.end();
    reading.begin();
    if (reading.rounds !== rounds && words[MAGIC] === 0) return "closed later";
    const place = table.find(A, keyOf(A));
    const value = words[place + VALUE_WORD]!;
    reading.end();
    return String(value);
  };
  const found = exploreMap([closer, reader], [MAGIC]);
  assertEquals(outcomesOf(found), ["1", "closed", "closed later"]);
  assertEquals([...found.races], []);
});
