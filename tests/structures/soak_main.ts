// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task soak:structures [minutes]`: soaks of the structures in shared memory, with new seeds, until the
 * time is over. Says the seed of each before it begins, so that one that fails can be had again with
 * TIDEPOOL_SEED. TIDEPOOL_READS says how many values a round reads, 10 million unless given; it makes a tenth as
 * many changes.
 */
import { runSeed, SeededRandom } from "../harness/seeded_random.ts";
import { stress, type StressReport } from "./map/stress.ts";

const READS = Number(Deno.env.get("TIDEPOOL_READS") ?? 10_000_000);

/** What must not be met. */
const FAULTS = ["torn", "backwards", "missed", "wrong", "leaked"] as const;

async function main([minutes = "60"]: string[]): Promise<void> {
  if (!(Number(minutes) > 0)) {
    throw new RangeError(`Cannot soak for "${minutes}" minutes: expected a number above 0`);
  }
  const end = performance.now() + Number(minutes) * 60_000;
  const sum: Partial<Record<keyof StressReport, number>> = {};
  let seed = runSeed();
  for (let round = 0; performance.now() < end; round++) {
    console.log(`round ${round}, seed ${seed}; so far ${JSON.stringify(sum)}`);
    const keys = new SeededRandom(seed).between(200, 30_000);
    const report = await stress({ seed, reads: READS, writes: READS / 10, readers: 2, keys });
    const faults = FAULTS.filter((fault) => report[fault] !== 0);
    if (faults.length > 0) throw new Error(`Seed ${seed}: ${JSON.stringify(report)}`);
    for (const key of Object.keys(report) as (keyof StressReport)[]) {
      sum[key] = (sum[key] ?? 0) + report[key];
    }
    seed = new SeededRandom(seed).next();
  }
  console.log(`${JSON.stringify(sum)}, nothing found`);
}

if (import.meta.main) await main(Deno.args);
