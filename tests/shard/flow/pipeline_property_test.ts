/**
 * Pipelines and bounded maps against what they mean: a loop that knows all outcomes beforehand. Sources,
 * delays, errors, aborts and readers are random; delays are turns of the microtask queue.
 */
import { mapCalls } from "../../../shard/flow/map_limit.ts";
import { Pipeline } from "../../../shard/flow/pipeline.ts";
import { assert, assertEquals } from "@std/assert";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { Numbers } from "./flow_probes.ts";

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined;
}

/** What happens in a run, drawn beforehand. */
class Plan {
  readonly count: number;
  readonly inFlight: number;
  readonly isAsync: boolean;
  /** Turns that the source, the call and the reader take for each item. */
  readonly source: number[];
  readonly call: number[];
  readonly reader: number[];
  /** Calls that fail, by item; and the item in whose place the source does. */
  readonly failing: Set<number>;
  readonly sourceFailsAt: number;

  constructor(random: SeededRandom) {
    this.count = random.below(40);
    this.inFlight = random.between(1, 8);
    this.isAsync = random.below(2) === 0;
    const most = random.between(1, 30);
    const delays = () => Array.from({ length: this.count + 1 }, () => random.below(most));
    [this.source, this.call, this.reader] = [delays(), delays(), delays()];
    const isFlawed = random.below(2) === 0;
    this.failing = new Set(
      [...this.call.keys()].filter(() => isFlawed && random.below(20) === 0),
    );
    this.sourceFailsAt = isFlawed && random.below(3) === 0 ? random.below(this.count + 1) : -1;
  }

  /** Results that can be read before the first error in the order of the items, and that error. */
  expected(): { readonly results: number[]; readonly error: string | undefined } {
    const results: number[] = [];
    for (let item = 0; item <= this.count; item++) {
      if (item === this.sourceFailsAt) return { results, error: "source" };
      if (item === this.count) break;
      if (this.failing.has(item)) return { results, error: `call ${item}` };
      results.push(item);
    }
    return { results, error: undefined };
  }
}

/** A run of a plan: its source and its calls, which hold the bound. */
class Run {
  readonly numbers: Numbers;
  /** The calls that have failed, the first to fail first. */
  readonly failed: string[] = [];
  #underWay = 0;
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.numbers = new Numbers(plan.count, plan.isAsync);
    this.numbers.failsAt = plan.sourceFailsAt;
    this.numbers.before = (item) => plan.isAsync ? turns(plan.source[item]!) : undefined;
  }

  readonly call = async (item: number, index: number): Promise<number> => {
    assertEquals(item, index);
    assert(++this.#underWay <= this.#plan.inFlight, `${this.#underWay} calls under way`);
    await turns(this.#plan.call[item]!);
    this.#underWay--;
    if (!this.#plan.failing.has(item)) return item;
    this.failed.push(`call ${item}`);
    throw new Error(`call ${item}`);
  };

  /** After the end: the source was closed if it had not ended, once, and nothing goes on. */
  async checkLeft(): Promise<void> {
    await turns(100);
    const { taken, closed, isOver } = this.numbers;
    assertEquals(closed, isOver ? 0 : 1);
    assertEquals(this.#underWay, 0);
    await turns(100);
    assertEquals(this.numbers.taken, taken);
  }
}

/** How many are ahead of the reader at most: under way, or waiting for it. */
const AHEAD = 3;

async function runPipeline(random: SeededRandom): Promise<void> {
  const plan = new Plan(random);
  const run = new Run(plan);
  const ordered = random.below(2) === 0;
  const leavesAt = random.below(4) === 0 ? random.below(plan.count + 1) : Infinity;
  const abortsAt = random.below(4) === 0 ? random.below(200) : Infinity;
  const controller = new AbortController();
  const { inFlight } = plan;
  const pipeline = new Pipeline(run.numbers.items, run.call, {
    inFlight,
    ordered,
    signal: controller.signal,
  });
  if (abortsAt < Infinity) turns(abortsAt).then(() => controller.abort(new Error("abort")));
  const read: number[] = [];
  let error: string | undefined;
  let hasLeft = false;
  try {
    for await (const result of pipeline) {
      read.push(result);
      const ahead = run.numbers.taken - read.length;
      assert(ahead <= AHEAD * inFlight, `${ahead} ahead of the reader`);
      if (read.length > leavesAt) {
        hasLeft = true;
        break;
      }
      await turns(plan.reader[result]!);
    }
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  const { results, error: firstInOrder } = plan.expected();
  if (ordered) assertEquals(read, results.slice(0, read.length));
  assertEquals(new Set(read).size, read.length);
  assert(read.every((result) => !plan.failing.has(result)));
  if (error === "abort") assert(controller.signal.aborted);
  else if (!hasLeft) {
    if (ordered) assertEquals([read, error], [results, firstInOrder]);
    else {
      assertEquals(error, run.failed[0] ?? (plan.sourceFailsAt >= 0 ? "source" : undefined));
      if (error === undefined) assertEquals(read.toSorted((a, b) => a - b), results);
    }
  }
  assertEquals((await pipeline.next()).done, true);
  await run.checkLeft();
}

async function runMap(random: SeededRandom): Promise<void> {
  const plan = new Plan(random);
  const run = new Run(plan);
  const abortsAt = random.below(4) === 0 ? random.below(200) : Infinity;
  const controller = new AbortController();
  const { inFlight } = plan;
  if (abortsAt < Infinity) turns(abortsAt).then(() => controller.abort(new Error("abort")));
  try {
    const results = await mapCalls(run.numbers.items, run.call, {
      inFlight,
      signal: controller.signal,
    });
    assertEquals([results, undefined], [plan.expected().results, plan.expected().error]);
  } catch (thrown) {
    const { message } = thrown as Error;
    const possible = [
      run.failed[0],
      plan.sourceFailsAt === run.numbers.taken ? "source" : undefined,
      controller.signal.aborted ? "abort" : undefined,
    ];
    assert(possible.includes(message), `${message}, not one of ${possible}`);
  }
  await run.checkLeft();
}

Deno.test("a pipeline gives what a loop over all outcomes would, and leaves nothing", async () => {
  await withRandom(async (random) => {
    for (let run = 0; run < 1500; run++) await runPipeline(random);
  });
});

Deno.test("mapLimit() gives what a loop over all outcomes would, and leaves nothing", async () => {
  await withRandom(async (random) => {
    for (let run = 0; run < 1500; run++) await runMap(random);
  });
});
