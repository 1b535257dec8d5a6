/** Blocks that other shards free and resize, and memory that runs low, on real shards. */
import { InvalidAddressError, Runtime, ShardCrashedError } from "@tidepool/core";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { busTasks } from "./bus_tasks.ts";
import { remoteFreeTasks } from "./remote_free_tasks.ts";

/** Calls shard 1 until `condition` holds: time passes, and shard 0 hears nothing of it. */
async function until(runtime: Runtime, condition: () => boolean): Promise<void> {
  while (!condition()) await runtime.submitTo(1, remoteFreeTasks.nothing);
}

Deno.test("a shard that sleeps and is short of memory is woken by what others free", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "2MiB" });
  const { sleeps } = runtime.busStatistics(0);
  const addresses = await runtime.submitTo(0, remoteFreeTasks.fill, 0);
  const { freeBytes, totalBytes } = runtime.memoryStatistics(0);
  assert(freeBytes < 8192 && addresses.length > 100);
  await until(runtime, () => runtime.busStatistics(0).sleeps > sleeps);
  const { callsReceived } = runtime.busStatistics(0);

  await runtime.submitTo(1, remoteFreeTasks.free, ...addresses);
  // Nobody calls shard 0. It is woken until it is above the low-water mark, and may sleep on the rest:
  // a wake-up that is lost hangs here.
  await until(runtime, () => runtime.memoryStatistics(0).freeBytes > totalBytes / 16);
  assertEquals(runtime.busStatistics(0).callsReceived, callsReceived);
  await runtime.submitTo(0, remoteFreeTasks.nothing);
  assert(runtime.memoryStatistics(0).freeBytes > freeBytes + 4000 * addresses.length);
});

Deno.test("realloc and mallocUsableSize take blocks of another shard", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "4MiB" });
  for (const [from, to] of [[100, 30], [100, 5000], [5000, 100]] as const) {
    const address = await runtime.submitTo(0, remoteFreeTasks.makeBlock, from, 7);
    const usable = await runtime.submitTo(0, remoteFreeTasks.measure, address);
    assertEquals(await runtime.submitTo(1, remoteFreeTasks.measure, address), usable);
    const { remoteFreesReceived } = runtime.memoryStatistics(0);
    const moved = await runtime.submitTo(1, remoteFreeTasks.resize, address, to);
    assertEquals(moved.owner, 1);
    assert(moved.bytes.slice(0, Math.min(from, to)).every((byte) => byte === 7));
    await runtime.submitTo(0, remoteFreeTasks.nothing); // it drains before it answers
    assertEquals(runtime.memoryStatistics(0).remoteFreesReceived, remoteFreesReceived + 1);
    await assertRejects(
      () => runtime.submitTo(0, remoteFreeTasks.free, address),
      InvalidAddressError,
      `Cannot free address ${address} of slice 0`,
    );
    await runtime.submitTo(1, remoteFreeTasks.free, moved.address);
  }
});

Deno.test("what is freed of a dead shard is counted as dropped", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "4MiB", onCrash: "keep" });
  const addresses = await runtime.submitTo(1, remoteFreeTasks.fill, 2 ** 20);
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  const { frees } = runtime.memoryStatistics(1);
  await runtime.submitTo(0, remoteFreeTasks.free, ...addresses);
  assertEquals(runtime.memoryStatistics(0).remoteFreesDropped, addresses.length);
  assertEquals(runtime.memoryStatistics(1).frees, frees);
});

Deno.test("reclaimers refill free memory to the low-water mark between two turns", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "4MiB" });
  const { blocks, lowWaterBytes } = await runtime.submitTo(0, remoteFreeTasks.cacheUntilLow, 1000);
  assert(blocks > 1000);
  await until(runtime, () => runtime.memoryStatistics(0).reclaims > 0);
  await runtime.submitTo(0, remoteFreeTasks.nothing);
  const { freeBytes, reclaims, failedMallocs } = runtime.memoryStatistics(0);
  assert(freeBytes >= lowWaterBytes, `${freeBytes} bytes free, low water is ${lowWaterBytes}`);
  assertEquals([reclaims, failedMallocs], [1, 0]);
});
