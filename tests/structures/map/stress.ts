/** Maps that one shard changes as fast as it can, while others read them and look at each value. */
import { Runtime } from "@tidepool/core";
import { SeededRandom } from "../../harness/seeded_random.ts";
import { type Readings, stressTasks } from "./stress_tasks.ts";

/** How much of it. */
export interface StressOptions {
  readonly seed: number;
  /** At least so many values are read, by all readers together. */
  readonly reads: number;
  /** At least so many changes are made meanwhile. */
  readonly writes: number;
  readonly readers: number;
  readonly keys: number;
}

/** What came of it; all but the counts of what was done has to be 0. */
export interface StressReport extends Readings {
  readonly writes: number;
  /** Entries that are not what was set last. */
  readonly wrong: number;
  /** Blocks that are left when all maps are closed. */
  readonly leaked: number;
  /** How often all maps of blocks were closed and made anew. */
  readonly renewals: number;
}

const OWNER = 0;
/** Changes, and reads, in one turn of a shard. */
const TURN_WRITES = 1000;
const TURN_READS = 10_000;

/** One round on a runtime of its own. Throws what any shard throws, and what the runtime warns of. */
export async function stress(options: StressOptions): Promise<StressReport> {
  const { seed, keys } = options;
  const warnings: unknown[] = [];
  const runtime = await Runtime.start({
    shards: options.readers + 1,
    memory: "192MiB",
    // Freed memory is filled, and used again soon.
    debugHeap: { stacks: false, quarantineBytes: 4096 },
    onWarning: (warning) => warnings.push(warning),
  });
  let report: StressReport;
  {
    await using running = runtime;
    report = await run(running, options, new SeededRandom(seed), keys);
  }
  if (warnings.length > 0) throw new AggregateError(warnings, "The runtime has warned");
  return report;
}

async function run(
  runtime: Runtime,
  { reads, writes, readers, seed }: StressOptions,
  random: SeededRandom,
  keys: number,
): Promise<StressReport> {
  // What is made once, with the first map.
  const blocks = runtime.memoryStatistics(OWNER).liveBlocks;
  let addresses = await runtime.submitTo(OWNER, stressTasks.open, seed, keys);
  const shards = Array.from({ length: readers }, (_, reader) => reader + 1);
  await Promise.all(
    shards.map((shard) => runtime.submitTo(shard, stressTasks.enter, random.next(), keys)),
  );
  let read = 0;
  let written = 0;
  let renewals = 0;
  // Each goes on until the others have done what they are to do.
  const isDone = () => read >= reads && written >= writes;
  const reading = shards.map(async (shard) => {
    while (!isDone()) {
      read += await runtime.submitTo(shard, stressTasks.read, addresses, TURN_READS);
    }
  });
  const writing = async () => {
    while (!isDone()) {
      await runtime.submitTo(OWNER, stressTasks.write, TURN_WRITES);
      written += TURN_WRITES;
      if (random.below(25) > 0) continue;
      addresses = await runtime.submitTo(OWNER, stressTasks.renew);
      renewals++;
    }
  };
  await Promise.all([writing(), ...reading]);
  const met = await Promise.all(shards.map((shard) => runtime.submitTo(shard, stressTasks.met)));
  const wrong = await runtime.submitTo(OWNER, stressTasks.wrong);
  await runtime.submitTo(OWNER, stressTasks.close);
  const leaked = runtime.memoryStatistics(OWNER).liveBlocks - blocks;
  const sum = (name: keyof Readings) => met.reduce((sum, each) => sum + each[name], 0);
  return {
    reads: sum("reads"),
    found: sum("found"),
    torn: sum("torn"),
    backwards: sum("backwards"),
    missed: sum("missed"),
    stale: sum("stale"),
    writes: written,
    wrong,
    leaked,
    renewals,
  };
}
