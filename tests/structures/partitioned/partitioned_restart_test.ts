/** Shards that die, and come back, under a map that is read and changed. */
import {
  Runtime,
  type RuntimeOptions,
  ShardCrashedError,
  ShardRestartingError,
} from "@tidepool/core";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { withRandom } from "../../harness/seeded_random.ts";
import { counts, partitionedTasks } from "./partitioned_definitions.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "16MiB", ...options });
}

/** Keys of each shard. */
function keysOf(runtime: Runtime, count: number): string[][] {
  const keys: string[][] = Array.from({ length: runtime.shardCount }, () => []);
  for (let i = 0; keys.some(({ length }) => length < count); i++) {
    keys[runtime.shardOf(`key ${i}`)]!.push(`key ${i}`);
  }
  return keys;
}

Deno.test("of a shard that is gone for good, reads and calls say what it died of; the others go on", async () => {
  await using runtime = await start({ onCrash: "keep" });
  const map = await counts.start(runtime);
  const fresh = await counts.start(runtime); // whose parts nobody has read
  const keys = keysOf(runtime, 2);
  for (const [shard, [key]] of keys.entries()) await map.set(key!, shard);
  assertEquals(keys.map(([key]) => map.get(key!)), [0, 1, 2]);
  await assertRejects(() => runtime.submitTo(1, partitionedTasks.die), ShardCrashedError);
  const [key] = keys[1]!;
  for (const one of [map, fresh]) {
    for (const read of [() => one.get(key!), () => one.has(key!), () => one.size, () => [...one]]) {
      assertEquals(assertThrows(read, ShardCrashedError).shard, 1);
    }
    for (
      const change of [
        () => one.set(key!, 1),
        () => one.delete(key!),
        () => one.add(key!, 1),
        () => one.update(key!, "takeOne"),
        () => one.setMany([[key!, 1]]),
        () => one.clear(),
      ]
    ) assertEquals((await assertRejects(change, ShardCrashedError)).shard, 1);
  }
  // From the other shards, too.
  for (const shard of [0, 2]) {
    const get = () => runtime.submitTo(shard, partitionedTasks.get, map, key!);
    assertEquals((await assertRejects(get, ShardCrashedError)).shard, 1);
    await runtime.submitTo(shard, partitionedTasks.set, map, keys[0]![1]!, shard);
    assertEquals(map.get(keys[0]![1]!), shard);
  }
});

Deno.test("the part of a shard that comes back is empty, and all handles go on with it", async () => {
  const states: unknown[] = [];
  const opening = Promise.withResolvers<void>();
  await using runtime = await start({
    onCrash: "restart",
    onRestart: async () => {
      states.push(map.get(key), map.size); // the part is there before the shard takes calls
      opening.resolve();
      await open.promise;
    },
  });
  const open = Promise.withResolvers<void>();
  const map = await counts.start(runtime);
  const ofTask = await runtime.submitTo(1, partitionedTasks.start); // its starter dies
  const keys = keysOf(runtime, 2);
  const [key] = keys[1] as [string];
  for (const one of [map, ofTask]) {
    for (const [shard, [each]] of keys.entries()) await one.set(each!, shard);
  }
  await runtime.submitTo(0, partitionedTasks.get, map, key); // shard 0 has found the part that dies
  await assertRejects(() => runtime.submitTo(1, partitionedTasks.die), ShardCrashedError);
  // Until the next life has a part, reads fail at once and calls wait.
  const error = assertThrows(() => map.get(key));
  assert(error instanceof ShardCrashedError || error instanceof ShardRestartingError, `${error}`);
  const waiting = map.set(key, 10);
  const failing = map.with({ whenDown: "fail" }).set(key, 11);
  await assertRejects(() => failing, ShardRestartingError);
  await opening.promise;
  assertEquals(states, [undefined, 2]);
  assertEquals([map.get(key), map.size, [...map].length], [undefined, 2, 2]);
  open.resolve();
  await waiting;
  assertEquals([map.get(key), map.size], [10, 3]);
  for (const shard of [0, 1, 2]) {
    assertEquals(await runtime.submitTo(shard, partitionedTasks.get, map, key), 10);
  }
  assertEquals([ofTask.get(key), ofTask.size], [undefined, 2]);
  assertEquals(await ofTask.add(key, 3), 3);
  await ofTask.stop();
  assertEquals(map.size, 3);
  // A map that is started now is whole, and one that has stopped does not come back.
  await using later = await counts.start(runtime);
  await later.set(key, 1);
  await assertRejects(() => runtime.submitTo(1, partitionedTasks.die), ShardCrashedError);
  await runtime.whenUp(1);
  assertEquals([later.get(key), later.size], [undefined, 0]);
  assertThrows(() => ofTask.get(key), ReferenceError, "shard 1 has no part of it");
});

Deno.test("in the middle of sets, shards die and come back: nothing hangs, and what is awaited later is kept", () =>
  withRandom(async (random) => {
    const runtime = await start({ onCrash: "restart", restartTimeoutMs: 20_000 });
    const map = await counts.start(runtime);
    const keys = keysOf(runtime, 20).flat();
    const address = runtime["endpoint"].allocator.calloc(1, 4);
    const word = new Int32Array(runtime["endpoint"].buffer, address, 1);
    const host = partitionedTasks.hammer.run(map, keys, address, runtime["endpoint"].buffer);
    const shards = [0, 1, 2].map(async (shard) => {
      while (Atomics.load(word, 0) === 0) {
        try {
          return await runtime.submitTo(shard, partitionedTasks.hammer, map, keys, address);
        } catch (error) {
          if (!(error instanceof ShardCrashedError)) throw error;
        }
      }
    });
    const real = performance.now;
    try {
      for (let life = 0; life < 6; life++) {
        performance.now = () => real.call(performance) + life * 60_000; // five a minute are too many
        const shard = random.below(3);
        await runtime.submitTo(shard, partitionedTasks.die).catch(() => {});
        await runtime.whenUp(shard);
      }
    } finally {
      performance.now = real;
    }
    Atomics.store(word, 0, 1);
    const found = [await host, ...await Promise.all(shards)];
    assertEquals(found.flatMap((one) => one?.errors ?? []), []);
    assert(found[0]!.sets > 0 && found[0]!.reads > 0);
    await map.setMany(keys.map((key, i) => [key, i]));
    assertEquals(keys.map((key) => map.get(key)), keys.map((_, i) => i));
    assertEquals(map.size, keys.length);
    await runtime.stop();
  }));
