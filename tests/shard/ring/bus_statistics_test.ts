/** The figures of the bus, read by the host without a message. */
import { Runtime } from "@tidepool/core";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { busTasks } from "../bus/bus_tasks.ts";

Deno.test("Runtime.busStatistics() counts calls, replies, batches and round trips of every endpoint", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB", ringSlots: 16 });
  const host = runtime.shardCount;
  const calls = 640;
  await Promise.all(Array.from({ length: calls }, () => runtime.submitTo(1, busTasks.add, 1, 2)));
  const { latencyMicroseconds, ...figures } = runtime.busStatistics(host);
  assertEquals([figures.callsSent, figures.repliesReceived], [calls, calls]);
  assertEquals([figures.callsReceived, figures.repliesSent, figures.callsWaiting], [0, 0, 0]);
  assertEquals(figures.callsDelayed, calls - 7); // half a ring, less the place for urgent ones
  assertGreater(figures.batches, 1);
  assert(figures.batches <= calls, `${figures.batches} batches`);
  const { samples, p50, p99, p999, max } = latencyMicroseconds;
  assert(samples > 0 && samples <= Math.ceil(calls / 64) + 1, `${samples} samples`);
  assert(0 < p50 && p50 <= p99 && p99 <= p999 && p999 <= max, `${[p50, p99, p999, max]}`);
  const there = runtime.busStatistics(1);
  assertEquals([there.callsReceived, there.repliesSent], [calls, calls]);
  const elsewhere = runtime.busStatistics(0);
  assertEquals([elsewhere.callsReceived, elsewhere.callsSent, elsewhere.batches], [0, 0, 0]);
  assertEquals(runtime.busStatistics(1).callsReceived, calls); // to look sends nothing
});

Deno.test("the only call under way is published at once, and the calls behind it at the end of their turn", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  const host = runtime.shardCount;
  await runtime.submitTo(0, busTasks.add, 1, 2);
  const batches = runtime.busStatistics(host).batches;
  const calls = [1, 2, 3].map((n) => runtime.submitTo(0, busTasks.add, n, 2));
  assertEquals(runtime.busStatistics(host).batches, batches + 1);
  assertEquals(await Promise.all(calls), [3, 4, 5]);
  assertEquals(runtime.busStatistics(host).batches, batches + 2);
});

Deno.test("calls without reply are published together, also beside the only call under way", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  const host = runtime.shardCount;
  await runtime.submitTo(0, busTasks.add, 1, 2);
  const long = runtime.submitTo(0, busTasks.pass, "long");
  const { batches } = runtime.busStatistics(host);
  const add = busTasks.add.with({ noReply: true });
  const calls = Array.from({ length: 16 }, () => runtime.submitTo(0, add, 1, 2));
  assertEquals(runtime.busStatistics(host).batches, batches);
  await Promise.all(calls);
  await runtime.submitTo(1, busTasks.openOn, 0, "long");
  await long;
});

Deno.test("Runtime.busStatistics() shows the calls that wait while they do", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB", ringSlots: 2 });
  const host = runtime.shardCount;
  const gate = runtime.submitTo(0, busTasks.pass, "statistics");
  const waiting = Array.from({ length: 5 }, () => runtime.submitTo(0, busTasks.id));
  assertEquals(runtime.busStatistics(host).callsWaiting, 5);
  await runtime.submitTo(1, busTasks.openOn, 0, "statistics");
  await Promise.all([gate, ...waiting]);
  assertEquals(runtime.busStatistics(host).callsWaiting, 0);
});
