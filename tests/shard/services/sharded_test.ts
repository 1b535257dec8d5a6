/**
 * Sharded services on real shards. Names in brackets are the cases of Seastar's sharded_test.cc and
 * distributed_test.cc that a test stands for.
 */
import {
  defineService,
  NoShardedInstanceError,
  Runtime,
  shardedParameter,
  StoppedError,
} from "@tidepool/core";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { ShardedParameter } from "../../../shard/services/sharded_parameter.ts";
import { busTasks } from "../bus/bus_tasks.ts";
import { dependent, echo, serviceTasks } from "./sharded_services.ts";

const SHARDS = 3;
const add = (sum: number, value: number) => sum + value;

function start(): Promise<Runtime> {
  return Runtime.start({ shards: SHARDS, memory: "16MiB" });
}

Deno.test("Runtime.startSharded() gives every instance the arguments (test_constructor_argument_is_passed_to_each_core)", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "hello", { n: 1 });
  assertEquals(await echoes.map("text"), Array(SHARDS).fill('hello{"n":1}'));
});

Deno.test("every instance gets the arguments of a call (test_that_each_core_gets_the_arguments, test_functor_version)", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  const value = new Map([["key", [1, 2, 3]]]);
  assertEquals(await echoes.map("echo", value), Array(SHARDS).fill(value));
});

Deno.test("Sharded.mapReduce() sums over all instances (test_map_reduce, test_const_map_reduces, test_member_map_reduces)", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  const expected = (SHARDS - 1) * SHARDS * (2 * SHARDS - 1) / 6;
  assertEquals(await echoes.mapReduce("squaredLater", [], 0, add), expected);
  const later = async (sum: number, value: number) => await Promise.resolve(sum + value);
  assertEquals(await echoes.mapReduce("squaredLater", [], 1, later), 1 + expected);
});

Deno.test("Sharded.map() gives the results in the order of the shards, now or later (invoke_map_returns_non_future_value, invoke_map_returns_future_value, test_map_lifetime)", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  assertEquals(await echoes.map("shard"), [0, 1, 2]);
  assertEquals(await echoes.map("squaredLater"), [0, 1, 4]);
});

Deno.test("Sharded.invokeOnOthers() reaches all instances but the own (test_invoke_on_others)", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  await echoes.invokeOnAll("tellOthers");
  assertEquals(await echoes.map("told"), [[1, 2], [0, 2], [0, 1]]);
  await echoes.invokeOnOthers("tell", 9); // from the host, which is not one of them
  assertEquals(await echoes.map("told"), [[9], [9], [9]]);
});

Deno.test("Sharded.invokeOnSome() reaches the shards of a range (invoke_on_range_contiguous)", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  await echoes.invokeOnSome([0, 1], "tell", 5);
  assertEquals(await echoes.map("told"), [[5], [5], []]);
});

Deno.test("Sharded.invokeOnSome() reaches shards in any order, and refuses one that is none before it calls any (invoke_on_range_fragmented)", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  await echoes.invokeOnSome(new Set([2, 0]), "tell", 6);
  await echoes.invokeOnSome([], "tell", 7);
  assertEquals(await echoes.map("told"), [[6], [], [6]]);
  for (const wrong of [3, -1, 0.5]) {
    await assertRejects(
      () => echoes.invokeOnSome([0, wrong], "tell", 8),
      RangeError,
      `Cannot invoke "tell" on shard ${wrong}: the runtime has shards 0 to 2`,
    );
  }
  assertEquals(await echoes.map("told"), [[], [], []]);
});

Deno.test("a shardedParameter() is computed on each shard, for constructor and methods (test_sharded_parameter, invoke_on_all_sharded_arg)", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(
    echo,
    "text",
    shardedParameter(serviceTasks.tenTimes, 1),
  );
  assertEquals(await echoes.map("text"), ["text1", "text11", "text21"]);
  const three = shardedParameter(serviceTasks.tenTimes, 3);
  await using dependents = await runtime.startSharded(dependent, echoes, three);
  assertInstanceOf(three, ShardedParameter);
  const five = shardedParameter(serviceTasks.tenTimes, 5);
  assertEquals(await dependents.map("describe", echoes, five), [
    "text1 3, called with text1 5",
    "text11 13, called with text11 15",
    "text21 23, called with text21 25",
  ]);
  assertEquals(
    await dependents.invokeOn(1, "describe", echoes, five),
    "text11 13, called with text11 15",
  );
});

Deno.test("a shardedParameter() that fails on a shard fails the call", async () => {
  await using runtime = await start();
  const failing = shardedParameter(busTasks.fail, "no parameter");
  await assertRejects(
    () => runtime.startSharded(echo, "text", failing),
    RangeError,
    "no parameter",
  );
});

Deno.test("Sharded.invokeOn() gives result and error of the method", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  assertEquals(await echoes.invokeOn(2, "squaredLater"), 4);
  await assertRejects(() => echoes.invokeOn(1, "fail", [1]), RangeError, "shard 1 fails");
  await assertRejects(
    () => echoes.invokeOn(3, "shard"),
    RangeError,
    "Cannot submit to shard 3: the runtime has shards 0 to 2",
  );
  await assertRejects(
    () => echoes.invokeOn(0, "size" as "shard"),
    TypeError,
    'Cannot invoke "size" of Echo: it has no such method',
  );
  await assertRejects(
    () => echoes.invokeOn(0, "echo", { deep: () => 1 }),
    TypeError,
    "Cannot send arguments[0].deep as a function",
  );
});

