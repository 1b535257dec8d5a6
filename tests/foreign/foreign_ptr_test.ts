/**
 * Foreign pointers between real shards. Names in brackets are the cases of Seastar's
 * foreign_ptr_test.cc that a test stands for.
 */
import { Runtime, StaleForeignPtrError, WrongShardError } from "@tidepool/core";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Probe, probeTasks } from "./probe_tasks.ts";

function start(shards: number): Promise<Runtime> {
  return Runtime.start({ shards, memory: "16MiB" });
}

Deno.test("a foreign pointer is made, lent, released, copied and reset at home (make_foreign_ptr_from_lw_shared_ptr, from_shared_ptr, copy, get, release, reset)", async () => {
  await using runtime = await start(1);
  assertEquals(await runtime.submitTo(0, probeTasks.checkLocal), []);
});

Deno.test("a foreign pointer destroys its object on the home shard (foreign_ptr_cpu_test, move_assignment_test, destroy_test)", async () => {
  await using runtime = await start(2);
  assertEquals(await runtime.submitTo(0, probeTasks.checkCpu, 1), [
    "reset to a local object: there a, here ",
    "destroy: there , here b",
    "assign a local pointer: there c, here ",
    "owner 0, other null true",
    "self false",
    "reset to null: there , here d",
    "null true, owner 0",
  ]);
});

Deno.test("copies are counted on the owner alone (test_foreign_ptr_use_count)", async () => {
  await using runtime = await start(2);
  const pointer = await runtime.submitTo(1, probeTasks.openKept, "kept");
  assertEquals(await runtime.submitTo(1, probeTasks.keptUseCount), 2);
  const copy = await pointer.copy();
  assertEquals(copy.ownerShard, 1);
  assertEquals(await runtime.submitTo(1, probeTasks.keptUseCount), 3);
  await pointer.destroy();
  assertEquals(await runtime.submitTo(1, probeTasks.keptUseCount), 2);
  await runtime.submitTo(1, probeTasks.dropKept);
  assertEquals(await runtime.submitTo(1, probeTasks.destroyed), []);
  await copy.destroy();
  assertEquals(await runtime.submitTo(1, probeTasks.destroyed), ["kept"]);
});

Deno.test("ForeignPtr.get() lends a reference that is the object at home", async () => {
  await using runtime = await start(2);
  using pointer = await runtime.submitTo(1, probeTasks.open, "lent");
  assertEquals(pointer.ownerShard, 1);
  assertEquals(await runtime.submitTo(pointer.ownerShard, probeTasks.hit, pointer.get(), 5), 5);
  assertEquals(await pointer.invoke("hit", 2), 7);
  assertEquals(await pointer.invoke("where"), 1);
  assert(!(pointer.get() instanceof Probe));
  // On a shard that is not its home the reference stays one.
  const away = await runtime.submitTo(0, probeTasks.nameOf, pointer.get());
  assertStrictEquals(away, undefined);
});

Deno.test("ForeignPtr.invoke() names a method that is none, and passes errors on", async () => {
  await using runtime = await start(1);
  using pointer = await runtime.submitTo(0, probeTasks.open, "x");
  await assertRejects(
    () => pointer.invoke("name" as "where"),
    TypeError,
    'Cannot invoke "name" of Probe: it has no such method',
  );
});

Deno.test("sending a foreign pointer moves it", async () => {
  await using runtime = await start(3);
  const pointer = await runtime.submitTo(0, probeTasks.open, "moved");
  const kept = runtime.submitTo(1, probeTasks.keep, pointer);
  assert(pointer.isNull);
  assertThrows(() => pointer.get(), TypeError, "it was moved to endpoint 1");
  await assertRejects(() => pointer.invoke("where"), TypeError, "moved to endpoint 1");
  await assertRejects(() => runtime.submitTo(2, probeTasks.keep, pointer), TypeError, "moved");
  await pointer.destroy(); // of a null pointer: nothing
  assertEquals(await kept, 1);
  assertEquals(await runtime.submitTo(0, probeTasks.destroyed), []);
  await runtime.submitTo(1, probeTasks.dropHeld);
  assertEquals(await runtime.submitTo(0, probeTasks.destroyed), ["moved"]);
  assertEquals(await runtime.submitTo(1, probeTasks.destroyed), []);
});

Deno.test("a foreign pointer that comes home is local again", async () => {
  await using runtime = await start(2);
  const pointer = await runtime.submitTo(0, probeTasks.open, "home");
  await runtime.submitTo(1, probeTasks.keep, pointer);
  const back = await runtime.submitTo(1, probeTasks.giveBack);
  const reference = back.get();
  assertEquals(await runtime.submitTo(0, probeTasks.isHome, back), true);
  assertEquals(await runtime.submitTo(0, probeTasks.destroyed), ["home"]);
  await assertRejects(
    () => runtime.submitTo(0, probeTasks.nameOf, reference),
    StaleForeignPtrError,
    "is no longer there",
  );
});

Deno.test("foreign pointers move inside objects, arrays and Maps", async () => {
  await using runtime = await start(2);
  const list = await runtime.submitTo(0, probeTasks.openMany, "n", 5);
  const map = await runtime.submitTo(1, probeTasks.nested, { list });
  assert(list.every((pointer) => pointer.isNull));
  assertEquals([...map.keys()], ["p0", "p1", "p2", "p3", "p4"]);
  assertEquals(await map.get("p3")!.invoke("where"), 0);
  await Promise.all([...map.values()].map((pointer) => pointer.destroy()));
  assertEquals((await runtime.submitTo(0, probeTasks.destroyed)).length, 5);
});

