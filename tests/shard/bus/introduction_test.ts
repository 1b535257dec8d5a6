/** The first call of a task to a shard says which task it is: also if nothing else comes of the call. */
import { Runtime, StaleForeignPtrError } from "@tidepool/core";
import { assertEquals, assertRejects } from "@std/assert";
import { outcomeTasks } from "../../foreign/outcome_tasks.ts";

Deno.test("a first call whose arguments cannot be read does not spoil the task for those after it", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "8MiB" });
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "gone");
  const stale = pointer.get();
  await pointer.destroy();
  await using other = await runtime.submitTo(0, outcomeTasks.open, "here");
  for (let call = 0; call < 2; call++) { // the second is not the first, and fails alike
    await assertRejects(
      () => runtime.submitTo(0, outcomeTasks.take, null, stale),
      StaleForeignPtrError,
    );
  }
  await runtime.submitTo(0, outcomeTasks.take, null, other.get());
});

Deno.test("a first call that is given up while it waits does not spoil the task for those behind it", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "8MiB", ringSlots: 2 });
  const address = await runtime.submitTo(1, outcomeTasks.word);
  const blocked = runtime.submitTo(1, outcomeTasks.wait, address);
  const giveUp = new AbortController();
  const { signal } = giveUp;
  const first = assertRejects(
    () => runtime.submitTo(1, outcomeTasks.keep.with({ signal }), 1),
    RangeError,
    "enough",
  );
  const second = runtime.submitTo(1, outcomeTasks.keep, 2);
  giveUp.abort(new RangeError("enough"));
  const third = runtime.submitTo(1, outcomeTasks.keep, 3);
  await runtime.submitTo(0, outcomeTasks.letGo, address);
  await Promise.all([blocked, first]);
  assertEquals([await second, await third], [1, 2]);
});
