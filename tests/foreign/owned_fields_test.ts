/** Text and bytes that a struct owns, with foreign pointers to it: read anywhere, freed at home. */
import { assertEquals, assertRejects } from "@std/assert";
import { Runtime } from "../../mod.ts";
import { ownedFieldTasks, Page } from "./owned_fields_tasks.ts";

async function liveBlocks(runtime: Runtime, shard: number): Promise<number> {
  // The blocks of messages are back after a call or two.
  for (const each of [0, 1, 0, 1]) await runtime.submitTo(each, ownedFieldTasks.liveBlocks);
  return await runtime.submitTo(shard, ownedFieldTasks.liveBlocks);
}

Deno.test("text and bytes of a struct are read on any shard, and freed with it at home", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  const before = await liveBlocks(runtime, 0);
  for (const body of ["", "Ada", "é".repeat(200), "x".repeat(5000)]) {
    const pointer = await runtime.submitTo(0, ownedFieldTasks.open, body, 1000);
    assertEquals(pointer.view(Page).body, body); // on the host
    await runtime.submitTo(0, ownedFieldTasks.replace, pointer.get(), `${body}!`);
    assertEquals(await runtime.submitTo(1, ownedFieldTasks.read, pointer), [`${body}!`, 7000]);
  }
  assertEquals(await liveBlocks(runtime, 0), before);
});

Deno.test("what a shared struct owns is freed after its asynchronous destructor", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  const before = await liveBlocks(runtime, 0);
  const pointer = await runtime.submitTo(0, ownedFieldTasks.openShared, "the last words");
  const copy = await pointer.copy();
  await pointer.destroy();
  assertEquals(copy.view(Page).body, "the last words");
  await copy.destroy();
  assertEquals(await runtime.submitTo(0, ownedFieldTasks.lastWords), ["the last words"]);
  assertEquals(await liveBlocks(runtime, 0), before);
});

Deno.test("a view that was moved is no matter: the struct that the pointer was made of is freed", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  const before = await liveBlocks(runtime, 0);
  const pointer = await runtime.submitTo(0, ownedFieldTasks.open, "mine", 0);
  await runtime.submitTo(0, ownedFieldTasks.moveView, pointer.get());
  await pointer.destroy();
  // The other page, and its text.
  assertEquals(await liveBlocks(runtime, 0), before + 2);
});

Deno.test("text of a struct cannot be replaced from another shard", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  await using pointer = await runtime.submitTo(0, ownedFieldTasks.open, "mine", 0);
  const { address } = pointer.view(Page);
  await assertRejects(
    () => runtime.submitTo(1, ownedFieldTasks.replaceFromElsewhere, address),
    RangeError,
    "Cannot store Page.body (text): the struct lies in a slice that is not this thread's",
  );
});
