/** The pointers that one shard has given away: see foreign/given_away_table.ts. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { setImmediate } from "node:timers";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { StaleForeignPtrError } from "@tidepool/core";
import { GivenAwayTable } from "../../foreign/given_away_table.ts";
import { PointerHolders } from "../../foreign/pointer_holders.ts";
import { SharedPtr } from "../../foreign/local/shared_ptr.ts";
import { UniquePtr } from "../../foreign/local/unique_ptr.ts";
import { GivenAwayRegion, HOLDERS_BYTES } from "../../shard/calls/given_away_region.ts";

const { MAX_GENERATION } = GivenAwayRegion;
const CAPACITY = 8;
const REGION_BYTES = HOLDERS_BYTES + CAPACITY * 4;

/** The words of two shards, side by side. */
function twoShards(): { holders: PointerHolders; raw: Int32Array } {
  const buffer = new SharedArrayBuffer(2 * REGION_BYTES);
  const raw = new Int32Array(buffer);
  const regions = [0, REGION_BYTES].map((byteOffset) =>
    new GivenAwayRegion(byteOffset, REGION_BYTES)
  );
  return { holders: new PointerHolders(raw, new Float64Array(buffer), regions), raw };
}

function makeTable(): { table: GivenAwayTable; holders: PointerHolders } {
  const { holders } = twoShards();
  return { table: new GivenAwayTable(0, holders), holders };
}

function numberOf(pointer: SharedPtr<object>): number {
  return SharedPtr["peek"](pointer)!.number;
}

Deno.test("GivenAwayTable.add() numbers shared objects, each once, and unique ones not at all", () => {
  const { table } = makeTable();
  const [first, second] = [new SharedPtr({}), new SharedPtr({})];
  const clone = first.clone();
  table.add(first, 1);
  table.add(second, 1);
  const [one, two] = [numberOf(first), numberOf(second)];
  assert(one !== 0 && two !== 0, "0 is the number of none");
  assertNotEquals(one, two);
  table.add(clone, 2);
  assertEquals(numberOf(first), one);
  const unique = new UniquePtr({});
  table.add(unique, 1);
  assertEquals(UniquePtr["peek"](unique)!.number, 0);
});

Deno.test("GivenAwayTable.get(), take() and seize() refuse what is not in use, also the generation 0", () => {
  const { table } = makeTable();
  const handle = table.add(new UniquePtr({}), 1);
  const generation = table.generation(handle);
  const refuse = (handle: number, generation: number) => {
    for (
      const use of [
        () => table.get(handle, generation),
        () => table.take(handle, generation, -1),
        () => table.seize(handle, generation),
        () => table.copy(handle, generation, 1, 1, [0], 0),
      ]
    ) assertThrows(use, StaleForeignPtrError);
    assertEquals(table.heard(handle, generation), null);
  };
  refuse(handle + 1, generation); // never used
  refuse(handle, generation + 1);
  assertEquals(table.size, 1);
  table.seize(handle, generation);
  refuse(handle, generation);
  refuse(handle, 0); // what an entry out of use has
  assertEquals(table.size, 0);
});

Deno.test("GivenAwayTable.copy() refuses a unique pointer, and one that was emptied at home", () => {
  const { table } = makeTable();
  const unique = table.add(new UniquePtr({}), 1);
  assertThrows(
    () => table.copy(unique, table.generation(unique), 1, 1, [0], 0),
    TypeError,
    "Cannot copy a foreign pointer to a UniquePtr: it can only be moved",
  );
  const pointer = new SharedPtr({});
  const emptied = table.add(pointer, 1);
  pointer.release();
  assertThrows(
    () => table.copy(emptied, table.generation(emptied), 1, 1, [0], 0),
    StaleForeignPtrError,
  );
  assertEquals(table.size, 2);
});

Deno.test("GivenAwayTable.copy() uses the handles that are free, up to the last", () => {
  const { table } = makeTable();
  const shared = table.add(new SharedPtr({}), 1);
  const others = Array.from({ length: CAPACITY - 1 }, () => table.add(new UniquePtr({}), 1));
  const freed = others.slice(2, 4);
  for (const handle of freed) table.seize(handle, table.generation(handle));
  const copies = [-1, -1, -1];
  table.copy(shared, table.generation(shared), 1, 2, copies, 1);
  assertEquals([copies[0], ...copies.slice(1).sort()], [-1, ...freed]);
  assertEquals(table.size, CAPACITY);
});

