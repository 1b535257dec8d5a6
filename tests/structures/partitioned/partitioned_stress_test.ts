/** All shards increment the same counts at once: none is lost, and no reader sees one go back. */
import { Runtime } from "@tidepool/core";
import { assert, assertEquals } from "@std/assert";
import { withRandom } from "../../harness/seeded_random.ts";
import { counts, partitionedTasks } from "./partitioned_definitions.ts";

const SHARDS = 4;
const INCREMENTS = 5_000;

Deno.test("increments of random keys by all shards at once add up, and are read in order", () =>
  withRandom(async (random) => {
    await using runtime = await Runtime.start({ shards: SHARDS + 1, memory: "24MiB" });
    await using map = await counts.start(runtime);
    const expected = new Map<string, number>();
    const keyLists = Array.from({ length: SHARDS }, () =>
      Array.from({ length: INCREMENTS }, () => {
        const key = `key ${random.below(random.below(300) + 1)}`; // some often, most seldom
        expected.set(key, (expected.get(key) ?? 0) + 1);
        return key;
      }));
    const keys = [...expected.keys()];
    let isDone = false;
    const watch = async () => {
      let seen = { now: [] as number[], faults: [] as string[] };
      let rounds = 0;
      do {
        seen = await runtime.submitTo(SHARDS, partitionedTasks.watch, map, keys, seen.now);
        assertEquals(seen.faults, []);
        rounds++;
      } while (!isDone);
      return rounds;
    };
    const increment = async () => {
      await Promise.all(
        keyLists.map((list, shard) =>
          runtime.submitTo(shard, partitionedTasks.increment, map, list, 64)
        ),
      );
      isDone = true;
    };
    const [rounds] = await Promise.all([watch(), increment()]);
    assert(rounds > 2, `${rounds}`);
    assertEquals([...map].sort(), [...expected].sort());
  }));

Deno.test("maps start and stop beside their readers, who read what was set or are told that it has stopped", async () => {
  const warnings: Error[] = [];
  {
    await using runtime = await Runtime.start({
      shards: 3,
      memory: "24MiB",
      debugHeap: true,
      onWarning: (warning) => void warnings.push(warning),
    });
    const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`);
    const values = keys.map((_, i) => i);
    let reads = 0;
    for (let round = 0; round < 40; round++) {
      const map = await counts.start(runtime);
      const readers = [0, 1, 2].map((shard) =>
        runtime.submitTo(shard, partitionedTasks.readToTheEnd, map, keys, values)
      );
      await map.setMany(keys.map((key, i) => [key, values[i]!]));
      await map.stop();
      for (const { name, reads: times } of await Promise.all(readers)) {
        assertEquals(name, "StaleStructureError");
        reads += times;
      }
    }
    assert(reads > 0);
  }
  assertEquals(warnings, []); // no block is left
});
