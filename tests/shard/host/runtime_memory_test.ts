/**
 * Sizes of memory on real shards. Segments are large, but touched here and there only: they take
 * address space, and few pages.
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Runtime } from "@tidepool/core";
import { busTasks } from "../bus/bus_tasks.ts";
import { memoryTasks } from "./memory_tasks.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

Deno.test("Runtime of 6 GiB: a struct at the far end of the last slice is seen by all shards", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "6GiB", hostMemory: "1MiB" });
  const before = await runtime.submitTo(1, memoryTasks.liveBlocks);
  // Blocks are placed from the front of the slice: what is left behind these lies at its end.
  const fillers: number[] = [];
  for (const share of [2, 1 / 2, 1 / 4, 1 / 8, 1 / 16]) {
    fillers.push(await runtime.submitTo(1, memoryTasks.allocate, share * GIB - 64));
  }
  assert(fillers.every((address) => address > 3 * GIB));
  const reading = await runtime.submitTo(1, memoryTasks.makeReading, 41.5);
  assert(reading > 5.9 * GIB, `the struct is at ${reading}`);

  assertEquals(await runtime.submitTo(0, memoryTasks.raiseReading, reading), "42.5 µg/m³");
  assertEquals(await runtime.submitTo(1, memoryTasks.raiseReading, reading), "43.5 µg/m³");
  await runtime.submitTo(0, memoryTasks.freeAll, reading, ...fillers);
  assertEquals(await runtime.submitTo(1, memoryTasks.liveBlocks), before);
  runtime.checkHeap(1);
});

Deno.test("Runtime.start() divides memory by weights", async () => {
  await using runtime = await Runtime.start({ shards: 3, memory: "16MiB", weights: [2, 1, 1] });
  const total = (shard: number) => runtime.memoryStatistics(shard).totalBytes;
  for (const [shard, expected] of [8 * MIB, 4 * MIB, 4 * MIB].entries()) {
    assert(total(shard) <= expected && total(shard) > expected - 16384, `shard ${shard}`);
  }
  const large = await runtime.submitTo(0, memoryTasks.allocate, 6 * MIB);
  assert(large > 0);
  assertEquals(await runtime.submitTo(1, memoryTasks.allocate, 6 * MIB), 0);
  const last = await runtime.submitTo(2, memoryTasks.makeReading, 1);
  assertEquals(await runtime.submitTo(0, memoryTasks.raiseReading, last), "2 µg/m³");
});

Deno.test("Runtime.memoryReport() describes the slice of a shard from the host", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  const block = await runtime.submitTo(1, memoryTasks.allocate, 4 * MIB);
  assertStringIncludes(runtime.memoryReport(1), "1 block live");
  assertStringIncludes(runtime.memoryReport(0), "0 blocks live");
  assertThrows(
    () => runtime.memoryReport(3), // 2 is the host
    RangeError,
    "Cannot look at shard 3: the runtime has shards 0 to 1",
  );
  await runtime.submitTo(1, memoryTasks.freeAll, block);
  assertStringIncludes(runtime.memoryReport(1), "0 blocks live");
});

Deno.test("Runtime describes the host's slice under the number after the last shard's", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB", hostMemory: "1MiB" });
  const host = runtime.shardCount;
  const { totalBytes, liveBlocks } = runtime.memoryStatistics(host);
  assert(totalBytes <= MIB && totalBytes > MIB - 16384, `${totalBytes} bytes`);
  const text = "x".repeat(5000);
  const echo = runtime.submitTo(1, busTasks.echo, text);
  assertEquals(runtime.memoryStatistics(host).liveBlocks, liveBlocks + 1);
  assertStringIncludes(runtime.memoryReport(host), `${liveBlocks + 1} block`);
  assert(runtime.walkHeap(host).some(({ byteLength, free }) => byteLength >= 5000 && !free));
  assertEquals(await echo, text);
  assertEquals(runtime.memoryStatistics(host).liveBlocks, liveBlocks);
  runtime.checkHeap(host);
});

Deno.test("Runtime.start() refuses weights that do not fit", async () => {
  await assertRejects(
    () => Runtime.start({ shards: 2, memory: "16MiB", weights: [1] }),
    RangeError,
    "Cannot weight 2 shards by 1 weights: expected one each",
  );
  await assertRejects(
    () => Runtime.start({ shards: 2, memory: "6GiB", weights: [1, 5] }),
    RangeError,
    "shard 1 would have 5368709120 bytes",
  );
});

Deno.test("Runtime.start() takes what the machine can spare, unless told", async () => {
  for (const options of [{ shards: 2 }, { shards: 2, memory: "auto" }]) {
    const { available } = Deno.systemMemoryInfo();
    await using runtime = await Runtime.start(options);
    const first = runtime.memoryStatistics(0).totalBytes;
    assertEquals(runtime.memoryStatistics(1).totalBytes, first);
    assert(first > 32 * 2 ** 10 && 2 * first < Math.min(available, 8 * GIB), `${first} bytes`);
    assertEquals(await runtime.submitTo(1, memoryTasks.liveBlocks), 0);
  }
});

Deno.test(
  "Runtime.start() without a size says what it may not ask",
  { permissions: { read: "inherit", net: "inherit", env: "inherit", sys: false } },
  async () => {
    await assertRejects(
      () => Runtime.start({ shards: 1 }),
      Deno.errors.NotCapable,
      'pass `memory` as bytes or text like "512MiB", or grant --allow-sys=systemMemoryInfo',
    );
    // With a size, nothing is asked.
    await using runtime = await Runtime.start({ shards: 1, memory: "1MiB" });
    assertEquals(await runtime.submitTo(0, memoryTasks.liveBlocks), 0);
  },
);
