/**
 * The sentences of the Seastar tutorial's sections 24.1, "Per-thread memory allocation", and 24.2,
 * "Foreign pointers", each with a test of what it says. A test's name quotes the sentence in short.
 * Sentences about C++ alone, about NUMA and about what to avoid have none.
 */
import { Runtime, StaleForeignPtrError } from "@tidepool/core";
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { type Connection, Point, tutorialTasks } from "./tutorial_tasks.ts";

function start(shards: number): Promise<Runtime> {
  return Runtime.start({ shards, memory: shards * 2 ** 22 });
}

Deno.test("24.1: code running on different threads operates on different objects in memory", async () => {
  await using runtime = await start(2);
  assertEquals(await runtime.submitTo(0, tutorialTasks.count), 1);
  assertEquals(await runtime.submitTo(0, tutorialTasks.count), 2);
  assertEquals(await runtime.submitTo(1, tutorialTasks.count), 1);
});

Deno.test("24.1: takes over a given amount of memory and divides it equally between the different threads", async () => {
  await using runtime = await Runtime.start({ shards: 4, memory: "16MiB" });
  for (let shard = 0; shard < 4; shard++) {
    const { totalBytes } = runtime.memoryStatistics(shard);
    assertEquals(totalBytes, runtime.memoryStatistics(0).totalBytes);
    assert(totalBytes <= 2 ** 22 && totalBytes > 0.98 * 2 ** 22, `${totalBytes}`);
  }
});

Deno.test("24.1: the division of memory between threads is static", async () => {
  await using runtime = await start(2);
  const blocks = await runtime.submitTo(0, tutorialTasks.fill);
  assert(blocks >= 50 && blocks < 64, `${blocks}`); // of 64 KiB in 4 MiB, and none of the other's
  assertEquals(runtime.memoryStatistics(1).mallocs, runtime.memoryStatistics(1).frees);
  assertEquals(await runtime.submitTo(1, tutorialTasks.fill), blocks);
});

Deno.test("24.1: redefines malloc() and its numerous relatives: they give memory of the thread's own", async () => {
  await using runtime = await start(2);
  const [first, second] = await Promise.all([
    runtime.submitTo(0, tutorialTasks.family),
    runtime.submitTo(1, tutorialTasks.family),
  ]);
  assert(Math.max(...first) < Math.min(...second)); // slices lie in the order of the shards
  await runtime.submitTo(0, tutorialTasks.freeEach, first);
  const { mallocs, frees } = runtime.memoryStatistics(0);
  assertEquals(mallocs - frees, 0);
});

Deno.test("24.1: it also redefines the C++ functions, operator new, operator delete, and all their variants", async () => {
  await using runtime = await start(2);
  const mine = await runtime.submitTo(0, tutorialTasks.newFamily);
  const others = await runtime.submitTo(1, tutorialTasks.newFamily);
  assert(Math.max(...mine) < Math.min(...others));
  await runtime.submitTo(0, tutorialTasks.deleteEach, mine);
  const { mallocs, frees } = runtime.memoryStatistics(0);
  assertEquals(mallocs - frees, 0);
});

Deno.test("24.1: threads can see memory allocated by other threads", async () => {
  await using runtime = await start(2);
  const address = await runtime.submitTo(1, tutorialTasks.allocate, "seen");
  assertEquals(await runtime.submitTo(0, tutorialTasks.read, address, 4), "seen");
});

Deno.test("24.1: when threads do need to interact they do so with explicit message passing", async () => {
  await using runtime = await start(2);
  assertEquals(await runtime.submitTo(1, tutorialTasks.read, 4096, 0), "");
  assertEquals(runtime.busStatistics(1).callsReceived, 1);
});

Deno.test("24.2: an object allocated on one thread will be owned by this thread", async () => {
  await using runtime = await start(3);
  for (let shard = 0; shard < 3; shard++) {
    await using pointer = await runtime.submitTo(shard, tutorialTasks.open, "owned");
    assertEquals(pointer.ownerShard, shard);
    assertEquals(await pointer.invoke("where"), shard);
  }
});

