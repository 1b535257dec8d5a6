/**
 * The soak of the bus: a runtime of random shape in which the host and all shards make random calls,
 * while shards die and come back. Every answer is checked where it arrives, every note is in a ledger;
 * at the end nothing is lost, doubled or out of order, and no heap is damaged. The test suite runs it for
 * a moment; `deno task soak:bus` for as long as one likes.
 */
import { Runtime, ShardCrashedError } from "@tidepool/core";
import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../../harness/seeded_random.ts";
import { Driver, type DriverReport, soakTasks } from "./soak_tasks.ts";

/** A crashed shard fails the runtime when it crashes more often within a minute. */
const MOST_CRASHES = 4;
const DEATHS = ["throw", "reject", "close", "exit"] as const;

/** What a round has done. */
export interface SoakReport extends DriverReport {
  /** Shards that died. */
  readonly deaths: number;
}

/** One round: a runtime of its own, with a seed that says all. */
export async function soakRound(seed: number, calls: number): Promise<SoakReport> {
  const random = new SeededRandom(seed);
  const shards = random.between(1, 4);
  const deaths = random.below(3) === 0 ? 0 : random.between(1, MOST_CRASHES);
  const warnings: Error[] = [];
  const restarts: PromiseWithResolvers<void>[] = [];
  await using runtime = await Runtime.start({
    shards,
    memory: shards * 16 * 2 ** 20,
    ringSlots: [2, 4, 16, 256, 2048][random.below(5)]!,
    spinMicroseconds: [0, 20][random.below(2)]!,
    onCrash: "restart",
    onRestart: () => restarts.shift()!.resolve(),
    onWarning: (warning) => warnings.push(warning),
  });
  const ids = Array.from({ length: shards }, (_, shard) => shard);
  Driver.forgetNotes();
  const host = new Driver(
    random,
    shards,
    ids,
    (to, task, ...args) => runtime.submitTo(to, task, ...args),
  );
  const driven = [host.run(calls), ...ids.map((shard) => drive(runtime, shard, random, calls))];
  for (let death = 0; death < deaths; death++) {
    const restarted = Promise.withResolvers<void>();
    restarts.push(restarted);
    const victim = random.below(shards);
    const how = DEATHS[random.below(DEATHS.length)]!;
    const dying = runtime.submitTo(victim, soakTasks.die, how);
    const error = await dying.catch((error: unknown) => error);
    assert(error instanceof ShardCrashedError, `a shard that dies by ${how} gives ${error}`);
    await restarted.promise;
  }
  const total = { right: 0, crashed: 0, givenUp: 0, deaths };
  for (const { right, crashed, givenUp } of await Promise.all(driven)) {
    total.right += right;
    total.crashed += crashed;
    total.givenUp += givenUp;
  }
  // A note out of order is among the failures that flush() throws; what the dead owed it cannot tell.
  await runtime.flush();
  if (deaths === 0) {
    for (const shard of ids) {
      assertEquals(
        await runtime.submitTo(shard, soakTasks.lastNote, shards),
        Driver.notesSentTo(shard),
      );
    }
    assertEquals([total.crashed, warnings], [0, []]);
  }
  await runtime.stop();
  for (const shard of ids) runtime.checkHeap(shard);
  return total;
}

/** Has a shard drive; a driver that dies with its shard has nothing to report. */
async function drive(
  runtime: Runtime,
  shard: number,
  random: SeededRandom,
  calls: number,
): Promise<DriverReport> {
  try {
    return await runtime.submitTo(shard, soakTasks.drive, random.next(), calls);
  } catch (error) {
    if (!(error instanceof ShardCrashedError)) throw error;
    return { right: 0, crashed: 1, givenUp: 0 };
  }
}
