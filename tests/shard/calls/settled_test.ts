/** Maps over all shards, and what they say when some are down. */
import { Runtime, ShardCrashedError, StoppedError, transfer } from "@tidepool/core";
import { map, mapReduceSettled, mapSettled, type ShardStatus } from "@tidepool/core/shard";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { busTasks } from "../bus/bus_tasks.ts";
import { echo } from "../services/sharded_services.ts";
import { lineOf, settledTasks } from "./settled_tasks.ts";

const SMALL = { shards: 3, memory: "16MiB" } as const;

Deno.test("map() gives the results in the order of the shards, from the host and from a shard", async () => {
  await using runtime = await Runtime.start(SMALL);
  assertEquals(await runtime.map(settledTasks.shard, 5), [5, 6, 7]);
  assertEquals(await runtime.submitTo(2, settledTasks.mapped), [10, 11, 12]);
  await assertRejects(() => runtime.map(settledTasks.failOn, 1), RangeError, "shard 1 fails");
});

Deno.test("mapSettled() says of each shard what it gave or threw", async () => {
  await using runtime = await Runtime.start(SMALL);
  const [first, second, third] = await runtime.mapSettled(settledTasks.failOn, 1);
  assertEquals([first, third], [
    { status: "fulfilled", value: 0 },
    { status: "fulfilled", value: 2 },
  ]);
  assert(second?.status === "rejected" && second.reason instanceof RangeError);
  assertEquals(
    await runtime.submitTo(0, settledTasks.settled, 2),
    ["fulfilled", "fulfilled", "rejected"],
  );
});

Deno.test("mapSettled() keeps the task's options, and refuses arguments that cannot go to all", async () => {
  await using runtime = await Runtime.start({ ...SMALL, shards: 1 });
  const never = settledTasks.never.with({ timeoutMs: 10 });
  const [outcome] = await runtime.mapSettled(never);
  assert(outcome?.status === "rejected" && outcome.reason.name === "TimeoutError");
  await assertRejects(
    () => runtime.mapSettled(busTasks.echo, transfer(new ArrayBuffer(8))),
    TypeError,
    "Cannot send arguments[0] to several shards as transfer() hands it over",
  );
  await runtime.stop({ deadlineMs: 0 }); // the call that was given up runs on
});

Deno.test("mapReduceSettled() reduces in the order of the shards, with a reducer that waits", async () => {
  await using runtime = await Runtime.start(SMALL);
  const later = async (shards: number[], _: unknown, shard: number) => {
    await Promise.resolve();
    return [...shards, shard];
  };
  assertEquals(await runtime.mapReduceSettled(settledTasks.failOn, [0], [], later), [0, 1, 2]);
  const failing = () => Promise.reject(new SyntaxError("the reducer fails"));
  await assertRejects(
    () => runtime.mapReduceSettled(settledTasks.shard, [0], 0, failing),
    SyntaxError,
    "the reducer fails",
  );
});

/** As a page of figures is made. */
async function pageOf(runtime: Runtime): Promise<string> {
  const states = runtime.shards.map(({ id, state }) => `${id} ${state}`).join();
  return states + "\n" + await runtime.mapReduceSettled(settledTasks.shard, [10], "", lineOf);
}

