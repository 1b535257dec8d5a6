/** Pipelines and bounded maps over real shards. */
import { BusyError, Runtime, ShardCrashedError } from "@tidepool/core";
import { callAt } from "../../../shard/flow/call_window.ts";
import { mapCalls, mapLimit } from "../../../shard/flow/map_limit.ts";
import { Pipeline, pipeline } from "../../../shard/flow/pipeline.ts";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { flowTasks, flowUsers } from "./flow_tasks.ts";

const RUNTIME = { shards: 2, memory: "16MiB" } as const;

/** Far more calls than may wait. */
const MANY = 200_000;

function* numbers(count: number): Iterable<number> {
  for (let n = 0; n < count; n++) yield n;
}

Deno.test("as many calls as nobody may issue at once go through a pipeline, and through mapLimit()", async () => {
  await using runtime = await Runtime.start(RUNTIME);
  const call = callAt((n: number) => n % 2, (shard, n) => {
    return runtime.submitTo(shard, flowTasks.twice, n);
  });
  const issued = await Promise.allSettled(Array.from(numbers(MANY), (n) => call(n, n)));
  const refused = issued.filter((outcome) =>
    outcome.status === "rejected" && outcome.reason instanceof BusyError
  );
  assertEquals(refused.length > 0, true); // else there is nothing to hold back
  for (const ordered of [true, false]) {
    let sum = 0;
    for await (const result of new Pipeline(numbers(MANY), call, { ordered })) sum += result;
    assertEquals(sum, MANY * (MANY - 1));
  }
  const results = await mapCalls(numbers(MANY), call);
  assertEquals([results.length, results.at(-1)], [MANY, 2 * (MANY - 1)]);
});

Deno.test("the most calls in flight that a pipeline takes are not refused", async () => {
  await using runtime = await Runtime.start(RUNTIME);
  const call = callAt(1, (shard, n: number) => runtime.submitTo(shard, flowTasks.twice, n));
  const results = await mapCalls(numbers(80_000), call, { inFlight: 65_536 });
  assertEquals(results.length, 80_000);
});

Deno.test("a task pipes to another shard and to its own, and maps over several", async () => {
  await using runtime = await Runtime.start(RUNTIME);
  for (const shard of [0, 1]) {
    assertEquals(await runtime.submitTo(0, flowUsers.sumOfTwice, shard, 1000), 999_000);
  }
  assertEquals(await runtime.submitTo(0, flowUsers.doubled, 5), [0, 2, 4, 6, 8]);
});

Deno.test("a shard that dies ends a pipeline, and what it is told stands", async () => {
  await using runtime = await Runtime.start({ ...RUNTIME, onCrash: "keep" });
  const call = callAt(1, (shard, n: number) => {
    return runtime.submitTo<[number], number | void>(
      shard,
      n === 50 ? flowTasks.die : flowTasks.twice,
      n,
    );
  });
  const read: unknown[] = [];
  await assertRejects(async () => {
    for await (const result of new Pipeline(numbers(1000), call, { inFlight: 4 })) {
      read.push(result);
    }
  }, ShardCrashedError);
  assertEquals(read.slice(0, 47), Array.from(numbers(47), (n) => 2 * n));
});

Deno.test("a shard that there is none of, and a function that throws, are errors of the call", async () => {
  await using runtime = await Runtime.start(RUNTIME);
  const submit = (shard: number, n: number) => runtime.submitTo(shard, flowTasks.twice, n);
  const nowhere = new Pipeline([1], callAt(7, submit));
  await assertRejects(() => nowhere.next(), RangeError, "the runtime has shards 0 to 1");
  const choose = (): number => {
    throw new Error("no choice");
  };
  const unchosen = new Pipeline([1], callAt(choose, submit));
  await assertRejects(() => unchosen.next(), Error, "no choice");
});

Deno.test("pipeline() and mapLimit() need a shard to call from", async () => {
  assertThrows(() => pipeline(0, [1], flowTasks.twice), TypeError, "This thread is no shard");
  await assertRejects(
    () => mapLimit(0, [1], flowTasks.twice),
    TypeError,
    "This thread is no shard",
  );
});
