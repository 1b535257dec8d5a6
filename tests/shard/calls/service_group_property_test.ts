/**
 * A service group against a list: random calls, ends and aborts, after each of which the calls that
 * run and wait must be those that a plain queue says.
 */
import { ServiceGroup } from "@tidepool/core";
import { assertEquals } from "@std/assert";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";

interface Call {
  readonly name: number;
  readonly end: () => void;
  readonly abort: () => void;
}

async function runSteps(random: SeededRandom, steps: number): Promise<void> {
  const maxInFlight = random.between(1, 4);
  const maxWaiting = random.below(6);
  const group = new ServiceGroup({ maxInFlight, maxWaiting });
  const started: number[] = [];
  const outcomes = new Map<number, string>();
  const expectedOutcomes = new Map<number, string>();
  // The model: who runs, and who waits, oldest first.
  const inFlight: Call[] = [];
  const waiting: Call[] = [];
  const expectedStarts: number[] = [];
  const admit = (call: Call): void => {
    inFlight.push(call);
    expectedStarts.push(call.name);
  };
  for (let name = 0; name < steps; name++) {
    const choice = random.below(4);
    if (choice < 2) {
      const end = Promise.withResolvers<void>();
      const abort = new AbortController();
      group.run(() => {
        started.push(name);
        return end.promise;
      }, { signal: abort.signal }).then(
        () => outcomes.set(name, "ended"),
        (error: Error) => outcomes.set(name, error.name),
      );
      const call = { name, end: end.resolve, abort: () => abort.abort() };
      if (inFlight.length < maxInFlight) admit(call);
      else if (waiting.length < maxWaiting) waiting.push(call);
      else expectedOutcomes.set(name, "BusyError");
    } else if (choice === 2 && inFlight.length > 0) {
      const [call] = inFlight.splice(random.below(inFlight.length), 1);
      call!.end();
      expectedOutcomes.set(call!.name, "ended");
      const next = waiting.shift();
      if (next !== undefined) admit(next);
    } else if (choice === 3 && waiting.length > 0) {
      const [call] = waiting.splice(random.below(waiting.length), 1);
      call!.abort();
      expectedOutcomes.set(call!.name, "AbortError");
    }
    for (let turn = 0; turn < 10; turn++) await undefined;
    assertEquals(started, expectedStarts);
    assertEquals([group.inFlight, group.waiting], [inFlight.length, waiting.length]);
    assertEquals([...outcomes].sort(), [...expectedOutcomes].sort());
  }
}

Deno.test("ServiceGroup runs and refuses what a plain queue would", async () => {
  await withRandom(async (random) => {
    for (let run = 0; run < 100; run++) await runSteps(random, 60);
  });
});
