/** A module is loading, loaded, or has failed: the same for whoever asks for one of its tasks. */
import { Runtime, shardedParameter } from "@tidepool/core";
import { assertEquals, assertRejects } from "@std/assert";
import { boxes } from "./two_runtimes_tasks.ts";
import { failing, FAILS, services } from "./module_failing.ts";
import { gateTasks } from "./module_gate.ts";
import { loading, readers } from "./module_loading.ts";

Deno.test("a task runs when its module has been evaluated to its end, whoever asked first", async () => {
  await using runtime = await Runtime.start({ shards: 3, memory: "24MiB" });
  const value = await runtime.replicate(40, { home: 1 });
  assertEquals(await runtime.submitTo(0, loading.get, "a"), "1"); // shard 0 has it
  const first = runtime.submitTo(1, loading.get, "a");
  await runtime.submitTo(2, gateTasks.reachedOn, 1); // now it waits, with its tasks defined
  const parameter = shardedParameter(loading.get, "a") as unknown as string;
  const all = Promise.all([
    first,
    runtime.submitTo(1, loading.size),
    runtime.submitTo(0, loading.relay, 1, "a"),
    runtime.submitTo(1, loading.early),
    value.update(loading.grow).then(() => value.read()),
    runtime.startSharded(readers).then((service) => service.map("found")),
    runtime.startSharded(boxes, parameter).then((service) => service.map("read")),
  ]);
  await runtime.submitTo(2, gateTasks.openOn, 1);
  assertEquals(await all, ["1", 1, "1", "1", 41, ["1", "1", "1"], ["1", "1", "1"]]);
});

Deno.test("a module that failed fails all its tasks, for all, until its shard is started again", async () => {
  Deno.env.set(FAILS, "yes");
  const back = Promise.withResolvers<void>();
  await using runtime = await Runtime.start({
    shards: 2,
    memory: "16MiB",
    onCrash: "restart",
    onRestart: () => back.resolve(),
  });
  const value = await runtime.replicate(40, { home: 1 });
  assertEquals(await runtime.submitTo(0, failing.count), 1); // there it has loaded
  const parameter = shardedParameter(failing.withdraw) as unknown as string;
  const ways: Record<string, () => Promise<unknown>> = {
    "the task that was asked for first": () => runtime.submitTo(1, failing.count),
    "another": () => runtime.submitTo(1, failing.withdraw),
    "one asked for by another caller": () => runtime.submitTo(0, failing.relay, 1),
    "a service": () => runtime.startSharded(services),
    "a parameter": () => runtime.startSharded(boxes, parameter),
    "a change of a replicated value": () => value.update(failing.grow),
    "the first task, again": () => runtime.submitTo(1, failing.count),
  };
  for (const [name, call] of Object.entries(ways)) {
    const error = await assertRejects(call, Error, "does not load in this thread", name);
    assertEquals((error.cause as Error).message, "cannot open the database", name);
    assertEquals(error.cause instanceof RangeError, true, name);
  }
  assertEquals(await value.read(), 40);
  Deno.env.delete(FAILS);
  await assertRejects(() => runtime.submitTo(1, failing.count)); // for good
  await runtime.submitTo(1, gateTasks.close).catch(() => {});
  await back.promise;
  assertEquals(await runtime.submitTo(1, failing.count), 1);
});
