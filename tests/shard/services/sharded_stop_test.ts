/**
 * How sharded services start and stop, alone and with their runtime. Names in brackets are the cases
 * of Seastar's sharded_test.cc and distributed_test.cc that a test stands for.
 */
import {
  GateClosedError,
  NoShardedInstanceError,
  Runtime,
  ShardCrashedError,
  StoppedError,
} from "@tidepool/core";
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { busTasks } from "../bus/bus_tasks.ts";
import {
  asksInConstructor,
  echo,
  fragile,
  guarded,
  neverStops,
  ordered,
  serviceTasks,
  stopsWithPeers,
} from "./sharded_services.ts";

const SHARDS = 3;

function start(): Promise<Runtime> {
  return Runtime.start({ shards: SHARDS, memory: "16MiB" });
}

/** What has happened on each shard since it was last asked. */
function logs(runtime: Runtime): Promise<string[][]> {
  return runtime.mapReduce(serviceTasks.log, [], [] as string[][], (all, log) => [...all, log]);
}

Deno.test("Sharded.stop() keeps every instance callable until all have stopped (invoke_on_during_stop_test)", async () => {
  await using runtime = await start();
  const service = await runtime.startSharded(stopsWithPeers);
  await service.stop();
  // The others call shard 0 after its own stop() has finished.
  assertEquals(await logs(runtime), [
    ["gone with 2 flags"],
    ["gone with 0 flags"],
    ["gone with 0 flags"],
  ]);
});

Deno.test("Sharded.stop() lets an instance wait for who is inside (test_async)", async () => {
  await using runtime = await start();
  const service = await runtime.startSharded(guarded);
  const work = service.invokeOn(1, "work");
  const stopped = service.stop();
  assertEquals(await service.invokeOn(1, "isStopping"), true);
  await assertRejects(() => service.invokeOn(1, "work"), GateClosedError, "with 1 still inside");
  assertEquals(await runtime.submitTo(1, serviceTasks.log), []);
  await service.invokeOn(1, "finish");
  assertEquals(await work, "finished");
  await stopped;
  assertEquals(await logs(runtime), Array(SHARDS).fill(["stopped", "gone"]));
});

Deno.test("Sharded.stop() twice, also at once, stops once", async () => {
  await using runtime = await start();
  const service = await runtime.startSharded(fragile, [], [], "");
  await Promise.all([service.stop(), service.stop()]);
  await service.stop();
  await service[Symbol.asyncDispose]();
  assertEquals(await logs(runtime), Array(SHARDS).fill(["made", "stopped", "gone"]));
});

Deno.test("Sharded.stop() lets all instances go before it rejects with what they threw", async () => {
  await using runtime = await start();
  const one = await runtime.startSharded(fragile, [], [1], "");
  await assertRejects(() => one.stop(), RangeError, "shard 1 does not stop");
  assertEquals(await logs(runtime), Array(SHARDS).fill(["made", "stopped", "gone"]));
  const several = await runtime.startSharded(fragile, [], [0, 1], "");
  const error = await assertRejects(
    () => several.stop(),
    AggregateError,
    "2 of 3 shards failed; the first was shard 0: RangeError: shard 0 does not stop",
  );
  assertEquals(error.errors.length, 2);
  await several.stop();
});

Deno.test("a call to a service that has stopped rejects with NoShardedInstanceError", async () => {
  await using runtime = await start();
  const echoes = await runtime.startSharded(echo, "");
  await runtime.submitTo(2, serviceTasks.keep, echoes);
  await echoes.stop();
  const error = await assertRejects(
    () => echoes.invokeOn(1, "text"),
    NoShardedInstanceError,
    "Sharded instance does not exist: shard 1 has none of Echo, as it was stopped or never started there",
  );
  assertInstanceOf(error, NoShardedInstanceError);
  assertEquals(error.shard, 1);
  await assertRejects(
    () => runtime.submitTo(2, serviceTasks.fromKept),
    AggregateError,
    "3 of 3 shards failed; the first was shard 0: NoShardedInstanceError",
  );
});

Deno.test("a failed start stops what had started and rejects with the constructor's error (failed_sharded_start_doesnt_hang)", async () => {
  await using runtime = await start();
  await assertRejects(
    () => runtime.startSharded(fragile, [1], [], "refused on SHARD"),
    SyntaxError,
    "refused on 1",
  );
  assertEquals(await logs(runtime), [
    ["made", "stopped", "gone"],
    [],
    ["made", "stopped", "gone"],
  ]);
  await assertRejects(
    () => runtime.startSharded(fragile, [0, 1, 2], [], "refused"),
    SyntaxError,
    "refused",
  );
  assertEquals(await logs(runtime), [[], [], []]);
  const error = await assertRejects(
    () => runtime.startSharded(fragile, [0, 2], [], "refused on SHARD"),
    AggregateError,
    "2 of 3 shards failed; the first was shard 0: SyntaxError: refused on 0",
  );
  assertEquals(error.errors.length, 2);
  assertEquals(await logs(runtime), [[], ["made", "stopped", "gone"], []]);
});

