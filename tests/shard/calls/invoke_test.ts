/**
 * Calls to several shards at once. Names in brackets are the cases of Seastar's distributed_test.cc
 * that a test stands for.
 */
import {
  defineTasks,
  invokeOnAll,
  Runtime,
  ShardCrashedError,
  StoppedError,
  transfer,
} from "@tidepool/core";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { busTasks } from "../bus/bus_tasks.ts";
import { invokeTasks } from "./invoke_tasks.ts";

const SHARDS = 3;

function start(): Promise<Runtime> {
  return Runtime.start({ shards: SHARDS, memory: "16MiB" });
}

/** What each shard has been told since it was last asked. */
function told(runtime: Runtime): Promise<unknown[][]> {
  return Promise.all(
    Array.from({ length: SHARDS }, (_, shard) => runtime.submitTo(shard, invokeTasks.told)),
  );
}

Deno.test("Runtime.invokeOnAll() runs the task once on every shard, with the same arguments", async () => {
  await using runtime = await start();
  await runtime.invokeOnAll(invokeTasks.tell, { answer: 42 });
  assertEquals(await told(runtime), Array(SHARDS).fill([{ answer: 42 }]));
});

Deno.test("Runtime.invokeOnOthers() leaves out the one shard", async () => {
  await using runtime = await start();
  await runtime.invokeOnOthers(1, invokeTasks.tell, 7);
  assertEquals(await told(runtime), [[7], [], [7]]);
});

Deno.test("invokeOnAll() and invokeOnOthers() of every shard reach every shard (test_smp_invoke_on_others)", async () => {
  await using runtime = await start();
  await runtime.invokeOnAll(invokeTasks.tellOthers);
  const byOthers = (await told(runtime)).map((shards) => shards.sort());
  assertEquals(byOthers, [[1, 2], [0, 2], [0, 1]]);
  await runtime.invokeOnAll(invokeTasks.tellAll);
  const byAll = (await told(runtime)).map((shards) => shards.sort());
  assertEquals(byAll, Array(SHARDS).fill([0, 1, 2]));
});

Deno.test("mapReduce() sums what all shards give (test_map_reduce)", async () => {
  await using runtime = await start();
  const expected = (SHARDS - 1) * SHARDS * (2 * SHARDS - 1) / 6;
  const add = (sum: number, square: number) => sum + square;
  assertEquals(await runtime.mapReduce(invokeTasks.square, [], 0, add), expected);
  assertEquals(await runtime.submitTo(1, invokeTasks.sumOfSquares), expected);
});

Deno.test("mapReduce() reduces in the order of the shards, whichever is first, with a reducer that waits (test_map_reduce_lifetime, test_map_reduce0_lifetime)", async () => {
  await using runtime = await start();
  const steps = await runtime.mapReduce(
    invokeTasks.lastFirst,
    [],
    [] as string[],
    async (soFar, result, shard) => {
      await Promise.resolve();
      return [...soFar, `${result} of ${shard}`];
    },
  );
  assertEquals(steps, ["0 of 0", "1 of 1", "2 of 2"]);
});

Deno.test("mapReduce() rejects with what the reducer throws", async () => {
  await using runtime = await start();
  await assertRejects(
    () =>
      runtime.mapReduce(invokeTasks.square, [], 0, () => {
        throw new SyntaxError("cannot add");
      }),
    SyntaxError,
    "cannot add",
  );
});

Deno.test("mapReduce() gives results that move to the caller", async () => {
  await using runtime = await start();
  const tokens = await runtime.mapReduce(
    invokeTasks.token,
    [],
    [] as Awaited<ReturnType<typeof invokeTasks.token.run>>[],
    (all, token) => [...all, token],
  );
  assertEquals(await Promise.all(tokens.map((token) => token.invoke("where"))), [0, 1, 2]);
  await Promise.all(tokens.map((token) => token.destroy()));
});

Deno.test("a call to several shards rejects with the one error there is, itself", async () => {
  await using runtime = await start();
  await assertRejects(
    () => runtime.invokeOnAll(invokeTasks.fail, [1], "shard SHARD fails"),
    RangeError,
    "shard 1 fails",
  );
  assertEquals(await told(runtime), [[0], [], [2]]);
});

Deno.test("a call to several shards that fails alike everywhere rejects with one error of that class", async () => {
  await using runtime = await start();
  await assertRejects(
    () => runtime.invokeOnAll(invokeTasks.fail, [0, 1, 2], "too low"),
    RangeError,
    "too low",
  );
});

