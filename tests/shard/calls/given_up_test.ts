/** Calls that are given up, or whose callers die, at moments that are easy to forget. */
import { Runtime, transfer } from "@tidepool/core";
import { assert, assertEquals } from "@std/assert";
import { busTasks } from "../bus/bus_tasks.ts";
import { givenUpTasks } from "./given_up_tasks.ts";
import { gateTasks } from "./module_gate.ts";
import { loading } from "./module_loading.ts";

Deno.test("a task is told while a module loads that holds its caller's later calls up, and no later call is", async () => {
  await using runtime = await Runtime.start({ shards: 3, memory: "24MiB" });
  const abort = new AbortController();
  const call = runtime.submitTo(1, givenUpTasks.listen.with({ signal: abort.signal }));
  await runtime.submitTo(1, givenUpTasks.begun);
  const held = runtime.submitTo(1, loading.size);
  await runtime.submitTo(2, gateTasks.reachedOn, 1);
  abort.abort(new RangeError("enough"));
  assertEquals(await call.catch(String), "RangeError: enough");
  await runtime.submitTo(2, givenUpTasks.toldOn, 1); // or this waits for the module
  const { signal } = new AbortController();
  const others = Array.from(
    { length: 5 },
    () => runtime.submitTo(1, givenUpTasks.isGivenUp.with({ signal })),
  );
  await runtime.submitTo(2, gateTasks.openOn, 1);
  assertEquals(await held, 1);
  assertEquals(await Promise.all(others), others.map(() => false));
});

Deno.test("a pointer that a call of a shard to itself gives, which was given up, is destroyed", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  assertEquals(await runtime.submitTo(1, givenUpTasks.giveUpOwn), "RangeError: enough");
});

Deno.test("to look at what transfer() hands over runs no code of the program's", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  let looks = 0;
  class Buffer extends ArrayBuffer {
    override get detached(): boolean {
      looks++;
      return super.detached;
    }
  }
  class Bytes extends Uint8Array<ArrayBuffer> {
    override get buffer(): ArrayBuffer {
      looks++;
      return super.buffer;
    }
  }
  class Stream extends ReadableStream<number> {
    override get locked(): boolean {
      looks++;
      return super.locked;
    }
  }
  for (const value of [new Buffer(8), new Bytes(new ArrayBuffer(8)), new Stream()]) {
    await runtime.submitTo(1, busTasks.id);
    await runtime.submitTo(1, givenUpTasks.nothing, ...[transfer(value)] as unknown as []);
  }
  assertEquals(looks, 0);
});

Deno.test("Runtime.stop() does not wait for a flush() of a shard that died with calls held elsewhere", async () => {
  const runtime = await Runtime.start({ shards: 3, memory: "24MiB", onCrash: "keep" });
  const module = new URL("./module_loading.ts", import.meta.url).href;
  await runtime.submitTo(0, givenUpTasks.flushAndDie, 1, module).catch(() => {});
  await runtime.submitTo(2, gateTasks.openOn, 1);
  await runtime.submitTo(1, givenUpTasks.open);
  const begin = performance.now();
  await runtime.stop({ deadlineMs: 30_000 }).catch(() => {});
  assert(performance.now() - begin < 20_000, "it came to its deadline");
});

Deno.test("a shard that died with calls that waited has none when it is back", async () => {
  const back = Promise.withResolvers<void>();
  await using runtime = await Runtime.start({
    shards: 3,
    memory: "24MiB",
    ringSlots: 4,
    onCrash: "restart",
    onRestart: () => back.resolve(),
  });
  await runtime.submitTo(0, givenUpTasks.waitAndDie, 1).catch(() => {});
  await back.promise;
  assertEquals(runtime.busStatistics(0).callsWaiting, 0);
  await runtime.submitTo(1, givenUpTasks.open);
});
