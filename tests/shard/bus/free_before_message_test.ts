/** What one endpoint frees and another then speaks of: the owner has the memory when it hears of it. */
import { assertEquals } from "@std/assert";
import { defineTasks, type Task } from "@tidepool/core";
import { callableOf, findTask } from "../../../shard/calls/task.ts";
import { startEndpoints } from "./endpoints_of_one_thread.ts";

interface OrderTasks {
  readonly first: Task<[], void>;
  readonly look: Task<[], void>;
}

let onFirst = (): void => {};
let onLook = (): void => {};

const tasks: OrderTasks = defineTasks(import.meta.url, {
  first: () => onFirst(),
  look: () => onLook(),
});

for (const sender of ["the one that freed", "a third"] as const) {
  Deno.test(`a block is free when a message comes that ${sender} sent after, in the same poll`, async () => {
    await findTask(import.meta.url, "first"); // polls alone do not wait for the module
    const [freeing, owner, third] = startEndpoints();
    const speaking = sender === "a third" ? third : freeing;
    const address = owner.allocator.malloc(100);
    const { liveBlocks } = owner.allocator.statistics();
    let seen: number | undefined;
    onFirst = () => {
      freeing.allocator.free(address);
      freeing.bus.flush();
      speaking.bus.callWithoutReply(1, callableOf(tasks.look), []);
      speaking.bus.flush();
    };
    onLook = () => seen = owner.allocator.statistics().liveBlocks;
    freeing.bus.callWithoutReply(1, callableOf(tasks.first), []);
    freeing.bus.flush();
    assertEquals(owner.bus.poll(), 2);
    assertEquals(seen, liveBlocks - 1);
    for (const endpoint of [freeing, owner, third]) endpoint.bus.close(new Error("the end"));
  });
}
