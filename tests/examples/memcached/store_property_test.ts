/** The storage of one shard in too little memory, against a Map. */

import { Runtime } from "@tidepool/core";
import { assert } from "@std/assert";
import { runSeed } from "../../harness/seeded_random.ts";
import { SLICE_BYTES, storeModelTasks } from "./store_model_tasks.ts";

for (const [longest, keys] of [[30, 20_000], [3000, 2000], [20_000, 200], [90_000, 60]] as const) {
  Deno.test(`Store: values of up to ${longest} bytes under ${keys} keys, in 1.5 MiB`, async () => {
    await using runtime = await Runtime.start({ shards: 1, memory: SLICE_BYTES });
    const seed = runSeed();
    const steps = longest < 100 ? 100_000 : 6000;
    try {
      const evictions = await runtime.submitTo(0, storeModelTasks.run, {
        seed,
        steps,
        longest,
        keys,
      });
      assert(evictions > 0, "nothing had to be evicted: the run shows nothing");
    } catch (cause) {
      throw new Error(`Seed ${seed}: run it again with TIDEPOOL_SEED=${seed}`, { cause });
    }
    await runtime.stop();
    runtime.checkHeap(0);
  });
}
