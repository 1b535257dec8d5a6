/** Pipelines and bounded maps over real shards. */
import { BusyError, Runtime, ShardCrashedError, StoppedError } from "@tidepool/core";
import { mapLimit, pipeline, room } from "@tidepool/core/shard";
import { callAt } from "../../../shard/flow/call_window.ts";
import { mapCalls } from "../../../shard/flow/map_limit.ts";
import { Pipeline } from "../../../shard/flow/pipeline.ts";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { doubler, flowTasks, flowUsers } from "./flow_tasks.ts";

const RUNTIME = { shards: 2, memory: "16MiB" } as const;

/** Far more calls than may wait. */
const MANY = 200_000;

function* numbers(count: number): Iterable<number> {
  for (let n = 0; n < count; n++) yield n;
}

Deno.test("as many calls as nobody may issue at once go through a pipeline, and through mapLimit()", async () => {
  await using runtime = await Runtime.start(RUNTIME);
  const shardFor = (n: number) => n % 2;
  const issued = await Promise.allSettled(
    Array.from(numbers(MANY), (n) => runtime.submitTo(n % 2, flowTasks.twice, n)),
  );
  const refused = issued.filter((outcome) =>
    outcome.status === "rejected" && outcome.reason instanceof BusyError
  );
  assertEquals(refused.length > 0, true); // else there is nothing to hold back
  for (const ordered of [true, false]) {
    let sum = 0;
    const results = runtime.pipeline(shardFor, numbers(MANY), flowTasks.twice, { ordered });
    for await (const result of results) sum += result;
    assertEquals(sum, MANY * (MANY - 1));
  }
  const results = await runtime.mapLimit(shardFor, numbers(MANY), flowTasks.twice);
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

Deno.test("pipeline(), mapLimit() and room() need a shard to call from", async () => {
  assertThrows(() => pipeline(0, [1], flowTasks.twice), TypeError, "This thread is not a shard");
  assertThrows(() => room(0), TypeError, "This thread is not a shard");
  await assertRejects(
    () => mapLimit(0, [1], flowTasks.twice),
    TypeError,
    "This thread is not a shard",
  );
});

Deno.test("BusyError names the shard, or the host, and the remedy", async () => {
  await using runtime = await Runtime.start(RUNTIME);
  const calls = Array.from(numbers(70_000), (n) => runtime.submitTo(1, flowTasks.twice, n));
  const [refused] = (await Promise.allSettled(calls)).filter(({ status }) => status === "rejected");
  const { reason } = refused as PromiseRejectedResult;
  const remedy = ": 65536 calls already wait for room in its ring, the most that may; " +
    "make them by pipeline() or mapLimit(), or await room() before each";
  assertEquals([reason.message, reason.shard], ["Cannot call shard 1" + remedy, 1]);
  assertEquals(
    await runtime.submitTo(0, flowUsers.floodHost),
    ["Cannot call the host" + remedy, undefined],
  );
  await runtime.submitTo(0, flowTasks.twice, 1); // a task that the host does not serve ends its call alone
});

Deno.test("a service pipes and maps to one of its methods, with the options of its handle", async () => {
  await using runtime = await Runtime.start(RUNTIME);
  await using service = await runtime.startSharded(doubler);
  const shardFor = (n: number) => runtime.shardOf(n);
  let sum = 0;
  for await (const twice of service.pipeline(shardFor, numbers(1000), "twice")) sum += twice;
  assertEquals(sum, 999_000);
  assertEquals(await service.mapLimit(1, numbers(5), "twice", { inFlight: 2 }), [0, 2, 4, 6, 8]);
  const hasty = service.with({ timeoutMs: 10 });
  await assertRejects(() => hasty.mapLimit(0, [1], "never"), DOMException, "took too long");
});

Deno.test("room() lets any number of calls through, from the host, from a shard, and for a service", async () => {
  await using runtime = await Runtime.start(RUNTIME);
  await using service = await runtime.startSharded(doubler);
  for (const wait of [runtime, service]) {
    let sum = 0;
    const calls: Promise<void>[] = [];
    for (const n of numbers(MANY)) {
      await wait.room(1);
      calls.push(runtime.submitTo(1, flowTasks.twice, n).then((twice) => void (sum += twice)));
    }
    await Promise.all(calls);
    assertEquals(sum, MANY * (MANY - 1));
  }
  assertEquals(await runtime.submitTo(0, flowUsers.sumWithRoom, 1, 100_000), 9_999_900_000);
  assertEquals(await runtime.submitTo(0, flowUsers.sumWithRoom, 0, 1000), 999_000); // to itself
});

Deno.test("a crowd that waits for room behind a full queue is let on, and none of it refused", async () => {
  await using runtime = await Runtime.start(RUNTIME);
  const fill = Array.from(numbers(65_536 + 1023), (n) => runtime.submitTo(1, flowTasks.twice, n));
  const crowd = Array.from(numbers(5000), async (n) => {
    await runtime.room(1);
    return await runtime.submitTo(1, flowTasks.twice, n);
  });
  await assertRejects(() => runtime.submitTo(1, flowTasks.twice, 0), BusyError); // it was full
  assertEquals((await Promise.all(crowd)).length, 5000);
  await Promise.all(fill);
});

Deno.test("room() resolves when the shard dies, so that the call can tell why", async () => {
  await using runtime = await Runtime.start({ ...RUNTIME, onCrash: "keep" });
  const death = runtime.submitTo(1, flowTasks.die, 0);
  const fill = Array.from(numbers(65_536 + 1022), (n) => runtime.submitTo(1, flowTasks.twice, n));
  const waited = runtime.room(1);
  const outcomes = await Promise.allSettled([death, ...fill]);
  assertEquals(outcomes.at(-1)?.status, "rejected");
  await waited;
  await assertRejects(() => runtime.submitTo(1, flowTasks.twice, 1), ShardCrashedError);
});

Deno.test("room() refuses what is not a shard or no signal, ends with its signal, and with the runtime", async () => {
  const runtime = await Runtime.start(RUNTIME);
  await assertRejects(
    () => runtime.room(2),
    RangeError,
    "Cannot call shard 2: the runtime has shards 0 to 1",
  );
  await assertRejects(() => runtime.room("1" as unknown as number), TypeError, "expected a number");
  await assertRejects(
    () => runtime.room(1, { signal: 1 } as unknown as AbortSignal),
    TypeError,
    "Cannot wait for room with a signal that is of type object: expected an AbortSignal",
  );
  await assertRejects(
    () => runtime.room(1, AbortSignal.abort(new Error("enough"))),
    Error,
    "enough",
  );
  await runtime.stop();
  await assertRejects(() => runtime.room(1), StoppedError);
  await assertRejects(() => runtime.mapLimit(1, [1], flowTasks.twice), StoppedError);
  await assertRejects(() => runtime.pipeline(1, [1], flowTasks.twice).next(), StoppedError);
});
