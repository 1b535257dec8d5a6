/** What a shard that was started again has of its former life, whose addresses others still hold. */
import { Runtime, type RuntimeOptions, ShardCrashedError } from "@tidepool/core";
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { FLAG_BYTES, formerLifeTasks, type Use } from "./former_life_tasks.ts";

/** A runtime whose `back(shard)` resolves when that shard has been started again. */
async function start(options: Partial<RuntimeOptions> = {}) {
  const waiting = new Map<number, () => void>();
  const runtime = await Runtime.start({
    shards: 2,
    memory: "8MiB",
    onCrash: "restart",
    onRestart: (shard) => waiting.get(shard)!(),
    ...options,
  });
  return {
    runtime,
    /** To be called before the shard dies. */
    back: (shard: number) => new Promise<void>((resolve) => waiting.set(shard, resolve)),
  };
}

/** Ends the life of a shard and waits for the next. */
async function restart({ runtime, back }: Awaited<ReturnType<typeof start>>, shard: number) {
  const isBack = back(shard);
  await assertRejects(() => runtime.submitTo(shard, formerLifeTasks.close), ShardCrashedError);
  await isBack;
}

for (const debugHeap of [false, true]) {
  for (const user of [0, 1]) {
    const where = `on ${user === 1 ? "the shard itself" : "another shard"}`;
    Deno.test(
      `addresses of a former life are caught ${where}${debugHeap ? ", with a debug heap" : ""}`,
      async () => {
        const started = await start({ debugHeap });
        const { runtime } = started;
        await using _ = runtime;
        const uses: readonly [Use, string][] = [
          ["free", "free"],
          ["realloc", "reallocate"],
          ["measure", "measure"],
          ["delete", "measure"],
        ];
        for (let life = 0; life < 3; life++) {
          const held = await runtime.submitTo(1, formerLifeTasks.take, 100, 1000);
          await restart(started, 1);
          const [big] = await runtime.submitTo(1, formerLifeTasks.take, 1, 100_000);
          for (const [use, operation] of uses) {
            const outcomes = await runtime.submitTo(user, formerLifeTasks.use, use, held);
            outcomes.forEach((outcome, i) => {
              const error = `Error: Cannot ${operation} address ${held[i]} of slice 1 as `;
              assert(outcome.includes(error), outcome);
            });
          }
          assertEquals((await runtime.submitTo(1, formerLifeTasks.statistics)).liveBlocks, 1);
          await runtime.submitTo(1, formerLifeTasks.checkHeap);
          // No block begins in another that is live.
          const next = await runtime.submitTo(1, formerLifeTasks.take, 50, 1000);
          assertEquals(next.filter((address) => address >= big! && address < big! + 100_000), []);
          assertEquals(await runtime.submitTo(user, formerLifeTasks.use, "free", [big!, ...next]), [
            ...new Array(51).fill("accepted"),
          ]);
          assertEquals((await runtime.submitTo(1, formerLifeTasks.statistics)).liveBlocks, 0);
        }
      },
    );
  }
}

Deno.test("a view of a struct of a former life reads memory that was cleared", async () => {
  const started = await start();
  const { runtime } = started;
  await using _ = runtime;
  const [address] = await runtime.submitTo(1, formerLifeTasks.take, 1, FLAG_BYTES);
  await runtime.submitTo(1, formerLifeTasks.set, address!);
  assertEquals(await runtime.submitTo(0, formerLifeTasks.read, address!), 1);
  await restart(started, 1);
  assertEquals(await runtime.submitTo(0, formerLifeTasks.read, address!), 0);
});

