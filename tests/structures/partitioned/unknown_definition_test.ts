/** A map whose definition this thread has not imported: its handle can be passed on, and stopped. */
import { Runtime } from "@tidepool/core";
import "@tidepool/core/structures"; // so that handles travel
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { unknownTasks } from "./unknown_definition_tasks.ts";

Deno.test("a thread that has not imported a map's definition is told so, and passes the map on", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  const map = await runtime.submitTo(0, unknownTasks.start);
  const message =
    /^Cannot use partitioned map \d+ here: this thread has not imported the module that/;
  for (const read of [() => map.get("a"), () => map.has("a"), () => map.size, () => [...map]]) {
    const { message: found } = assertThrows(read, TypeError);
    assertEquals([found, message.test(found)], [found, true]);
  }
  for (
    const change of [
      () => map.set("a", 1),
      () => map.delete("a"),
      () => map.add("a", 1),
      () => map.setMany([["a", 1]]),
    ]
  ) await assertRejects(change, TypeError, "has not imported the module");
  assertEquals(await runtime.submitTo(0, unknownTasks.addTwice, map, "a"), 2);
  assertEquals(await runtime.submitTo(1, unknownTasks.addTwice, map, "a"), 4);
  await map.stop();
});