Deno.test("a failed start whose undoing fails too rejects with both errors", async () => {
  await using runtime = await start();
  const error = await assertRejects(
    () => runtime.startSharded(fragile, [1], [2], "refused on SHARD"),
    AggregateError,
    "Cannot start Fragile, nor stop all that had started: SyntaxError: refused on 1",
  );
  assertEquals(error.errors.map(({ message }: Error) => message), [
    "refused on 1",
    "shard 2 does not stop",
  ]);
});

Deno.test("containerOf() in a constructor says that it is too early", async () => {
  await using runtime = await start();
  await assertRejects(
    () => runtime.startSharded(asksInConstructor),
    TypeError,
    "Cannot find the container of AsksInConstructor: it is not an instance of a sharded service, or still in its constructor",
  );
});

Deno.test("Runtime.stop() stops services that still run, the latest first, also those that shards have started", async () => {
  const runtime = await start();
  const first = await runtime.startSharded(ordered, "first");
  await runtime.startSharded(ordered, "by the host", first);
  await runtime.submitTo(2, serviceTasks.startOrdered, "by shard 2", first);
  await runtime.startSharded(ordered, "last", first);
  await assertRejects(
    () => runtime.stop(),
    Error,
    "stopped before: last,by shard 2,by the host",
  );
});

Deno.test("Runtime.stop() lets a call under way use services that it has not reached yet", async () => {
  const runtime = await start();
  const echoes = await runtime.startSharded(echo, "still there");
  const text = runtime.submitTo(0, serviceTasks.askLate, echoes, 300);
  await runtime.stop();
  assertEquals(await text, "still there");
});

Deno.test("Runtime.stop() lets the host's calls to services finish first", async () => {
  const runtime = await start();
  const service = await runtime.startSharded(guarded);
  const work = service.invokeOn(1, "work");
  const stopped = runtime.stop();
  await service.invokeOn(1, "finish");
  assertEquals(await work, "finished");
  await stopped;
});

Deno.test("Runtime.stop() throws what several services throw, and says which did not stop in time", async () => {
  const several = await start();
  await several.startSharded(fragile, [], [0], "");
  await several.startSharded(fragile, [], [1], "");
  const error = await assertRejects(
    () => several.stop(),
    AggregateError,
    "2 calls without reply, or services told to stop, have failed",
  );
  assertEquals(error.errors.map(({ message }: Error) => message), [
    "shard 1 does not stop",
    "shard 0 does not stop",
  ]);
  const hanging = await start();
  await hanging.startSharded(neverStops);
  await assertRejects(
    () => hanging.stop({ deadlineMs: 500 }),
    StoppedError,
    "NeverStops had not stopped when the runtime could wait no longer",
  );
});

Deno.test('services stop on the shards that are left after a crash with onCrash "keep"', async () => {
  const runtime = await Runtime.start({ shards: SHARDS, memory: "16MiB", onCrash: "keep" });
  const service = await runtime.startSharded(fragile, [], [2], "");
  await assertRejects(() => runtime.submitTo(0, busTasks.crash, "throw"), ShardCrashedError);
  await assertRejects(() => service.invokeOn(0, "stop"), ShardCrashedError, "Shard 0 crashed");
  await assertRejects(() => runtime.stop(), RangeError, "shard 2 does not stop");
});

/** Starts a runtime whose shards come back, with what ends shard `shard` and waits for its new life. */
async function startMortal() {
  let back = Promise.withResolvers<void>();
  const runtime = await Runtime.start({
    shards: SHARDS,
    memory: "16MiB",
    onCrash: "restart",
    onRestart: () => back.resolve(),
  });
  const restart = async (shard: number) => {
    await assertRejects(() => runtime.submitTo(shard, busTasks.crash, "throw"), ShardCrashedError);
    await back.promise;
    back = Promise.withResolvers();
  };
  return { runtime, restart };
}

Deno.test("a service that a restarted shard starts is none that its former life started", async () => {
  const { runtime, restart } = await startMortal();
  await using _ = runtime;
  const former = await runtime.submitTo(1, serviceTasks.startHere, "former ");
  const stopped = await runtime.submitTo(1, serviceTasks.startHere, "stopped ");
  await stopped.stop();
  await restart(1);
  const later = await runtime.submitTo(1, serviceTasks.startHere, "later ");
  const further = await runtime.submitTo(1, serviceTasks.startHere, "further ");
  assertEquals(await later.map("text"), ["later 3", "later 13", "later 23"]);
  assertEquals(await further.invokeOn(2, "text"), "further 23");
  assertEquals(await former.invokeOn(0, "text"), "former 3"); // where it lives on, it is what it was
  assertEquals(await former.invokeOn(1, "text"), "former 13"); // and where it was made again
  await assertRejects(() => stopped.invokeOn(0, "text"), NoShardedInstanceError);
  await former.stop();
  assertEquals(await later.invokeOn(2, "text"), "later 23");
});

Deno.test("Runtime.stop() stops services, those that a shard has made again among them, the latest first", async () => {
  const { runtime, restart } = await startMortal();
  await runtime.startSharded(fragile, [], [2], "");
  await restart(0);
  await runtime.startSharded(fragile, [], [0], "");
  await restart(1);
  await runtime.startSharded(fragile, [], [1], "");
  const error = await assertRejects(() => runtime.stop(), AggregateError);
  assertEquals(error.errors.map(String), [
    "RangeError: shard 1 does not stop",
    "RangeError: shard 0 does not stop",
    "RangeError: shard 2 does not stop",
  ]);
});