Deno.test("24.2: freeing memory on the wrong thread is supported: its owner gets it back", async () => {
  await using runtime = await start(2);
  const address = await runtime.submitTo(1, tutorialTasks.allocate, "remote");
  await runtime.submitTo(0, tutorialTasks.free, address);
  await runtime.submitTo(1, tutorialTasks.count); // shard 1 looks at what came back
  const { mallocs, frees, remoteFreesReceived } = runtime.memoryStatistics(1);
  assertEquals([mallocs - frees, remoteFreesReceived], [0, 1]);
});

Deno.test("24.2: if this operation returns an exception, its memory is freed on the wrong core", async () => {
  await using runtime = await start(1);
  const message = "too long for a record ".repeat(20);
  await assertRejects(() => runtime.submitTo(0, tutorialTasks.fail, message), RangeError, message);
  await runtime.submitTo(0, tutorialTasks.count);
  const { mallocs, frees, remoteFreesReceived } = runtime.memoryStatistics(0);
  assertEquals([mallocs - frees, remoteFreesReceived], [0, 1]);
});

Deno.test("24.2: a pointer, or smart pointer, to an object is wrapped in a foreign_ptr", async () => {
  await using runtime = await start(2);
  for (const pointer of await runtime.submitTo(1, tutorialTasks.wrap)) {
    assertEquals(pointer.ownerShard, 1);
    assertEquals(await pointer.invoke("where"), 1);
    await pointer.destroy();
  }
  assertEquals(await runtime.submitTo(1, tutorialTasks.log), [
    "raw destroyed on shard 1",
    "unique destroyed on shard 1",
    "shared destroyed on shard 1",
  ]);
});

Deno.test("24.2: this wrapper can then be moved into code running in a different thread, using submit_to()", async () => {
  await using runtime = await start(2);
  const pointer = await runtime.submitTo(0, tutorialTasks.open, "moved");
  assertEquals(await runtime.submitTo(1, tutorialTasks.take, pointer), 1);
  await runtime.submitTo(1, tutorialTasks.drop);
});

Deno.test("24.2: the thread receiving this foreign_ptr will get exclusive use of the object", async () => {
  await using runtime = await start(2);
  const pointer = await runtime.submitTo(0, tutorialTasks.open, "exclusive");
  const reference = pointer.get();
  await runtime.submitTo(1, tutorialTasks.take, pointer);
  assert(pointer.isNull);
  assertThrows(() => pointer.get(), TypeError, "it was moved to endpoint 1");
  await runtime.submitTo(1, tutorialTasks.drop);
  await assertRejects(
    () => runtime.submitTo(0, tutorialTasks.someMethod, reference, 1),
    StaleForeignPtrError,
  );
});

Deno.test("24.2: when it destroys this wrapper, it will go back to the original thread to destroy the object", async () => {
  await using runtime = await start(2);
  const pointer = await runtime.submitTo(0, tutorialTasks.open, "a");
  await runtime.submitTo(1, tutorialTasks.take, pointer);
  await runtime.submitTo(1, tutorialTasks.drop);
  assertEquals(await runtime.submitTo(0, tutorialTasks.log), ["a destroyed on shard 0"]);
  assertEquals(await runtime.submitTo(1, tutorialTasks.log), []);
});

Deno.test("24.2: the object is not only freed on the original shard, it is also destroyed there", async () => {
  await using runtime = await start(2);
  {
    await using pointer = await runtime.submitTo(1, tutorialTasks.openPoint, 3, 4);
    assertEquals(pointer.ownerShard, 1);
    assertEquals(runtime.memoryStatistics(1).mallocs - runtime.memoryStatistics(1).frees, 1);
  }
  const { mallocs, frees, remoteFreesReceived } = runtime.memoryStatistics(1);
  assertEquals([mallocs - frees, remoteFreesReceived], [0, 0]); // freed, and by its owner
});

Deno.test("24.2: the object's destructor needs to access other state, e.g., unlink itself from a container", async () => {
  await using runtime = await start(2);
  const pointer = await runtime.submitTo(0, tutorialTasks.open, "linked");
  assertEquals(await runtime.submitTo(0, tutorialTasks.linked), 1);
  await runtime.submitTo(1, tutorialTasks.take, pointer);
  await runtime.submitTo(1, tutorialTasks.drop);
  assertEquals(await runtime.submitTo(0, tutorialTasks.linked), 0);
});

