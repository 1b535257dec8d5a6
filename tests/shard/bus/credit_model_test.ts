/**
 * The credit scheme in every order of turns of two endpoints, requests and replies both ways, over rings
 * of four slots; and in random orders of three. Calls that are answered at once, that call back first,
 * that want no reply, and that end only when they are given up. Nothing may be lost, reordered or stuck,
 * and no record may find its ring full. Mutants of the bus must be caught.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { Callee } from "../../../shard/bus/callee.ts";
import { Caller } from "../../../shard/bus/caller.ts";
import { RingProducer } from "../../../shard/bus/spsc_ring.ts";
import { runSeed, SeededRandom } from "../../harness/seeded_random.ts";
import { CreditModel, SLOTS } from "./credit_model.ts";

type Turn = (model: CreditModel) => Promise<unknown> | void;

/** What an endpoint may do in a turn: two calls of one kind, or look at its rings. */
function turnsOf(endpoint: number, peers: readonly number[]): Turn[] {
  return peers.flatMap((to): Turn[] => [
    (model) => calls(model, endpoint, to, "echo"),
    (model) => calls(model, endpoint, to, "ask"),
    (model) => calls(model, endpoint, to, "note"),
    (model) => calls(model, endpoint, to, "subscribe"),
  ]).concat((model) => model.poll(endpoint));
}

function calls(
  model: CreditModel,
  from: number,
  to: number,
  task: Parameters<CreditModel["call"]>[2],
): void {
  model.call(from, to, task);
  model.call(from, to, task);
}

/** Plays turns, then lets all settle, gives up what would not end, and settles again. */
async function play(turns: readonly Turn[], endpoints: number, urgently = true): Promise<string> {
  const model = new CreditModel(endpoints);
  for (const turn of turns) await turn(model);
  await model.settle();
  // Calls wait behind those that never end; each round lets the next ones begin.
  for (let round = 0; round < 2 * turns.length && model.faults.length === 0; round++) {
    for (let from = 0; from < endpoints; from++) model.giveUp(from, urgently);
    await model.settle();
  }
  return model.verdict();
}

/** Plays every sequence of `length` turns; the verdicts that are not "", with one sequence each. */
async function playAll(length: number, urgently = true): Promise<Map<string, string>> {
  const choices = [...turnsOf(0, [1]), ...turnsOf(1, [0])];
  const verdicts = new Map<string, string>();
  for (let n = 0; n < choices.length ** length; n++) {
    const sequence = Array.from(
      { length },
      (_, i) => Math.floor(n / choices.length ** i) % choices.length,
    );
    const verdict = await play(sequence.map((choice) => choices[choice]!), 2, urgently);
    if (verdict !== "") verdicts.set(verdict, sequence.join());
  }
  return verdicts;
}

Deno.test("two endpoints with rings of four slots get stuck in no order of turns", async () => {
  assertEquals(await playAll(4), new Map());
});

Deno.test("three endpoints with rings of four slots get stuck in no order of turns that chance tries", async () => {
  const seed = runSeed();
  const random = new SeededRandom(seed);
  const choices = [0, 1, 2].flatMap((endpoint) =>
    turnsOf(endpoint, [0, 1, 2].filter((other) => other !== endpoint))
  );
  for (let run = 0; run < 500; run++) {
    const turns = Array.from({ length: 12 }, () => choices[random.below(choices.length)]!);
    const verdict = await play(turns, 3);
    assertEquals(
      verdict,
      "",
      `run ${run} of seed ${seed}: run it again with TIDEPOOL_SEED=${seed}`,
    );
  }
});

Deno.test("a chain of calls that comes back more often than there is credit waits, and can be given up", async () => {
  // The rule that docs/services.md states: each level of a chain holds its credit until it ends.
  const model = new CreditModel(2);
  calls(model, 0, 1, "subscribe");
  calls(model, 1, 0, "ask");
  calls(model, 0, 1, "ask");
  await model.settle();
  assertGreater(model.calls.filter(({ outcome }) => outcome === "under way").length, 0);
  model.giveUp(0);
  await model.settle();
  model.giveUp(0);
  await model.settle();
  assertEquals(model.verdict(), "");
});

/** Runs `body` with one method of the bus replaced. */
async function withMutant<T extends object, Key extends keyof T>(
  prototype: T,
  key: Key,
  mutant: (original: T[Key]) => T[Key],
  body: () => Promise<void>,
): Promise<void> {
  const original = prototype[key];
  prototype[key] = mutant(original);
  try {
    await body();
  } finally {
    prototype[key] = original;
  }
}

Deno.test("the model catches rings that are smaller than credit promises", async () => {
  // As if credit were a whole ring, and not half of one.
  const slotsInUse = new WeakMap<RingProducer, number>();
  const full = (ring: RingProducer) => (slotsInUse.get(ring) ?? 0) >= SLOTS / 2;
  await withMutant(
    RingProducer.prototype,
    "tryReserve",
    (original) =>
      function (this: RingProducer): number {
        slotsInUse.set(this, [...this.unread()].length);
        return full(this) ? -1 : original.call(this);
      },
    async () => {
      const verdicts = [...(await playAll(3)).keys()];
      assert(
        verdicts.some((verdict) => verdict.includes("credit must keep a slot free")),
        verdicts[0],
      );
    },
  );
});

Deno.test("the model catches a caller that forgets what waits", async () => {
  await withMutant(Caller.prototype, "sendWaiting", () => () => {}, async () => {
    assert([...(await playAll(3)).keys()].some((verdict) => verdict.includes("never end")));
  });
});

Deno.test("the model catches a callee that does not give back the credit of calls without reply", async () => {
  await withMutant(Callee.prototype, "acknowledge", () => () => {}, async () => {
    assert([...(await playAll(3)).keys()].some((verdict) => verdict.includes("for ever")));
  });
});

Deno.test("the model catches cancellations that wait behind what they are to end", async () => {
  assertGreater((await playAll(3, false)).size, 0);
});