Deno.test("GivenAwayTable.heldBy() gives what the endpoints asked for hold, and nothing out of use", () => {
  const { table } = makeTable();
  const pointers = [new UniquePtr({ a: 1 }), new SharedPtr({ b: 2 }), new UniquePtr({ c: 3 })];
  const [first, second, third] = pointers.map((pointer, i) => table.add(pointer, i + 1)) as [
    number,
    number,
    number,
  ];
  const copies = [0];
  table.copy(second, table.generation(second), 3, 1, copies, 0);
  table.seize(first, table.generation(first));
  const held = (endpoint: number) =>
    [...table.heldBy((holder) => holder === endpoint)]
      .map(({ handle, holder, owned }) => [handle, holder, owned!.object]);
  assertEquals(held(1), []);
  assertEquals(held(2), [[second, 2, { b: 2 }]]);
  assertEquals(held(3), [[third, 3, { c: 3 }], [copies[0]!, 3, { b: 2 }]]);
  assertEquals([...table.heldBy(() => true)].map(({ handle }) => handle), [
    second,
    third,
    copies[0],
  ]);
});

Deno.test("GivenAwayTable.lingering() gives what is destroyed and waits for requests, as long as it does", () => {
  const { table } = makeTable();
  const [first, second] = [new SharedPtr({}), new SharedPtr({})].map((pointer) =>
    table.add(pointer, 1)
  ) as [number, number];
  const lingering = () => [...table.lingering()];
  assertEquals(lingering(), []);
  const generations = [first, second].map((handle) => table.generation(handle));
  // A request was heard more than its pointer had counted by then, as its holder died before it could.
  table.heard(second, generations[1]!);
  table.take(second, generations[1]!, 0);
  assertEquals(lingering(), [{ handle: second, generation: generations[1]! }]);
  table.take(first, generations[0]!, 1);
  assertEquals(lingering().map(({ handle }) => handle), [first, second]);
  table.heard(first, generations[0]!);
  table.seize(second, generations[1]!);
  assertEquals(lingering(), []);
  for (let i = 0; i < 2; i++) table.add(new SharedPtr({}), 1); // in the same entries
  assertEquals(lingering(), []);
});

Deno.test("GivenAwayTable counts no handle that an earlier life of its shard has used up, nor knows it", () => {
  const { holders, raw } = twoShards();
  raw[HOLDERS_BYTES >> 2] = (MAX_GENERATION - 1) << 9;
  const before = new GivenAwayTable(0, holders);
  before.seize(before.add(new UniquePtr({}), 1), MAX_GENERATION);
  const table = new GivenAwayTable(0, holders);
  assertEquals(table.add(new UniquePtr({}), 1), 1);
  assertEquals(table.size, 1);
  assertThrows(() => table.get(0, 1), StaleForeignPtrError);
  assertEquals([...table.heldBy(() => true)].map(({ handle }) => handle), [1]);
});

Deno.test("GivenAwayTable closes every handle of an earlier life, and touches no other shard's words", () => {
  const { holders } = twoShards();
  const before = new GivenAwayTable(0, holders);
  const handles = Array.from({ length: CAPACITY }, () => before.add(new UniquePtr({}), 1));
  const other = new GivenAwayTable(1, holders);
  const kept = other.add(new UniquePtr({}), 0);
  new GivenAwayTable(0, holders);
  for (const handle of handles) assertEquals(holders.isOpen(0, handle, 1), false);
  assertEquals([holders.used(0), holders.used(1)], [CAPACITY, 1]);
  assertEquals(holders.isOpen(1, kept, 1), true);
});

/** Gives an object away, has it copied, and takes all of it back; all that is left is the reference. */
function giveAndTake(table: GivenAwayTable): WeakRef<object> {
  const object = {};
  const source = table.add(new SharedPtr(object), 1);
  const copies = [0, 0];
  table.copy(source, table.generation(source), 1, 2, copies, 0);
  for (const handle of [source, ...copies]) {
    const generation = table.generation(handle);
    assertEquals(table.get(handle, generation).get(), object);
    table.take(handle, generation, handle === source ? 1 : 0)[Symbol.dispose]();
  }
  return new WeakRef(object);
}

Deno.test("GivenAwayTable keeps no object whose pointers have been taken out", async () => {
  const { table } = makeTable();
  const object = giveAndTake(table);
  await new Promise((resolve) => setImmediate(resolve)); // a WeakRef keeps its object until then
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  assertEquals(object.deref(), undefined);
  assertEquals(table.size, 0);
});