Deno.test("a message that cannot be sent leaves its pointers where they were", async () => {
  await using runtime = await start(2);
  const pointer = await runtime.submitTo(0, probeTasks.open, "stays");
  await assertRejects(
    () => runtime.submitTo(1, probeTasks.nested, { list: [pointer], f: () => 1 } as never),
    TypeError,
    "arguments[0].f",
  );
  assert(!pointer.isNull);
  assertEquals(await pointer.invoke("where"), 0);
  await pointer.destroy();
});

Deno.test("thousands of destructions in one turn all happen, on the home shard", async () => {
  await using runtime = await start(2);
  const pointers = await runtime.submitTo(1, probeTasks.openMany, "m", 3000);
  const sent = () => runtime.busStatistics(2).callsSent;
  const before = sent();
  await Promise.all(pointers.map((pointer) => pointer.destroy()));
  assertEquals(sent() - before, 6); // 512 to a message
  assertEquals((await runtime.submitTo(1, probeTasks.destroyed)).length, 3000);
});

Deno.test("a pointer can be dropped or moved while it is being copied", async () => {
  await using runtime = await start(3);
  const dropped = await runtime.submitTo(0, probeTasks.openShared, "dropped");
  const copying = dropped.copy();
  await dropped.destroy();
  const copy = await copying;
  assertEquals(await copy.invoke("where"), 0);
  await copy.destroy();
  assertEquals(await runtime.submitTo(0, probeTasks.destroyed), ["dropped"]);

  for (let round = 0; round < 200; round++) {
    // The shard that the pointer is moved to destroys it, by another ring than the copy's.
    const moved = await runtime.submitTo(0, probeTasks.openShared, "moved");
    const second = moved.copy();
    const gone = runtime.submitTo(1 + round % 2, probeTasks.destroyThere, moved);
    const other = await second;
    await gone;
    assertEquals(await other.invoke("where"), 0);
    await other.destroy();
    assertEquals(await runtime.submitTo(0, probeTasks.destroyed), ["moved"]);
  }
});

Deno.test("a third shard copies by a round trip to the owner", async () => {
  await using runtime = await start(3);
  const pointer = await runtime.submitTo(0, probeTasks.openShared, "third");
  const first = await pointer.copy();
  const second = await runtime.submitTo(2, probeTasks.copyThere, first);
  assertEquals(second.ownerShard, 0);
  await pointer.destroy();
  assertEquals(await runtime.submitTo(0, probeTasks.destroyed), []);
  await second.destroy();
  assertEquals(await runtime.submitTo(0, probeTasks.destroyed), ["third"]);
});

Deno.test("ForeignPtr.copy() refuses a null pointer and a unique one", async () => {
  await using runtime = await start(1);
  const unique = await runtime.submitTo(0, probeTasks.open, "u");
  await assertRejects(
    // @ts-expect-error -- a unique pointer has no copy(): the compiler says so too.
    () => unique.copy(),
    TypeError,
    "it can only be moved",
  );
  const shared = await runtime.submitTo(0, probeTasks.openShared, "s");
  await Promise.all([unique.destroy(), shared.destroy()]);
  assert((await shared.copy()).isNull); // as in Seastar
});

Deno.test("what works only at home says so elsewhere", async () => {
  await using runtime = await start(1);
  using pointer = await runtime.submitTo(0, probeTasks.open, "x");
  assertThrows(() => pointer.release(), WrongShardError, "its object lives on shard 0");
  assertThrows(() => pointer.unwrapOnOwnerShard(), WrongShardError, "lives on shard 0");
});

Deno.test("destroy() waits for an asynchronous destructor, and rejects with what one throws", async () => {
  await using runtime = await start(1);
  const slow = await runtime.submitTo(0, probeTasks.openAsync);
  await slow.destroy();
  assertEquals(await runtime.submitTo(0, probeTasks.destroyed), ["async"]);
  const bad = await runtime.submitTo(0, probeTasks.open, "bad");
  const good = await runtime.submitTo(0, probeTasks.open, "good");
  const both = await Promise.allSettled([bad.destroy(), good.destroy()]);
  assertEquals(both.map(({ status }) => status), ["rejected", "fulfilled"]);
  assertInstanceOf((both[0] as PromiseRejectedResult).reason, RangeError);
  assertEquals(await runtime.submitTo(0, probeTasks.destroyed), ["good"]);
});

Deno.test("a block owned by a foreign pointer is freed on its home shard", async () => {
  await using runtime = await start(2);
  {
    await using block = await runtime.submitTo(1, probeTasks.openBlock);
    assertEquals(block.ownerShard, 1);
  }
  const { mallocs, frees, remoteFreesReceived } = runtime.memoryStatistics(1);
  assertEquals([mallocs - frees, remoteFreesReceived], [0, 0]);
});

Deno.test("pointers that outlive the runtime are dropped without a word", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  const runtime = await Runtime.start({ shards: 1, memory: "16MiB", onWarning });
  const pointer = await runtime.submitTo(0, probeTasks.open, "late");
  await runtime.stop();
  assertEquals(warnings.length, 1); // the end of the runtime has told of it
  pointer[Symbol.dispose]();
  assert(pointer.isNull);
});
