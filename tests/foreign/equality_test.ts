/** Null pointers, equality, and self-moves: what Seastar has no test for. */
import { type ForeignPtr, Runtime } from "@tidepool/core";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { outcomeTasks, type Piece } from "./outcome_tasks.ts";

function start(): Promise<Runtime> {
  return Runtime.start({ shards: 2, memory: "8MiB" });
}

Deno.test("ForeignPtr.equals() knows the same object, also between copies on either side", async () => {
  await using runtime = await start();
  await using one = await runtime.submitTo(0, outcomeTasks.openShared, "one");
  await using other = await runtime.submitTo(0, outcomeTasks.openShared, "other");
  await using elsewhere = await runtime.submitTo(1, outcomeTasks.openShared, "elsewhere");
  const copies = await one.copy(3);
  const twice = await copies[0]!.copy();
  for (const copy of [...copies, twice, one]) {
    assert(copy.equals(one) && one.equals(copy));
    assert(!copy.equals(other) && !copy.equals(elsewhere));
  }
  await using unique = await runtime.submitTo(0, outcomeTasks.open, "unique");
  await using unique2 = await runtime.submitTo(0, outcomeTasks.open, "unique2");
  assert(unique.equals(unique) && !unique.equals(unique2));
  await Promise.all([...copies, twice].map((copy) => copy.destroy()));
  assert(copies[0]!.equals(copies[1]!)); // null equals null
  assert(!copies[0]!.equals(one));
  assertEquals(await runtime.submitTo(0, outcomeTasks.compareAtHome), []);
});

Deno.test("a null pointer travels, is copied, reset and destroyed, and lends nothing", async () => {
  await using runtime = await start();
  const none = await runtime.submitTo(1, outcomeTasks.openNull);
  assertEquals([none.isNull, none.ownerShard], [true, 1]);
  assertThrows(() => none.get(), TypeError, "it is null: never set, released, destroyed or reset");
  assertThrows(() => none.release(), TypeError, "it is null");
  assertThrows(() => none.unwrapOnOwnerShard(), TypeError, "it is null");
  await assertRejects(() => none.invoke("nameHere"), TypeError, "it is null");
  const copy = await (none as ForeignPtr<Piece, "shared"> | ForeignPtr<Piece> as ForeignPtr<
    Piece,
    "shared"
  >).copy();
  assertEquals([copy.isNull, copy.ownerShard], [true, 1]);
  none.reset();
  none[Symbol.dispose]();
  await none.destroy();
  assertEquals(await runtime.submitTo(0, outcomeTasks.same, none), "1 true");
  assert(none.isNull);
});

Deno.test("assigning a pointer to itself keeps it, and assigning it elsewhere moves it", async () => {
  await using runtime = await start();
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  pointer.assign(pointer);
  assertEquals(await pointer.invoke("nameHere"), "a on 0");
  const target = await runtime.submitTo(1, outcomeTasks.open, "b");
  target.assign(pointer);
  assert(pointer.isNull);
  assertEquals([target.ownerShard, await target.invoke("nameHere")], [0, "a on 0"]);
  assertEquals(await runtime.submitTo(1, outcomeTasks.destroyed), ["b"]);
  await target.destroy();
  assertEquals(await runtime.submitTo(0, outcomeTasks.destroyed), ["a"]);
});

Deno.test("ForeignPtr.reset() on the host takes nothing, as the host owns no objects", async () => {
  await using runtime = await start();
  const { UniquePtr } = await import("@tidepool/core");
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  assertThrows(
    () => pointer.reset(new UniquePtr<Piece>()),
    TypeError,
    "This thread is not a shard",
  );
  assertEquals(await pointer.invoke("nameHere"), "a on 0"); // and nothing was lost
  pointer.reset();
  assert(pointer.isNull);
  await runtime.submitTo(0, outcomeTasks.tick);
  assertEquals(await runtime.submitTo(0, outcomeTasks.destroyed), ["a"]);
});

Deno.test("ForeignPtr.copy() refuses a number of copies that is none", async () => {
  await using runtime = await start();
  await using pointer = await runtime.submitTo(0, outcomeTasks.openShared, "a");
  for (const count of [-1, 0.5, NaN]) {
    await assertRejects(() => pointer.copy(count), RangeError, `Cannot make ${count} copies`);
  }
  assertEquals(await pointer.copy(0), []);
});
