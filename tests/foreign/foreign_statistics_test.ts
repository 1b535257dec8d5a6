/** Figures of foreign pointers: as the host and as shards read them. */
import { Runtime } from "@tidepool/core";
import { foreignStatistics } from "@tidepool/core/foreign";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { outcomeTasks } from "./outcome_tasks.ts";

Deno.test("the host and every shard read the same figures of each shard's pointers", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "8MiB" });
  await using held = await runtime.submitTo(1, outcomeTasks.openShared, "held");
  await runtime.submitTo(0, outcomeTasks.keep, ...await held.copy(2));
  const expected = { outstanding: [2, 0, 1], givenAway: 3, lost: 0, failedDestructors: 0 };
  assertEquals(runtime.foreignStatistics(1), expected);
  for (const shard of [0, 1]) {
    assertEquals(await runtime.submitTo(shard, outcomeTasks.figures, 1), expected);
  }
  const none = { outstanding: [0, 0, 0], givenAway: 0, lost: 0, failedDestructors: 0 };
  assertEquals(runtime.foreignStatistics(0), none);
  assertEquals(await runtime.submitTo(1, outcomeTasks.figures, 0), none);
  await runtime.submitTo(0, outcomeTasks.dropKept);
});

Deno.test("there are figures of shards only, and the function reads them on shards only", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "8MiB" });
  for (const shard of [-1, 2, 0.5]) {
    const refusal = `Cannot look at shard ${shard}: the runtime has shards 0 to 1`;
    assertThrows(() => runtime.foreignStatistics(shard), RangeError, refusal);
    await assertRejects(
      () => runtime.submitTo(0, outcomeTasks.figures, shard),
      RangeError,
      refusal,
    );
  }
  assertThrows(
    () => runtime.foreignStatistics("0" as unknown as number),
    TypeError,
    'Cannot look at a shard that is the text "0": expected a number from 0 to 1',
  );
  assertThrows(() => foreignStatistics(0), TypeError, "This thread is not a shard");
});