Deno.test("24.2: methods which just read from the object's fields can be run on the receiving thread", async () => {
  await using runtime = await start(2);
  const pointer = await runtime.submitTo(0, tutorialTasks.openPoint, 3, 4);
  const sent = runtime.busStatistics(2).callsSent;
  assertEquals(pointer.view(Point).toJSON(), { x: 3, y: 4 });
  assertEquals(runtime.busStatistics(2).callsSent, sent); // no message
  assertEquals(await runtime.submitTo(1, tutorialTasks.norm, pointer), 5);
});

Deno.test("24.2: such methods must be run on the home thread: submit_to(fp.get_owner_shard(), [p=fp.get()] …)", async () => {
  await using runtime = await start(2);
  await using fp = await runtime.submitTo(1, tutorialTasks.open, "p");
  assertEquals(await runtime.submitTo(fp.ownerShard, tutorialTasks.someMethod, fp.get(), 7), 7);
  assertEquals(await fp.invoke("receive", 1), 8); // the same, in short
});

Deno.test("24.2: it warns the programmer that this is a foreign pointer", async () => {
  await using runtime = await start(1);
  await using fp = await runtime.submitTo(0, tutorialTasks.open, "warned");
  // @ts-expect-error -- the pointer has no members of the object.
  assertEquals(fp.received, undefined);
  // @ts-expect-error -- nor has what it lends away from home.
  assertEquals(fp.get().received, undefined);
  assertNotEquals(fp.get() as unknown, null as unknown as Connection);
});

Deno.test("24.2: it wants the remote thread to operate on its object and return with the object intact", async () => {
  await using runtime = await start(3);
  const pointer = await runtime.submitTo(0, tutorialTasks.openShared, "intact");
  await using back = await runtime.submitTo(1, tutorialTasks.work, await pointer.copy(), 5);
  assert(back.equals(pointer)); // the sender has not relinquished ownership
  assertEquals(await pointer.invoke("receive", 0), 5);
  await pointer.destroy();
  assertEquals(await runtime.submitTo(0, tutorialTasks.log), []);
});

Deno.test("24.2: it wants to send the same object to multiple shards", async () => {
  await using runtime = await start(3);
  const pointer = await runtime.submitTo(0, tutorialTasks.openShared, "multiple");
  const copies = await pointer.copy(2);
  const worked = await Promise.all(
    copies.map((copy, i) => runtime.submitTo(1 + i, tutorialTasks.work, copy, 10)),
  );
  assertEquals(await pointer.invoke("receive", 0), 20);
  await Promise.all([pointer, ...worked].map((each) => each.destroy()));
  assertEquals(await runtime.submitTo(0, tutorialTasks.log), ["multiple destroyed on shard 0"]);
});

Deno.test("24.2: serialization, such as running the operations on the home shard with submit_to()", async () => {
  await using runtime = await start(3);
  await using pointer = await runtime.submitTo(0, tutorialTasks.openShared, "serialized");
  const copies = await pointer.copy(3);
  await Promise.all(
    copies.map((copy, shard) => runtime.submitTo(shard, tutorialTasks.workManyTimes, copy, 500)),
  );
  assertEquals(await pointer.invoke("receive", 0), 1500); // no increment was lost
});

Deno.test("24.2: normally, a foreign_ptr cannot be copied, only moved", async () => {
  await using runtime = await start(2);
  const pointer = await runtime.submitTo(0, tutorialTasks.open, "unique");
  // @ts-expect-error -- there is no copy() of a unique pointer.
  await assertRejects(() => pointer.copy(), TypeError, "it can only be moved");
  await runtime.submitTo(1, tutorialTasks.take, pointer);
  await assertRejects(() => runtime.submitTo(1, tutorialTasks.take, pointer), TypeError, "moved");
  await runtime.submitTo(1, tutorialTasks.drop);
});

Deno.test("24.2: when it holds a shared_ptr one may make an additional copy; it requires communicating with the original owner", async () => {
  await using runtime = await start(1);
  await using pointer = await runtime.submitTo(0, tutorialTasks.openShared, "copied");
  const sent = runtime.busStatistics(1).callsSent;
  await using copy = await pointer.copy();
  assertEquals(runtime.busStatistics(1).callsSent, sent + 1);
  assert(copy.equals(pointer));
  assertEquals(copy.ownerShard, 0);
});
