/** Who holds which pointer, in shared memory: see foreign/holder_words.ts. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StaleForeignPtrError } from "@tidepool/core";
import { HandleTable } from "../../foreign/handle_table.ts";
import {
  FAILED_BYTES,
  HOLDER_BYTES,
  HolderWords,
  LOST_BYTES,
  MAX_GENERATION,
  NOBODY,
  OPENED_BYTES,
  USED_BYTES,
} from "../../foreign/holder_words.ts";
import { SharedPtr } from "../../foreign/shared_ptr.ts";
import { UniquePtr } from "../../foreign/unique_ptr.ts";

const REGION_BYTES = 1024;

function twoShards(): { words: HolderWords; buffer: SharedArrayBuffer } {
  const buffer = new SharedArrayBuffer(4096);
  const regions = [512, 2048].map((byteOffset) => ({ byteOffset, byteLength: REGION_BYTES }));
  return {
    words: new HolderWords(new Int32Array(buffer), new Float64Array(buffer), regions),
    buffer,
  };
}

Deno.test("the parts of a region are aligned, in order, and do not overlap", () => {
  assertEquals([USED_BYTES, OPENED_BYTES, LOST_BYTES, FAILED_BYTES, HOLDER_BYTES], [
    0,
    8,
    16,
    24,
    128,
  ]);
  const { words, buffer } = twoShards();
  assertEquals(words.capacity, (REGION_BYTES - HOLDER_BYTES) / 4);
  const last = words.capacity - 1;
  words.open(0, last, 3);
  words.count(0, LOST_BYTES);
  words.count(0, FAILED_BYTES);
  words.count(0, FAILED_BYTES);
  assertEquals([LOST_BYTES, FAILED_BYTES].map((figure) => words.figure(0, figure)), [1, 2]);
  assertEquals([OPENED_BYTES, LOST_BYTES, FAILED_BYTES].map((f) => words.figure(1, f)), [0, 0, 0]);
  const bytes = new Uint8Array(buffer);
  assertEquals(bytes.findIndex((byte) => byte !== 0), 512);
  assertEquals(bytes.findLastIndex((byte) => byte !== 0) >> 2, (512 + REGION_BYTES - 4) >> 2);
  assertEquals([words.used(0), words.used(1)], [words.capacity, 0]);
  assertEquals(words.figure(0, OPENED_BYTES), 1);
});

Deno.test("HolderWords.pass() hands a pointer on once, from who holds it", () => {
  const { words } = twoShards();
  const generation = words.open(1, 5, 1);
  assertEquals(generation, 1);
  assertEquals(words.pass(1, 5, generation, 1, 256), true);
  assertEquals(words.holder(1, 5), 256);
  assertEquals(words.pass(1, 5, generation, 1, 2), false); // 1 has it no more
  assertEquals(words.pass(1, 5, generation + 1, 256, 2), false); // another object
  assertEquals(words.pass(1, 5, generation, 256, 0), true);
  assertEquals(words.holder(1, 5), 0);
  assertEquals([0, 1, 2].map((g) => words.isOpen(1, 5, generation + g)), [true, false, false]);
  words.close(1, 5);
  assertEquals([words.holder(1, 5), NOBODY], [-1, -1]);
  assertEquals(words.pass(1, 5, generation, 0, 2), false);
  assertEquals(words.isOpen(1, 5, generation), false);
  assertEquals(words.open(1, 5, 1), generation + 1);
});

Deno.test("HolderWords knows the first and the last generation", () => {
  const { words, buffer } = twoShards();
  const word = (512 + HOLDER_BYTES) >> 2;
  new Int32Array(buffer)[word] = (MAX_GENERATION - 1) << 9;
  const generation = words.open(0, 0, 0);
  assertEquals(generation, MAX_GENERATION);
  assertEquals(words.isOpen(0, 0, generation), true);
  assertEquals(words.pass(0, 0, generation, 0, 256), true);
  assertEquals(words.generation(0, 0), MAX_GENERATION);
});

Deno.test("HandleTable never gives the last generation of a handle out again", () => {
  const { words, buffer } = twoShards();
  new Int32Array(buffer)[(512 + HOLDER_BYTES) >> 2] = (MAX_GENERATION - 1) << 9;
  const table = new HandleTable(0, words);
  const first = table.add(new UniquePtr({}), 1);
  assertEquals([first, table.generation(first), table.size], [0, MAX_GENERATION, 1]);
  table.take(first, MAX_GENERATION, -1);
  assertEquals(table.size, 0);
  assertEquals(table.add(new UniquePtr({}), 1), 1); // handle 0 is retired
  assertEquals(table.size, 1);
  assertEquals(new HandleTable(0, words).add(new UniquePtr({}), 1), 1); // in a second life too
});

Deno.test("HandleTable gives each handle another generation each time, and refuses the old ones", () => {
  const { words } = twoShards();
  const table = new HandleTable(0, words);
  const object = {};
  const handle = table.add(new UniquePtr(object), 1);
  const generation = table.generation(handle);
  assertEquals(table.get(handle, generation).get(), object);
  table.take(handle, generation, -1);
  for (let i = 0; i < 1000; i++) {
    assertEquals(table.add(new UniquePtr({}), 1), handle);
    assertThrows(() => table.get(handle, generation), StaleForeignPtrError);
    assertThrows(() => table.take(handle, generation, -1), StaleForeignPtrError);
    assertEquals(table.seize(handle, table.generation(handle)).get(), {});
  }
  assertThrows(() => table.get(77, 1), StaleForeignPtrError, "shard 0 has destroyed it");
});

Deno.test("a second life of a shard takes no pointer of the first for one of its own", () => {
  const { words } = twoShards();
  const before = new HandleTable(1, words);
  const old = Array.from({ length: 5 }, () => before.add(new UniquePtr({}), 0));
  const generations = old.map((handle) => before.generation(handle));
  const after = new HandleTable(1, words);
  for (const [i, handle] of old.entries()) {
    assertEquals(words.isOpen(1, handle, generations[i]!), false);
    assertEquals(words.pass(1, handle, generations[i]!, 0, 2), false);
    assertThrows(() => after.get(handle, generations[i]!), StaleForeignPtrError);
  }
  const fresh = after.add(new UniquePtr({}), 0);
  assertEquals(fresh, old[0]);
  assert(after.generation(fresh) > generations[0]!);
  assertThrows(() => after.get(fresh, generations[0]!), StaleForeignPtrError);
});

Deno.test("HandleTable says when a shard has given away all that it can", () => {
  const { words } = twoShards();
  const table = new HandleTable(0, words);
  for (let i = 0; i < words.capacity - 1; i++) table.add(new UniquePtr({}), 1);
  const shared = table.add(new SharedPtr({}), 1);
  assertThrows(
    () => table.add(new UniquePtr({}), 1),
    RangeError,
    "Cannot give 1 more pointers away: shard 0 has given away 224, and 224 are the most",
  );
  const generation = table.generation(shared);
  assertThrows(
    () => table.copy(shared, generation, 1, 2, [0, 0], 0),
    RangeError,
    "Cannot give 2 more",
  );
  assertEquals(table.size, words.capacity); // none of the copies was made
});

Deno.test("HandleTable.take() keeps a share while requests for copies are on their way", () => {
  const { words } = twoShards();
  const table = new HandleTable(0, words);
  let destroyed = 0;
  const handle = table.add(new SharedPtr({ [Symbol.dispose]: () => void destroyed++ }), 1);
  const generation = table.generation(handle);
  const source = table.take(handle, generation, 2); // two were asked for, none has come
  source[Symbol.dispose]();
  assertEquals([destroyed, table.size, words.holder(0, handle)], [0, 1, 0]);
  const copies = [0];
  table.copy(handle, generation, 2, 1, copies, 0);
  assertEquals(table.size, 2);
  const more = [0, 0];
  table.copy(handle, generation, 1, 2, more, 0);
  assertEquals(table.size, 3); // the share that was kept is gone
  assertThrows(() => table.get(handle, generation), StaleForeignPtrError);
  for (const copy of [...copies, ...more]) {
    assertEquals(destroyed, 0);
    table.take(copy, table.generation(copy), 0)[Symbol.dispose]();
  }
  assertEquals([destroyed, table.size], [1, 0]);
});
