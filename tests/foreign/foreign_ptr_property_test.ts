/**
 * Random moves, copies, drops and crashes over four shards and the host: 0 double destructions, 0
 * leaks, 0 on the wrong shard. TIDEPOOL_OPERATIONS says how many; a million takes a minute.
 */
import { assert, assertEquals } from "@std/assert";
import { withRandom } from "../harness/seeded_random.ts";
import { OwnershipModel } from "./ownership_model.ts";

const OPERATIONS = Number(Deno.env.get("TIDEPOOL_OPERATIONS") ?? 40_000);
const ROUNDS_PER_CHECK = 20;
/** Deaths in one runtime: two of each shard. */
const CRASHES = 8;

Deno.test("every object is destroyed exactly once, on its home shard, and every slice is empty", async () => {
  await withRandom(async (random) => {
    await using model = await OwnershipModel.start(random);
    while (model.operations < OPERATIONS) {
      for (let round = 0; round < ROUNDS_PER_CHECK; round++) await model.round();
      await model.check();
    }
    await model.end();
    assertEquals(await model.blocksInUse(), [0, 0, 0, 0]);
    assert(model.destructions > OPERATIONS / 20, `${model.destructions} destructions`);
  });
});

Deno.test("every object is destroyed exactly once, also while shards die and come back", async () => {
  await withRandom(async (random) => {
    let operations = 0;
    while (operations < OPERATIONS / 4) {
      await using model = await OwnershipModel.start(random);
      while (model.crashes < CRASHES) {
        for (let round = 0; round < 3; round++) await model.round();
        await model.roundWithCrash();
        await model.check();
      }
      await model.end();
      operations += model.operations;
    }
  });
});