Deno.test("a call to several shards that fails in several ways rejects with all errors, in the order of the shards", async () => {
  await using runtime = await start();
  const error = await assertRejects(
    () => runtime.mapReduce(invokeTasks.fail, [[2, 0], "shard SHARD fails"], 0, () => 0),
    AggregateError,
    "2 of 3 shards failed; the first was shard 0: RangeError: shard 0 fails",
  );
  assertEquals(
    error.errors.map((one: Error) => [one.name, one.message]),
    [["RangeError", "shard 0 fails"], ["RangeError", "shard 2 fails"]],
  );
});

Deno.test("a call to several shards waits for the others when one fails", async () => {
  await using runtime = await start();
  let settled = false;
  const failed = assertRejects(
    () => runtime.invokeOnAll(invokeTasks.failOrWait),
    RangeError,
    "shard 0 fails at once",
  ).then(() => settled = true);
  // The answer of shard 0 to this comes behind its error.
  await runtime.submitTo(0, invokeTasks.square);
  await runtime.submitTo(0, invokeTasks.square);
  assertEquals(settled, false);
  await runtime.submitTo(1, invokeTasks.open);
  await runtime.submitTo(1, invokeTasks.square);
  assertEquals(settled, false);
  await runtime.submitTo(2, invokeTasks.open);
  await failed;
});

Deno.test("a foreign pointer cannot be sent to several shards, and stays where it is", async () => {
  await using runtime = await start();
  await using pointer = await runtime.submitTo(1, invokeTasks.token);
  for (const argument of [pointer, { deep: [pointer] }, new Map([["key", pointer]])]) {
    await assertRejects(
      () => runtime.invokeOnAll(invokeTasks.tell, argument),
      TypeError,
      "Cannot send arguments[0] to several shards as it holds a ForeignPtr, which can go to one only",
    );
  }
  assert(!pointer.isNull);
  assertEquals(await pointer.invoke("where"), 1);
  assertEquals(await told(runtime), [[], [], []]);
});

Deno.test("what transfer() hands over cannot go to several shards, and stays here", async () => {
  await using runtime = await start();
  const buffer = new ArrayBuffer(8);
  const stream = ReadableStream.from(["text"]);
  for (const value of [buffer, stream]) {
    await assertRejects(
      () => runtime.invokeOnAll(invokeTasks.tell, transfer(value)),
      TypeError,
      "Cannot send arguments[0] to several shards as transfer() hands it over",
    );
  }
  assertEquals([buffer.detached, stream.locked], [false, false]);
  await stream.cancel();
  assertEquals(await told(runtime), [[], [], []]);
});

Deno.test("what cannot travel is refused once, before any shard is called", async () => {
  await using runtime = await start();
  await assertRejects(
    () => runtime.invokeOnAll(invokeTasks.tell, { deep: [() => 1] }),
    TypeError,
    "Cannot send arguments[0].deep[0] as a function",
  );
  await assertRejects(
    () => runtime.invokeOnAll(invokeTasks.tell, Symbol("s")),
    TypeError,
    "Cannot send arguments[0] as a symbol",
  );
  assertEquals(await told(runtime), [[], [], []]);
});

Deno.test("a task that no shard knows is one error, not one for each shard", async () => {
  await using runtime = await start();
  const missing = defineTasks(new URL("./no_such_service.ts", import.meta.url).href, {
    gone: () => 1,
  });
  const error = await assertRejects(
    () => runtime.invokeOnAll(missing.gone),
    Error,
    "does not load in this thread",
  );
  assert(!(error instanceof AggregateError));
});

Deno.test("invokeOnAll() after the runtime was told to stop, and of one that has failed, says so once", async () => {
  const runtime = await start();
  await runtime.stop();
  await assertRejects(() => runtime.invokeOnAll(invokeTasks.open), StoppedError, "told to stop");
  await using failing = await start();
  const crashed = await assertRejects(
    () => failing.submitTo(1, busTasks.crash, "throw"),
    ShardCrashedError,
  );
  assertEquals(crashed.shard, 1);
  const told = await assertRejects(() => failing.mapReduce(invokeTasks.square, [], 0, () => 0));
  assertInstanceOf(told, ShardCrashedError);
});

Deno.test("invokeOnAll() on the host says that it is not a shard", async () => {
  await assertRejects(() => invokeOnAll(invokeTasks.open), TypeError, "This thread is not a shard");
});
