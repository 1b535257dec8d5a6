// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task soak [minutes]`: soaks of every kind, with new seeds, until the time is over. Says the seed
 * of each before it begins, so that one that fails can be had again with TIDEPOOL_SEED.
 */
import { SeededRandom } from "../../harness/seeded_random.ts";
import { Soak, type SoakOptions } from "./soak.ts";

const KINDS: readonly SoakOptions[] = [
  { sliceBytes: 2 ** 26, meanBytes: 10_000, mostBytes: 2 ** 25, blocks: 500 },
  { sliceBytes: 2 ** 16, meanBytes: 300, mostBytes: 2 ** 15, blocks: 400 },
  { sliceBytes: 2 ** 24, meanBytes: 100, mostBytes: 2 ** 20, blocks: 20_000 },
].flatMap((kind) => [false, true].map((debugHeap) => ({ ...kind, checkEvery: 20_000, debugHeap })));
const OPERATIONS = 200_000;

function main([minutes = "60"]: string[]): void {
  if (!(Number(minutes) > 0)) {
    throw new RangeError(`Cannot soak for "${minutes}" minutes: expected a number above 0`);
  }
  const end = performance.now() + Number(minutes) * 60_000;
  const given = Deno.env.get("TIDEPOOL_SEED");
  let seed = given === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : Number(given);
  let operations = 0;
  for (let round = 0; performance.now() < end; round++) {
    const options = KINDS[round % KINDS.length]!;
    console.log(`${operations} operations so far; seed ${seed}, ${JSON.stringify(options)}`);
    // The first seed of a run that is repeated must meet the options that it failed with.
    const kinds = given === undefined ? [options] : KINDS;
    for (const kind of kinds) {
      const soak = new Soak(new SeededRandom(seed), kind);
      soak.run(kind.debugHeap ? OPERATIONS / 10 : OPERATIONS);
      soak.finish();
      operations += soak.operations;
    }
    seed = new SeededRandom(seed).next();
  }
  console.log(`${operations} operations, nothing found`);
}

if (import.meta.main) main(Deno.args);