Deno.test("a call to all instances that fails on several rejects with all errors", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  await assertRejects(() => echoes.invokeOnAll("fail", [1]), RangeError, "shard 1 fails");
  const error = await assertRejects(
    () => echoes.map("fail", [1, 2]),
    AggregateError,
    "2 of 3 shards failed; the first was shard 1: RangeError: shard 1 fails",
  );
  assertEquals(error.errors.length, 2);
});

Deno.test("a Sharded sent to a shard, and back, is the same service", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "sent");
  assertEquals(await runtime.submitTo(1, serviceTasks.localText, echoes), "sent");
  const back = await runtime.submitTo(2, serviceTasks.keep, echoes);
  assertEquals(await back.invokeOn(1, "text"), "sent");
  assertEquals(await runtime.submitTo(2, serviceTasks.fromKept), Array(SHARDS).fill("sent"));
  await runtime.invokeOnAll(serviceTasks.localText, echoes);
});

Deno.test("startSharded() starts a service from a shard", async () => {
  await using runtime = await start();
  await using echoes = await runtime.submitTo(1, serviceTasks.startHere, "made by 1: ");
  assertEquals(await echoes.map("text"), ["made by 1: 3", "made by 1: 13", "made by 1: 23"]);
  await using others = await runtime.submitTo(2, serviceTasks.startHere, "made by 2: ");
  assertEquals(await others.invokeOn(0, "text"), "made by 2: 3");
  assertEquals(await echoes.invokeOn(0, "text"), "made by 1: 3");
});

Deno.test("one definition makes several services, each with instances of its own", async () => {
  await using runtime = await start();
  await using one = await runtime.startSharded(echo, "one");
  await using two = await runtime.startSharded(echo, "two");
  await one.invokeOnAll("tell", 1);
  assertEquals([await one.invokeOn(1, "text"), await two.invokeOn(1, "text")], ["one", "two"]);
  assertEquals(await two.map("told"), [[], [], []]);
  assertEquals(await one.map("told"), [[1], [1], [1]]);
});

Deno.test("Sharded.local() is the object itself on a shard, and an error on the host", async () => {
  await using runtime = await start();
  const echoes = await runtime.startSharded(echo, "");
  assertEquals(await runtime.submitTo(1, serviceTasks.isLocalObject, echoes), true);
  assertEquals(echoes.hasLocal, false);
  assertThrows(
    () => echoes.local(),
    TypeError,
    "Cannot get the local instance of Echo: the host has none, as it is not a shard",
  );
  await echoes.stop();
  assertEquals(await runtime.submitTo(1, serviceTasks.isLocalObject, echoes), false);
  await assertRejects(
    () => runtime.submitTo(1, serviceTasks.localText, echoes),
    NoShardedInstanceError,
    "shard 1 has none of Echo",
  );
});

Deno.test("containerOf() names what is not an instance", async () => {
  await using runtime = await start();
  assertEquals(
    await runtime.submitTo(0, serviceTasks.container),
    "TypeError: Cannot find the container of Echo: it is not an instance of a sharded service, or still in its constructor",
  );
});

Deno.test("Sharded.with() passes call options on", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  const signal = AbortSignal.abort(new RangeError("given up"));
  const limited = echoes.with({ signal });
  await assertRejects(() => limited.invokeOn(1, "text"), RangeError, "given up");
  await assertRejects(() => limited.invokeOnAll("tell", 1), RangeError, "given up");
  assertEquals(await echoes.map("told"), [[], [], []]);
  assertEquals(await echoes.with({ timeoutMs: 60_000 }).invokeOn(1, "shard"), 1);
});

Deno.test("a foreign pointer cannot be given to all instances, only to one", async () => {
  await using runtime = await start();
  await using echoes = await runtime.startSharded(echo, "");
  await using pointer = await echoes.invokeOn(1, "token");
  const refusal = "Cannot send arguments[1] to several shards as it holds a ForeignPtr";
  await assertRejects(() => runtime.startSharded(echo, "", pointer), TypeError, refusal);
  const parameter = shardedParameter(busTasks.count, 0, pointer);
  await assertRejects(() => runtime.startSharded(echo, "", parameter), TypeError, refusal);
  await assertRejects(() => echoes.map("echo", [pointer]), TypeError, "arguments[0]");
  assert(!pointer.isNull);
  const back = await echoes.invokeOn(2, "echo", pointer);
  assert(pointer.isNull);
  await (back as typeof pointer).destroy();
});

Deno.test("startSharded() after the runtime was told to stop is refused", async () => {
  const runtime = await start();
  const echoes = await runtime.startSharded(echo, "");
  await runtime.stop();
  await assertRejects(() => runtime.startSharded(echo, ""), StoppedError, "told to stop");
  await assertRejects(() => echoes.invokeOn(0, "text"), StoppedError, "has stopped");
});

Deno.test("defineService() refuses what is not a class, and a key twice", () => {
  assertThrows(
    () => defineService("file:///services.ts", "x", 1 as never),
    TypeError,
    'Cannot define service "x" of file:///services.ts: expected a class, received number',
  );
  defineService("file:///services.ts", "y", class {});
  assertThrows(
    () => defineService("file:///services.ts", "y", class {}),
    RangeError,
    "a second time",
  );
  assertThrows(() => defineService("here", "z", class {}), TypeError, "pass import.meta.url");
});
