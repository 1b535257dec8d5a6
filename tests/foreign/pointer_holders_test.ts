/** Who holds which pointer, in shared memory: see foreign/pointer_holders.ts. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StaleForeignPtrError } from "@tidepool/core";
import { GivenAwayTable } from "../../foreign/given_away_table.ts";
import { NOBODY, PointerHolders } from "../../foreign/pointer_holders.ts";
import { SharedPtr } from "../../foreign/local/shared_ptr.ts";
import { UniquePtr } from "../../foreign/local/unique_ptr.ts";
import { GivenAwayRegion, HOLDERS_BYTES } from "../../shard/calls/given_away_region.ts";

const { MAX_GENERATION } = GivenAwayRegion;
const REGION_BYTES = 1024;
const REGIONS = [512, 2048].map((byteOffset) => new GivenAwayRegion(byteOffset, REGION_BYTES));

function twoShards(): { holders: PointerHolders; buffer: SharedArrayBuffer } {
  const buffer = new SharedArrayBuffer(4096);
  return {
    holders: new PointerHolders(new Int32Array(buffer), new Float64Array(buffer), REGIONS),
    buffer,
  };
}

Deno.test("PointerHolders writes its shard's region alone, from the first word to the last", () => {
  const { holders, buffer } = twoShards();
  assertEquals(holders.capacity, (REGION_BYTES - HOLDERS_BYTES) / 4);
  const last = holders.capacity - 1;
  holders.open(0, last, 3);
  holders.open(0, 1, 3);
  holders.countLost(0);
  holders.countFailed(0);
  holders.countFailed(0);
  const figures = new Float64Array(buffer);
  const figuresOf = ({ openedFigure, lostFigure, failedFigure }: GivenAwayRegion) =>
    [openedFigure, lostFigure, failedFigure].map((figure) => figures[figure]);
  assertEquals(REGIONS.map(figuresOf), [[2, 1, 2], [0, 0, 0]]);
  const bytes = new Uint8Array(buffer);
  assertEquals(bytes.findIndex((byte) => byte !== 0), 512);
  assertEquals(bytes.findLastIndex((byte) => byte !== 0) >> 2, (512 + REGION_BYTES - 4) >> 2);
  assertEquals([0, 1, 2].map((endpoint) => holders.used(endpoint)), [holders.capacity, 0, 0]);
});

Deno.test("PointerHolders.pass() hands a pointer on once, from who holds it", () => {
  const { holders } = twoShards();
  const generation = holders.open(1, 5, 1);
  assertEquals(generation, 1);
  assertEquals(holders.pass(1, 5, generation, 1, 256), true);
  assertEquals(holders.holder(1, 5), 256);
  assertEquals(holders.pass(1, 5, generation, 1, 2), false); // 1 has it no more
  assertEquals(holders.pass(1, 5, generation + 1, 256, 2), false); // another object
  assertEquals(holders.pass(1, 5, generation, 256, 0), true);
  assertEquals(holders.holder(1, 5), 0);
  assertEquals([0, 1, 2].map((g) => holders.isOpen(1, 5, generation + g)), [true, false, false]);
  holders.close(1, 5);
  assertEquals([holders.holder(1, 5), NOBODY], [-1, -1]);
  assertEquals(holders.pass(1, 5, generation, 0, 2), false);
  assertEquals(holders.isOpen(1, 5, generation), false);
  assertEquals(holders.open(1, 5, 1), generation + 1);
});

Deno.test("PointerHolders knows the first and the last generation", () => {
  const { holders, buffer } = twoShards();
  const word = REGIONS[0]!.holdersWord;
  new Int32Array(buffer)[word] = (MAX_GENERATION - 1) << 9;
  const generation = holders.open(0, 0, 0);
  assertEquals(generation, MAX_GENERATION);
  assertEquals(holders.isOpen(0, 0, generation), true);
  assertEquals(holders.pass(0, 0, generation, 0, 256), true);
  assertEquals(holders.generation(0, 0), MAX_GENERATION);
});

Deno.test("GivenAwayTable never gives the last generation of a handle out again", () => {
  const { holders, buffer } = twoShards();
  new Int32Array(buffer)[REGIONS[0]!.holdersWord] = (MAX_GENERATION - 1) << 9;
  const table = new GivenAwayTable(0, holders);
  const first = table.add(new UniquePtr({}), 1);
  assertEquals([first, table.generation(first), table.size], [0, MAX_GENERATION, 1]);
  table.take(first, MAX_GENERATION, -1);
  assertEquals(table.size, 0);
  assertEquals(table.add(new UniquePtr({}), 1), 1); // handle 0 is retired
  assertEquals(table.size, 1);
  assertEquals(new GivenAwayTable(0, holders).add(new UniquePtr({}), 1), 1); // in a second life too
});

Deno.test("GivenAwayTable gives each handle another generation each time, and refuses the old ones", () => {
  const { holders } = twoShards();
  const table = new GivenAwayTable(0, holders);
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
  const { holders } = twoShards();
  const before = new GivenAwayTable(1, holders);
  const old = Array.from({ length: 5 }, () => before.add(new UniquePtr({}), 0));
  const generations = old.map((handle) => before.generation(handle));
  const after = new GivenAwayTable(1, holders);
  for (const [i, handle] of old.entries()) {
    assertEquals(holders.isOpen(1, handle, generations[i]!), false);
    assertEquals(holders.pass(1, handle, generations[i]!, 0, 2), false);
    assertThrows(() => after.get(handle, generations[i]!), StaleForeignPtrError);
  }
  const fresh = after.add(new UniquePtr({}), 0);
  assertEquals(fresh, old[0]);
  assert(after.generation(fresh) > generations[0]!);
  assertThrows(() => after.get(fresh, generations[0]!), StaleForeignPtrError);
});

Deno.test("GivenAwayTable says when a shard has given away all that it can", () => {
  const { holders } = twoShards();
  const table = new GivenAwayTable(0, holders);
  for (let i = 0; i < holders.capacity - 1; i++) table.add(new UniquePtr({}), 1);
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
  assertEquals(table.size, holders.capacity); // none of the copies was made
});

Deno.test("GivenAwayTable.take() keeps a share while requests for copies are on their way", () => {
  const { holders } = twoShards();
  const table = new GivenAwayTable(0, holders);
  let destroyed = 0;
  const handle = table.add(new SharedPtr({ [Symbol.dispose]: () => void destroyed++ }), 1);
  const generation = table.generation(handle);
  const source = table.take(handle, generation, 2); // two were asked for, none has come
  source[Symbol.dispose]();
  assertEquals([destroyed, table.size, holders.holder(0, handle)], [0, 1, 0]);
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
