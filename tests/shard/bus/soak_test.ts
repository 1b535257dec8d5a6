/** A moment of the soak of the bus; `deno task soak:bus` runs the same for longer. */
import { assertGreater } from "@std/assert";
import { runSeed, SeededRandom } from "../../harness/seeded_random.ts";
import { soakRound } from "./soak.ts";

Deno.test("a soak of the bus loses nothing, doubles nothing, and keeps the order", async () => {
  let seed = runSeed();
  let right = 0;
  for (let round = 0; round < 6; round++) {
    try {
      right += (await soakRound(seed, 400)).right;
    } catch (cause) {
      throw new Error(`${cause}\nSeed ${seed}: run it again with TIDEPOOL_SEED=${seed}`, { cause });
    }
    seed = new SeededRandom(seed).next();
  }
  assertGreater(right, 1000);
});
