/** Random changes of replicated values from everywhere, while shards die and come back. */
import { type Replicated, Runtime, ShardCrashedError } from "@tidepool/core";
import { assert, assertEquals } from "@std/assert";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { type List, replicatedTasks } from "./replicated_tasks.ts";

const SHARDS = 5;
const ROUNDS = 9;
/** Homes of the values; of the other shards one dies in every second round. */
const HOMES = [0, 1, 2];
const CHANGES_PER_ROUND = 40;

/** Asks for changes of one value from random endpoints; the items whose changes have resolved. */
async function changeAtRandom(
  runtime: Runtime,
  random: SeededRandom,
  list: Replicated<List>,
  prefix: string,
): Promise<string[]> {
  const made: string[] = [];
  await Promise.all(Array.from({ length: CHANGES_PER_ROUND }, async (_, i) => {
    const item = `${prefix}.${i}`;
    const from = random.below(SHARDS + 1);
    try {
      if (from === SHARDS) await list.update(replicatedTasks.append, item);
      else await runtime.submitTo(from, replicatedTasks.appendFrom, list, item);
      made.push(item);
    } catch (error) {
      if (!(error instanceof ShardCrashedError)) throw error; // who asked has died
    }
  }));
  return made;
}

Deno.test("replicated values: no change is lost, and all copies are alike, while shards die", async () => {
  await withRandom(async (random) => {
    let restarted = Promise.withResolvers<void>();
    await using runtime = await Runtime.start({
      shards: SHARDS,
      memory: SHARDS * 2 ** 22,
      onCrash: "restart",
      onRestart: () => restarted.resolve(),
    });
    const lists = await Promise.all(HOMES.map((home) => {
      return runtime.replicate<List>([], { home });
    }));
    const made: string[][] = lists.map(() => []);
    for (let round = 0; round < ROUNDS; round++) {
      restarted = Promise.withResolvers<void>();
      const dies = round % 2 === 1;
      const dying = HOMES.length + (round >> 1) % 2;
      const changing = lists.map((list, i) =>
        changeAtRandom(runtime, random, list, `${i}.${round}`)
      );
      if (dies) {
        await runtime.submitTo(dying, replicatedTasks.exit).catch((error) => {
          assert(error instanceof ShardCrashedError, String(error));
        });
      }
      for (const [i, items] of (await Promise.all(changing)).entries()) made[i]!.push(...items);
      if (dies) await restarted.promise;
    }
    for (const [i, list] of lists.entries()) {
      // The home knows of the last to come back once it has answered; what it sends them is first.
      await list.update(replicatedTasks.append, "last");
      await list.update(replicatedTasks.append, "and last");
      const whole = await list.read();
      for (let shard = 0; shard < SHARDS; shard++) {
        assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), whole);
      }
      assertEquals(new Set(whole).size, whole.length); // none was made twice
      for (const item of made[i]!) assert(whole.includes(item), `${item} was lost`);
    }
  });
});
