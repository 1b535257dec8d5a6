/** Hooks that run when a runtime stops: whose, in what order, and how often. */
import { Runtime } from "@tidepool/core";
import { assertEquals, assertRejects } from "@std/assert";
import { runs, work } from "./stop_hooks.ts";
import { hookTasks, quiet } from "./stop_hooks_tasks.ts";

const SMALL = { shards: 2, memory: "16MiB" };

Deno.test("of two runtimes in one thread each runs its own hooks, when it stops", async () => {
  runs.length = 0;
  const a = await Runtime.start(SMALL);
  const b = await Runtime.start(SMALL);
  await a.stop();
  assertEquals(runs.map(({ hook }) => hook), ["first", "second"]);
  assertEquals(runs.every(({ host }) => host === a["endpoint"]), true);
  runs.length = 0;
  await b.stop();
  assertEquals(runs.map(({ hook }) => hook), ["first", "second"]);
  assertEquals(runs.every(({ host }) => host === b["endpoint"]), true);
});

Deno.test("a hook that has set something in motion has all run again, the first first", async () => {
  runs.length = 0;
  const runtime = await Runtime.start(SMALL);
  let ticks = -1;
  work.push(async (host) => {
    // Nobody waits for its end: the next hook finds it over all the same.
    await host.submitTo(1, hookTasks.tickLater.with({ noReply: true }), []);
  }, async (host) => {
    ticks = await host.submitTo(1, hookTasks.ticks, []);
  });
  await runtime.stop();
  assertEquals(ticks, 1);
  assertEquals(runs.map(({ hook }) => hook), Array(3).fill(["first", "second"]).flat());
  assertEquals(runs.map(({ shards }) => shards), Array(6).fill([0, 1]));
});

Deno.test("stop() throws what a hook has left", async () => {
  const runtime = await Runtime.start(SMALL);
  work.push((_, failures) => {
    failures.push(new RangeError("left"));
    return Promise.resolve();
  });
  await assertRejects(() => runtime.stop(), RangeError, "left");
});

Deno.test("a service is stopped before the hooks of those that were registered later", async () => {
  runs.length = 0;
  const runtime = await Runtime.start(SMALL);
  const service = await runtime.startSharded(quiet);
  let running: unknown;
  work.push(async (host) => {
    running = await host.submitTo(0, hookTasks.hasInstance, [service]);
  });
  await runtime.stop();
  assertEquals(running, false);
});