Deno.test("a block of the new life comes home that is freed before the news of it has come", async () => {
  const started = await start();
  const { runtime, back } = started;
  await using _ = runtime;
  const isBack = back(1);
  await assertRejects(() => runtime.submitTo(1, formerLifeTasks.close), ShardCrashedError);
  const [flag] = await runtime.submitTo(0, formerLifeTasks.take, 1, FLAG_BYTES); // it has heard of the death
  const waited = runtime.submitTo(0, formerLifeTasks.waitFor, flag!);
  await isBack;
  const [address, kept] = await runtime.submitTo(1, formerLifeTasks.take, 2, 1000);
  // Behind the one that holds the thread: both are read in one go, in which nobody looks for news.
  const freed = runtime.submitTo(0, formerLifeTasks.use, "free", [address!]);
  await runtime.submitTo(1, formerLifeTasks.set, flag!);
  await waited;
  assertEquals(await freed, ["accepted"]);
  assertEquals((await runtime.submitTo(0, formerLifeTasks.statistics)).dropped, 0);
  assertEquals((await runtime.submitTo(1, formerLifeTasks.statistics)).liveBlocks, 1);
  assertEquals(await runtime.submitTo(0, formerLifeTasks.use, "free", [kept!]), ["accepted"]);
  await runtime.submitTo(1, formerLifeTasks.checkHeap);
});

Deno.test("blocks of messages that a shard left unread are free when it is back", async () => {
  const started = await start();
  const { runtime, back } = started;
  await using _ = runtime;
  const [holding, flag] = await runtime.submitTo(0, formerLifeTasks.take, 2, FLAG_BYTES);
  const isBack = back(1);
  const closed = runtime.submitTo(1, formerLifeTasks.closeAfter, holding!, flag!).catch(() => {});
  await runtime.submitTo(0, formerLifeTasks.waitFor, holding!);
  await runtime.submitTo(0, formerLifeTasks.give, 1, 100);
  const { liveBlocks } = await runtime.submitTo(0, formerLifeTasks.statistics);
  assertEquals(liveBlocks, 102);
  await runtime.submitTo(0, formerLifeTasks.set, flag!);
  await closed;
  await isBack;
  await runtime.submitTo(0, formerLifeTasks.nothing); // it hears of it before it answers
  assertEquals((await runtime.submitTo(0, formerLifeTasks.statistics)).liveBlocks, 2);
  await runtime.submitTo(0, formerLifeTasks.checkHeap);
});

Deno.test("two shards that die at once, whose addresses are freed meanwhile, come back with sound heaps", () =>
  withRandom(async (random) => {
    const started = await start({ shards: 3 });
    const { runtime, back } = started;
    await using _ = runtime;
    const flood = new SeededRandom(random.next());
    for (let life = 0; life < 5; life++) {
      const news = [1, 2].map(back);
      const held: number[] = [];
      for (const shard of [0, 1, 2]) {
        const taken = await runtime.submitTo(shard, formerLifeTasks.take, 60, random.below(3000));
        if (shard > 0) held.push(...taken);
      }
      let restarting = 2;
      for (const isBack of news) isBack.then(() => restarting--);
      await Promise.all(
        [1, 2].map((shard) =>
          assertRejects(() => runtime.submitTo(shard, formerLifeTasks.close), ShardCrashedError)
        ),
      );
      const rejected = (error: unknown) => {
        assert(error instanceof ShardCrashedError, String(error));
        return [];
      };
      while (restarting > 0) {
        // Whoever lives frees what it must not: also a shard whose own life has just begun.
        for (const shard of [0, 1, 2]) {
          const some = Array.from({ length: 20 }, () => held[flood.below(held.length)]!);
          const outcomes = await runtime.submitTo(shard, formerLifeTasks.use, "free", some)
            .catch(rejected);
          assertNotEquals(outcomes.length, 1);
        }
      }
      await Promise.all(news);
      for (const shard of [0, 1, 2]) await runtime.submitTo(shard, formerLifeTasks.nothing);
      for (const shard of [1, 2]) {
        const { liveBlocks, usedBytes } = await runtime.submitTo(
          shard,
          formerLifeTasks.statistics,
        );
        assertEquals([liveBlocks, usedBytes], [0, 0]);
        await runtime.submitTo(shard, formerLifeTasks.checkHeap);
      }
    }
  }));
