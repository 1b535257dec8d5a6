/**
 * Shared caches with real Workers: one shard fills them, two read. TIDEPOOL_READS says how many values are
 * read, 300,000 unless given, and a tenth as many changes are made.
 */
import { Runtime } from "@tidepool/core";
import { assert, assertEquals } from "@std/assert";
import { withRandom } from "../../harness/seeded_random.ts";
import { type Met, stressTasks } from "./stress_tasks.ts";

const READS = Number(Deno.env.get("TIDEPOOL_READS") ?? 300_000);
const OWNER = 0;
const READERS = [1, 2];
const TURN_READS = 5_000;
const TURN_CHANGES = 1_000;

Deno.test("readers meet no torn value and none whose time is over, and every entry is told of once", () =>
  withRandom(async (random) => {
    const warnings: unknown[] = [];
    {
      await using runtime = await Runtime.start({
        shards: READERS.length + 1,
        memory: "2MiB",
        debugHeap: { stacks: false, quarantineBytes: 4096 },
        onWarning: (warning) => warnings.push(warning),
      });
      const blocks = runtime.memoryStatistics(OWNER).liveBlocks;
      const addresses = await runtime.submitTo(OWNER, stressTasks.open, random.next());
      for (const shard of READERS) {
        await runtime.submitTo(shard, stressTasks.enter, random.next(), addresses);
      }
      let read = 0;
      let changed = 0;
      // Each goes on until the others have done what they are to do.
      const isDone = () => read >= READS && changed >= READS / 10;
      await Promise.all([
        ...READERS.map(async (shard) => {
          for (; !isDone(); read += TURN_READS) {
            await runtime.submitTo(shard, stressTasks.read, TURN_READS);
          }
        }),
        (async () => {
          for (; !isDone(); changed += TURN_CHANGES) {
            await runtime.submitTo(OWNER, stressTasks.write, TURN_CHANGES);
          }
        })(),
      ]);
      const met = await Promise.all(READERS.map((at) => runtime.submitTo(at, stressTasks.met)));
      const late = met.flatMap((each) => each.late);
      const ended = await runtime.submitTo(OWNER, stressTasks.ended, late);
      const sum = (name: Exclude<keyof Met, "late">) =>
        met.reduce((sum, each) => sum + each[name], 0);
      const done = await runtime.submitTo(OWNER, stressTasks.done);
      const what = JSON.stringify({ done, met });
      assertEquals({ torn: sum("torn"), ended, twice: sum("twice") }, {
        torn: 0,
        ended: 0,
        twice: 0,
      }, what);
      assert(sum("found") > sum("reads") / 10, what);
      assert(done.evictions > 100 && done.expirations > 100 && done.squeezed > 100, what);
      assertEquals(await runtime.submitTo(OWNER, stressTasks.close), done.sets, what);
      assertEquals(runtime.memoryStatistics(OWNER).liveBlocks - blocks, 0);
      runtime.checkHeap(OWNER);
    }
    assertEquals(warnings, []);
  }));
