// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task soak:bus [minutes]`: soaks of the bus, with new seeds, until the time is over. Says the seed
 * of each before it begins, so that one that fails can be had again with TIDEPOOL_SEED.
 */
import { runSeed, SeededRandom } from "../../harness/seeded_random.ts";
import { soakRound } from "./soak.ts";

const CALLS = 2000;

async function main([minutes = "60"]: string[]): Promise<void> {
  if (!(Number(minutes) > 0)) {
    throw new RangeError(`Cannot soak for "${minutes}" minutes: expected a number above 0`);
  }
  const end = performance.now() + Number(minutes) * 60_000;
  const sum = { right: 0, crashed: 0, givenUp: 0, deaths: 0 };
  let seed = runSeed();
  for (let round = 0; performance.now() < end; round++) {
    console.log(`round ${round}, seed ${seed}; so far ${JSON.stringify(sum)}`);
    const report = await soakRound(seed, CALLS);
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += report[key];
    seed = new SeededRandom(seed).next();
  }
  console.log(`${JSON.stringify(sum)}, nothing found`);
}

if (import.meta.main) await main(Deno.args);