Deno.test('a page of figures works when a shard is dead (onCrash: "keep"), on the host and on a shard', async () => {
  await using runtime = await Runtime.start({ ...SMALL, onCrash: "keep" });
  assertEquals(
    await pageOf(runtime),
    "0 running,1 running,2 running\nshard 0: 10\nshard 1: 11\nshard 2: 12\n",
  );
  const echoes = await runtime.startSharded(echo, ""); // the runtime stops it
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  assertEquals(
    await pageOf(runtime),
    "0 running,1 dead,2 running\nshard 0: 10\nshard 1: ShardCrashedError\nshard 2: 12\n",
  );
  assertEquals(
    await runtime.submitTo(2, settledTasks.page),
    "shard 0: 10\nshard 1: ShardCrashedError\nshard 2: 12\n",
  );
  const outcomes = await echoes.mapSettled("shard");
  assertEquals(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  const line = await echoes.mapReduceSettled("shard", [], "", lineOf);
  assertEquals(line, "shard 0: 0\nshard 1: ShardCrashedError\nshard 2: 2\n");
});

Deno.test('a page of figures waits for no shard that is being started again (onCrash: "restart")', async () => {
  await using runtime = await Runtime.start({ ...SMALL, onCrash: "restart", onRestart: () => {} });
  await using echoes = await runtime.startSharded(echo, "");
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  const page = pageOf(runtime);
  const ofServices = echoes.mapReduceSettled("shard", [], "", lineOf);
  assertEquals(
    (await page).replace(/Shard(Crashed|Restarting)Error/, "down"),
    "0 running,1 restarting,2 running\nshard 0: 10\nshard 1: down\nshard 2: 12\n",
  );
  assertEquals(
    (await ofServices).replace(/Shard(Crashed|Restarting)Error/, "down"),
    "shard 0: 0\nshard 1: down\nshard 2: 2\n",
  );
  assertEquals(runtime.shards[1]?.state, "restarting"); // nobody has waited for it
  await runtime.whenUp(1);
  assertEquals(
    await pageOf(runtime),
    "0 running,1 running,2 running\nshard 0: 10\nshard 1: 11\nshard 2: 12\n",
  );
});

/** Without the times, which `isBetween()` looks at. */
function statesOf(runtime: Runtime) {
  return runtime.shards.map(({ id, state, epoch }) => [id, state, epoch]);
}

function isBetween({ since }: ShardStatus, begin: number): boolean {
  return since >= begin && since <= Date.now();
}

Deno.test("Runtime.shards says how each shard is, in which life, and since when", async () => {
  const begin = Date.now();
  const runtime = await Runtime.start({ ...SMALL, onCrash: "restart", onRestart: () => {} });
  await using _ = runtime;
  assertEquals(statesOf(runtime), [[0, "running", 0], [1, "running", 0], [2, "running", 0]]);
  assert(runtime.shards.every((shard) => isBetween(shard, begin)));
  const snapshot = runtime.shards;
  const crashed = Date.now();
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  assertEquals(runtime.shards[1]?.state, "restarting");
  assert(isBetween(runtime.shards[1]!, crashed));
  await runtime.whenUp(1);
  assertEquals(statesOf(runtime), [[0, "running", 0], [1, "running", 1], [2, "running", 0]]);
  assert(runtime.shards[1]!.since >= crashed && runtime.shards[0]!.since === snapshot[0]!.since);
  assertEquals(snapshot.map(({ state }) => state), ["running", "running", "running"]); // as it was
  const stopping = Date.now();
  await runtime.stop();
  assertEquals(statesOf(runtime), [[0, "dead", 0], [1, "dead", 1], [2, "dead", 0]]);
  assert(runtime.shards.every((shard) => isBetween(shard, stopping)));
  await assertRejects(() => runtime.mapSettled(settledTasks.shard), StoppedError);
});

Deno.test('Runtime.shards of a runtime that a crash has ended (onCrash: "fail") are all dead', async () => {
  const runtime = await Runtime.start(SMALL);
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  await runtime.closed.catch(() => {});
  assertEquals(runtime.shards.map(({ state }) => state), ["dead", "dead", "dead"]);
  await runtime.stop();
});

Deno.test("map(), mapSettled() and mapReduceSettled() need a shard to call from", async () => {
  for (
    const call of [
      () => map(settledTasks.shard),
      () => mapSettled(settledTasks.shard),
      () => mapReduceSettled(settledTasks.shard, [], 0, () => 0),
    ]
  ) {
    await assertRejects(call, TypeError, "This thread is not a shard");
  }
});

Deno.test("mapSettled() of what is not a task is refused once, not told of each shard", async () => {
  await using runtime = await Runtime.start(SMALL);
  await assertRejects(
    () => runtime.mapSettled("one" as unknown as typeof settledTasks.shard),
    TypeError,
    "Cannot submit to a shard: expected a task from defineTasks(), received string",
  );
});
